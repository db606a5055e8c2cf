"""File names and folders of planned images, in the grammar of the dataset whose role they play."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from gclbench.datasets.msmt17 import LISTS, NAME, VERSIONS
from gclbench.datasets.reader import FOLDERS
from gclbench.datasets.synthetic.shot import Shot
from gclbench.datasets.synthetic.shots import World
from gclbench.datasets.synthetic.spec import SlottedSpec
from gclbench.datasets.synthetic.tracklet_names import (
    MARS_FOLDERS,
    dukev_names,
    mars_names,
    write_info,
)
from gclbench.errors import UsageError

Named = list[tuple[str, Shot]]
_MSMT_FOLDERS = dict(zip(("train", "query"), VERSIONS["V2"], strict=True))
_MSMT_FOLDERS["gallery"] = _MSMT_FOLDERS["query"]
# list_val holds every fifth image of a person, as far as there are that many.
_VALIDATION_STEP = 5


def named_shots(world: World, split: str) -> Named:
    """Return (file name, shot) of a split, sorted by name.

    DukeMTMC-VideoReID's names begin with the folders of person and tracklet.
    Raises UsageError where a world is too large for the digits of the grammar.
    """
    if isinstance(world.spec, SlottedSpec):
        named = _msmt(world, world.spec, split)
    elif world.spec.grammar == "mars":
        named = mars_names(world, split)
    elif world.spec.grammar == "dukev":
        named = dukev_names(world, split)
    elif world.spec.grammar == "duke":
        named = _duke(world, split)
    else:
        named = _market(world, split)
    return sorted(named, key=lambda pair: pair[0])


def folder_of(world: World, split: str) -> str:
    """Return the folder that holds a split's images."""
    if isinstance(world.spec, SlottedSpec):
        return _MSMT_FOLDERS[split]
    folders = {"mars": MARS_FOLDERS, "dukev": {name: name for name in FOLDERS}}
    return folders.get(world.spec.grammar, FOLDERS)[split]


def path_of(world: World, split: str, name: str) -> str:
    """Return where an image lies; sorting names and sorting paths give the same order."""
    below = f"{name[:4]}/{name}" if world.spec.grammar in ("msmt", "mars") else name
    return f"{folder_of(world, split)}/{below}"


def write_lists(world: World, folder: Path) -> None:
    """Write the lists that name the images of each split, where the grammar has lists."""
    if world.spec.grammar == "mars":
        write_info(world, folder)
    if not isinstance(world.spec, SlottedSpec):
        return
    for split, files in LISTS.items():
        lines: dict[str, list[str]] = {file: [] for file in files}
        for name, shot in named_shots(world, split):
            lines[_list_of(files, name)].append(f"{name[:4]}/{name} {shot.pid}\n")
        for file, content in lines.items():
            (folder / file).write_text("".join(content), encoding="utf-8", newline="\n")


def _list_of(files: Sequence[str], name: str) -> str:
    number = int(name[5:8])
    return files[-1 if number % _VALIDATION_STEP == _VALIDATION_STEP - 1 else 0]


def _duke(world: World, split: str) -> Named:
    return [
        (f"{shot.pid:04d}_c{shot.camera + 1}_f{shot.frame:07d}.jpg", shot)
        for shot in world.split(split)
    ]


def _market(world: World, split: str) -> Named:
    taken: dict[str, int] = defaultdict(int)
    named = []
    for shot in world.split(split):
        sequence, frame = divmod(shot.frame, world.spec.sequence_frames)
        who = "-1" if shot.pid < 0 else f"{shot.pid:04d}"
        stem = f"{who}_c{shot.camera + 1}s{sequence + 1}_{frame:06d}"
        taken[stem] += 1
        number = taken[stem] - 1 if split == "query" else taken[stem]
        named.append((f"{stem}_{number:02d}.jpg", shot))
    return named


def _msmt(world: World, spec: SlottedSpec, split: str) -> Named:
    """Images of a person are numbered through, query and gallery together."""
    counted: dict[int, int] = defaultdict(int)
    named = []
    for shot in world.shots:
        if _MSMT_FOLDERS[shot.split] != _MSMT_FOLDERS[split]:
            continue
        number = counted[shot.pid]
        counted[shot.pid] += 1
        # About two in five names of the real dataset end in _ex.
        end = "0_ex" if shot.noise_seed % 5 < 2 else "0"
        name = (
            f"{shot.pid:04d}_{number:03d}_{shot.camera + 1:02d}_{spec.slots[shot.slot].name}"
            f"_{shot.frame // spec.frames_per_number:04d}_{end}.jpg"
        )
        if not re.fullmatch(NAME, name):
            raise UsageError(
                f"{name} is no name of MSMT17: the world is too large for its digits.",
                "Lower data.world.people_train, people_test or images_per_person.",
            )
        if shot.split == split:
            named.append((name, shot))
    return named
