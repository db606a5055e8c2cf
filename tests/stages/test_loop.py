"""The training loop: order of epochs, exact resume, refusal of non-finite losses."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gclbench.errors import CheckpointError, TrainingError
from gclbench.seeding import torch_generator
from gclbench.stages.loop import endless_batches, last_epoch, shuffled_batches, train


class MemoryCheckpoints:
    def __init__(self) -> None:
        self.saved: list[tuple[int, dict[str, Any]]] = []

    def save(self, epoch: int, state: dict[str, Any]) -> Path:
        self.saved.append((epoch, copy.deepcopy(state)))
        return Path("unused")

    def latest(self) -> tuple[int, dict[str, Any]] | None:
        return copy.deepcopy(self.saved[-1]) if self.saved else None


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "FOLDER", tmp_path)


FOLDER = Path("replaced by the fixture")


def make_context(checkpoints: MemoryCheckpoints | None = None) -> Any:
    logged: list[tuple[str, float, int]] = []
    notices: list[str] = []
    return SimpleNamespace(
        stage="joint",
        folder=FOLDER,
        checkpoints=checkpoints or MemoryCheckpoints(),
        log=lambda name, value, step: logged.append((name, value, step)),
        progress=lambda *args: None,
        notice=notices.append,
        notices=notices,
        torch_generator=lambda *names: torch_generator(7, "joint", *names),
        logged=logged,
    )


class Walk:
    """A random walk whose steps come from the epoch's own stream."""

    def __init__(self, context: Any, epochs: int, die_in: int | None = None) -> None:
        self.context, self.epochs, self.die_in = context, epochs, die_in
        self.place = torch.zeros(3)

    def begin_epoch(self, epoch: int) -> list[torch.Tensor]:
        self.generator = self.context.torch_generator("walk", epoch)
        self.epoch = epoch
        return shuffled_batches(torch.arange(10), 4, self.generator)

    def step(self, batch: torch.Tensor) -> dict[str, torch.Tensor | float]:
        if self.epoch == self.die_in:
            raise KeyboardInterrupt
        self.place = self.place * 0.9 + torch.randn(3, generator=self.generator) * batch.sum()
        return {"loss": self.place.sum()}

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {"epoch_done": float(epoch)}

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.place = state["place"].clone()


def test_a_killed_walk_resumes_to_the_bits_of_an_undisturbed_one() -> None:
    whole = Walk(make_context(), 5)
    train(whole, whole.context)
    checkpoints = MemoryCheckpoints()
    killed = Walk(make_context(checkpoints), 5, die_in=3)
    with pytest.raises(KeyboardInterrupt):
        train(killed, killed.context)
    assert [epoch for epoch, _ in checkpoints.saved] == [1, 2, 3]
    resumed = Walk(make_context(checkpoints), 5)
    train(resumed, resumed.context)
    assert torch.equal(resumed.place, whole.place)
    assert resumed.context.notices == ["goes on after epoch 3 of 5."]
    assert whole.context.notices == []


def test_epoch_metrics_are_logged_with_the_number_of_finished_epochs() -> None:
    walk = Walk(make_context(), 2)
    train(walk, walk.context)
    assert [(n, s) for n, _, s in walk.context.logged if n == "epoch_done"] == [
        ("epoch_done", 1),
        ("epoch_done", 2),
    ]


def test_the_epochs_metrics_are_left_beside_the_weights_also_those_before_a_kill() -> None:
    whole = Walk(make_context(), 4)
    train(whole, whole.context)
    expected = json.loads((FOLDER / "epochs.json").read_text())
    assert [epoch["epoch"] for epoch in expected] == [1, 2, 3, 4]
    logged = [value for name, value, _ in whole.context.logged if name == "epoch_done"]
    assert [epoch["epoch_done"] for epoch in expected] == logged
    (FOLDER / "epochs.json").unlink()
    killed = Walk(make_context(), 4, die_in=2)
    with pytest.raises(KeyboardInterrupt):
        train(killed, killed.context)
    assert not (FOLDER / "epochs.json").exists()
    again = Walk(make_context(killed.context.checkpoints), 4)
    train(again, again.context)
    assert json.loads((FOLDER / "epochs.json").read_text()) == expected
    assert last_epoch(FOLDER) == expected[-1]


