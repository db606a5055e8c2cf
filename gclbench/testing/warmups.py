"""What every warm-up (stage 1) promises. A user's component joins with one fixture:

class TestMine(WarmupContract):
    @pytest.fixture
    def case(self):
        return WarmupCase(tiny_settings({"warmup.method": "mine"}))

Two or three epochs are enough, and one more for every phase that begins later. A method that also
learns from a labelled source has a second class, with `sourced=True`; one for tracklets has a
class with `tracklets=True`.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from gclbench.digest import digest
from gclbench.plan import Checkpoints
from gclbench.schema import Settings
from gclbench.seeding import torch_generator
from gclbench.stages.context import StageContext
from gclbench.stages.loop import EPOCHS_FILE
from gclbench.stages.pretrain import load_encoder, new_encoder
from gclbench.stages.supervised import class_indices, new_classifier
from gclbench.stages.warmup import warmup
from gclbench.testing.tiny_set import TinySet

_ALL = 10_000
IMAGES, SOURCE = TinySet(), TinySet(people=6, strays=0, seed=1, label="tiny source")
TRACKLETS = TinySet(label="tiny tracklets", role="mars", tracklets=True)


@dataclass(frozen=True)
class WarmupCase:
    """A warm-up at tiny sizes (`settings.warmup.method` names it); `sourced`: after a source.

    `tracklets`: its target has tracklets. `draws=False` says that nothing is random, as with a
    file that is only loaded.
    """

    settings: Settings
    sourced: bool = False
    draws: bool = True
    tracklets: bool = False

    @property
    def target(self) -> TinySet:
        return TRACKLETS if self.tracklets else IMAGES


@dataclass(frozen=True)
class Finished:
    """What a run left: E_id's tensors, the metrics of its epochs, the files of its checkpoints."""

    encoder: Mapping[str, Tensor]
    epochs: tuple[Mapping[str, float], ...]
    checkpoints: Mapping[str, bytes] = field(repr=False)


