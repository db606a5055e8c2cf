"""`gclbench embed`: features of your own images, by a file of weights or a finished run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gclbench.cli.arguments import AsJson, ContentFolders, KeyValues, read_words
from gclbench.cli.checkpoint import sizes_from
from gclbench.cli.exit import ExitCode
from gclbench.cli.output import note, say, say_json, screen
from gclbench.errors import UsageError
from gclbench.shown_text import shown
from gclbench.user_paths import user_path
from gclbench.words.verbs import EmbedWords

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.runtime.checkpoints.embed import Features
    from gclbench.runtime.checkpoints.source import Source

SHOWN = 10


def embed(
    words: KeyValues = None,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Turn images into unit features: one npz with `features` float32 (N, E) and `paths`.

    checkpoint= is a file of gclbench, JVTC, GCL, ... (`gclbench checkpoint show` knows which), or
    the key of a node or run, as in `gclbench checkpoint export`. A TorchScript file is a program:
    run only those that you trust. Images that cannot be read are named and left out (exit code 5).

    \b
    Examples:
      gclbench embed checkpoint=e_id.pth images=shots/ out=shots.npz
      gclbench embed checkpoint=3fb0c1d2 images="shots/*.jpg" query=shots/0001.jpg top=5
      gclbench embed checkpoint=resnet50_market075_epoch00045.pth profile=paper images=shots/
    """
    parsed = read_words(EmbedWords, words, content)
    found = _embed(screen(stderr=True, quiet=as_json), parsed)
    for line in _broken_lines(found["broken"]):
        note(line)
    _print(found, as_json)
    if found["broken"]:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(found)
        return
    _show(found)


def _embed(console: Console, parsed: EmbedWords) -> dict[str, Any]:
    """Write the features; return what `--json` prints."""
    from gclbench.devices import choose_device
    from gclbench.pictures import open_rgb
    from gclbench.runtime.checkpoints.embed import embed_images, find_images, write_features
    from gclbench.runtime.checkpoints.source import open_source

    sizes = sizes_from(parsed)
    if parsed.out.is_dir():
        raise UsageError(f"out={parsed.out} is a folder.", "Name a file in it.")
    device = choose_device(parsed.device)
    broken: dict[Path, str] = {}
    paths = find_images(parsed.images, broken)
    if parsed.query is not None:
        open_rgb(user_path(parsed.query))  # before the others take their time
    source = open_source(parsed.checkpoint, parsed.home, parsed.store, sizes, device)
    with _bar(console) as on_progress:
        features = embed_images(source, paths, parsed.batch_size, on_progress, broken)
    paths = [path for path in paths if path not in broken]
    found: dict[str, Any] = {
        "checkpoint": parsed.checkpoint,
        "source": source.title,
        "images": len(paths),
        "broken": [{"path": path.as_posix(), "why": why} for path, why in broken.items()],
        "features": features.shape[1],
        "height_px": source.height_px,
        "width_px": source.width_px,
        "out": str(parsed.out),
    }
    if parsed.query is not None:
        found["query"] = parsed.query
        found["nearest"] = _nearest(source, parsed.query, features, paths, parsed.top)
    write_features(parsed.out, features, paths)
    return found


def _broken_lines(broken: list[dict[str, str]]) -> Iterator[str]:
    """What could not be read: the first ones, and how many."""
    for each in broken[:SHOWN]:
        yield f"left out: {shown(each['why'])}"
    if len(broken) > SHOWN:
        yield f"left out: {len(broken) - SHOWN} more; --json names them all"


def _nearest(
    source: Source, query: str, features: Features, paths: list[Path], top: int
) -> list[dict[str, Any]]:
    """The images nearest to a query, with squared distances; its own file is left out."""
    from gclbench.runtime.checkpoints.embed import nearest_paths

    found = nearest_paths(source, user_path(query), features, paths, top)
    return [{"path": path.as_posix(), "distance": distance} for path, distance in found]


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import Progress

    with Progress(console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task("images", total=None)
        yield lambda done, count: bar.update(task, completed=done, total=count)


def _show(found: dict[str, Any]) -> None:
    lines = [
        f"{found['images']} images at {found['height_px']}x{found['width_px']}, "
        f"{found['features']} features each; {found['source']}"
    ]
    if "nearest" in found:
        lines.append(f"nearest to {found['query']} (squared distance of unit features, 0 to 4):")
        lines += [f"  {each['distance']:.4f}  {each['path']}" for each in found["nearest"]]
    for line in [*lines, f"wrote {found['out']}"]:
        say(line)