def test_a_folder_without_epochs_has_no_last_one() -> None:
    assert last_epoch(FOLDER) == {}


def test_progress_is_reported_after_every_step_with_the_latest_losses() -> None:
    walk, seen = Walk(make_context(), 2), []
    walk.context.progress = lambda *args: seen.append(args)
    train(walk, walk.context)
    assert [(epoch, epochs, step, steps) for epoch, epochs, step, steps, _ in seen] == [
        (0, 2, 1, 2),
        (0, 2, 2, 2),
        (1, 2, 1, 2),
        (1, 2, 2, 2),
    ]
    assert seen[-1][4] == {"loss": pytest.approx(walk.place.sum().item())}


def test_a_loss_that_is_not_finite_stops_with_its_name_and_place() -> None:
    walk = Walk(make_context(), 2)
    walk.step = lambda batch: {"l_vi": torch.tensor(float("nan")), "loss": 1.0}  # type: ignore
    with pytest.raises(TrainingError, match=r"l_vi is not finite in stage joint, epoch 1, step 1"):
        train(walk, walk.context)


def test_a_checkpoint_of_another_network_is_refused() -> None:
    checkpoints = MemoryCheckpoints()
    checkpoints.saved.append((1, {"something": torch.zeros(1)}))
    walk = Walk(make_context(checkpoints), 2)
    with pytest.raises(CheckpointError, match="does not fit"):
        train(walk, walk.context)


def test_an_endless_stream_is_the_same_wherever_it_is_entered() -> None:
    context = make_context()
    whole = list(endless_batches(10, 3, 0, 9, context, "target"))
    parts = [
        *endless_batches(10, 3, 0, 4, context, "target"),
        *endless_batches(10, 3, 4, 5, context, "target"),
    ]
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_one_pass_of_an_endless_stream_visits_no_image_twice() -> None:
    batches = list(endless_batches(10, 3, 3, 3, make_context(), "target"))
    seen = torch.cat(batches)
    assert len(seen) == 9
    assert len(seen.unique()) == 9


def test_every_pass_of_an_endless_stream_has_an_order_of_its_own() -> None:
    batches = list(endless_batches(12, 4, 0, 9, make_context(), "target"))
    passes = [torch.cat(batches[first : first + 3]).tolist() for first in (0, 3, 6)]
    assert all(sorted(order) == list(range(12)) for order in passes)
    assert passes[0] != passes[1] != passes[2] != passes[0]


@pytest.mark.parametrize("drop_last", [False, True])
def test_a_whole_last_batch_is_kept(drop_last: bool) -> None:
    for count in (4, 8, 12):
        batches = shuffled_batches(
            torch.arange(count), 4, torch.Generator().manual_seed(1), drop_last=drop_last
        )
        assert sorted(torch.cat(batches).tolist()) == list(range(count))
        assert [len(batch) for batch in batches] == [4] * (count // 4)


def test_shuffled_batches_drop_the_short_last_batch() -> None:
    batches = shuffled_batches(torch.arange(11), 4, torch_generator(0, "x"))
    assert [len(batch) for batch in batches] == [4, 4]


def test_an_epoch_without_a_batch_is_said_and_counts_as_done() -> None:
    walk = Walk(make_context(), 2)
    walk.begin_epoch = lambda epoch: []  # type: ignore[method-assign]
    train(walk, walk.context)
    assert len(walk.context.notices) == 2
    assert walk.context.notices[0].startswith("epoch 1 takes no step: no batch")
    assert walk.context.checkpoints.latest()[0] == 2