def finish(
    case: WarmupCase,
    *,
    target: TinySet | None = None,
    seed: int = 0,
    checkpoints: Mapping[str, bytes] | None = None,
) -> Finished:
    """Run stage 1 to its end, from the checkpoint files given on where there are some."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = _context(case, folder, target or case.target, seed)
        saved = folder / "run" / "checkpoints"
        saved.mkdir(parents=True)
        for file, content in (checkpoints or {}).items():
            (saved / file).write_bytes(content)
        warmup(context)
        return Finished(
            encoder=torch.load(folder / "run" / "encoder.pt", weights_only=True),
            epochs=tuple(json.loads((folder / "run" / EPOCHS_FILE).read_text(encoding="utf-8"))),
            checkpoints={path.name: path.read_bytes() for path in sorted(saved.iterdir())},
        )


@cache
def whole(case: WarmupCase) -> Finished:
    """The run that the others are compared with: seed 0, all epochs in one go; made once."""
    return finish(case)


def _context(case: WarmupCase, folder: Path, target: TinySet, seed: int) -> StageContext:
    datasets: dict[str, Any] = {"target": target}
    if case.sourced:
        datasets["source"] = SOURCE
    own = folder / "run"
    own.mkdir()
    return StageContext(
        stage="warmup",
        settings=case.settings,
        seed=seed,
        parents=_parents(case, folder),
        datasets=datasets,
        folder=own,
        checkpoints=Checkpoints(own / "checkpoints", keep=_ALL),
        device=torch.device("cpu"),
        log=_unread,
        progress=_unread,
    )


def _parents(case: WarmupCase, folder: Path) -> dict[str, Path]:
    """What stage 1 goes on from: a random E_id, after a source with its classifier."""
    name = "source" if case.sourced else "pretrain"
    place = folder / name
    place.mkdir()
    torch.save(start(case.settings), place / "encoder.pt")
    if case.sourced:
        classes = int(class_indices(cast(Any, SOURCE)).max()) + 1
        generator = torch_generator(0, "contract", "classifier")
        width = case.settings.network.id_encoder.embedding_dim
        torch.save(new_classifier(width, classes, generator).state_dict(), place / "classifier.pt")
    return {name: place}


def start(settings: Settings) -> dict[str, Tensor]:
    """The E_id that every run of the contract begins with."""
    blank = StageContext(
        stage="contract",
        settings=settings,
        seed=0,
        parents={},
        datasets={},
        folder=Path(),
        checkpoints=Checkpoints(Path()),
        device=torch.device("cpu"),
        log=_unread,
        progress=_unread,
    )
    state: dict[str, Tensor] = new_encoder(blank).state_dict()
    return state


def _unread(*args: Any) -> None:
    """Metrics and progress of a run that nobody watches."""


def differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
    """Return the names of tensors that differ in any bit, or that only one side has."""
    names = sorted({*one, *other})
    return [
        name
        for name in names
        if name not in one or name not in other or not torch.equal(one[name], other[name])
    ]


def _up_to(checkpoints: Mapping[str, bytes], epoch: int) -> dict[str, bytes]:
    """The files that a run killed after `epoch` epochs leaves: names begin with `epoch-00001`."""
    return {name: data for name, data in checkpoints.items() if int(name[6:11]) <= epoch}


def _state_of_chance() -> str:
    kind, keys, *place = np.random.get_state()
    states = [torch.get_rng_state().tolist(), str(kind), np.asarray(keys).tolist(), place]
    return digest([states, repr(random.getstate())])


class WarmupContract:
    """Inherit, and give the fixture `case`; it may have any scope."""

    def test_it_trains_at_least_two_epochs_or_none(self, case: WarmupCase) -> None:
        # With a single epoch, nothing below could tell whether it resumes.
        assert len(whole(case).epochs) != 1
        numbers = [epoch["epoch"] for epoch in whole(case).epochs]
        assert numbers == list(range(1, len(numbers) + 1))

    def test_it_changes_the_encoder_and_everything_stays_finite(self, case: WarmupCase) -> None:
        done = whole(case)
        assert differing(start(case.settings), done.encoder) != []
        strange = [name for name, v in done.encoder.items() if not bool(torch.isfinite(v).all())]
        assert strange == []
        values = [value for epoch in done.epochs for value in epoch.values()]
        assert bool(np.isfinite(values).all())

    def test_the_encoder_keeps_its_names_shapes_and_types(self, case: WarmupCase) -> None:
        before, after = start(case.settings), whole(case).encoder
        assert list(after) == list(before)
        for name, tensor in before.items():
            assert (after[name].shape, after[name].dtype) == (tensor.shape, tensor.dtype), name

    def test_the_next_stage_can_encode_images_with_it(
        self, case: WarmupCase, tmp_path: Path
    ) -> None:
        torch.save(whole(case).encoder, tmp_path / "encoder.pt")
        (tmp_path / "next").mkdir()
        context = replace(
            _context(case, tmp_path / "next", case.target, 0), parents={"warmup": tmp_path}
        )
        encoder = load_encoder(context, "warmup").eval()
        images = torch.randn(4, 3, IMAGES.height_px, IMAGES.width_px, generator=_generator())
        with torch.no_grad():
            assert bool(torch.isfinite(encoder(images).embedding).all())

    def test_one_seed_gives_one_result_bit_for_bit(self, case: WarmupCase) -> None:
        again = finish(case)
        assert differing(again.encoder, whole(case).encoder) == []
        assert again.epochs == whole(case).epochs

    def test_another_seed_gives_another_result_where_it_draws(self, case: WarmupCase) -> None:
        other = finish(case, seed=1)
        assert bool(differing(other.encoder, whole(case).encoder)) == case.draws

    def test_killed_after_any_epoch_it_ends_the_same_bit_for_bit(self, case: WarmupCase) -> None:
        done = whole(case)
        for epoch in range(1, len(done.epochs)):
            resumed = finish(case, checkpoints=_up_to(done.checkpoints, epoch))
            assert differing(resumed.encoder, done.encoder) == [], f"after epoch {epoch}"
            assert resumed.epochs == done.epochs, f"after epoch {epoch}"

    def test_the_labels_of_the_target_reach_no_weight(self, case: WarmupCase) -> None:
        blind = finish(case, target=case.target.relabelled())
        assert differing(blind.encoder, whole(case).encoder) == []

    def test_the_global_generators_are_not_touched(self, case: WarmupCase) -> None:
        before = _state_of_chance()
        finish(case)
        assert _state_of_chance() == before


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(20)
