"""The one training loop: epochs of steps, a checkpoint after each epoch, exact resume.

Chance inside an epoch comes from streams named by the epoch (see `StageContext.torch_generator`),
so a resumed run needs no generator state: epoch 7 draws the same numbers whether or not the
process died.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from gclbench.errors import CheckpointError, TrainingError
from gclbench.samplers.shuffled import shuffled_batches as shuffled_batches
from gclbench.stages.context import StageContext
from gclbench.stages.idle import STEPS, IdleEpochs, own_steps, why_idle

EPOCHS_FILE = "epochs.json"
_HISTORY, _WHY = "epoch_metrics", "why_idle"


class Training(Protocol):
    """What `train` drives. `state_dict` holds everything that a bit-exact resume needs."""

    epochs: int

    def begin_epoch(self, epoch: int) -> Sequence[Any]:
        """Prepare epoch `epoch` (from 0) and return its batches."""
        ...

    def step(self, batch: Any) -> dict[str, Tensor | float]:
        """Train on one batch and return scalar losses by name."""
        ...

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """Finish the epoch and return what should be logged once per epoch."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def train(training: Training, context: StageContext) -> None:
    """Run all epochs that are not done yet and leave their metrics in `epochs.json`.

    That file is a list with one mapping per epoch: "epoch" (from 1), "steps", mean losses, and
    what `end_epoch` returned. Epochs without a step are also told in `idle.json`; see
    `stages.idle`. Raises TrainingError when a loss is not finite.
    """
    done, history, why = _resume(training, context)
    idle = IdleEpochs(history, why)
    for epoch in range(done, training.epochs):
        batches = training.begin_epoch(epoch)
        steps = own_steps(training, batches)
        if steps == 0:
            idle.note(context, epoch, why_idle(training))
        means = _steps(training, context, epoch, batches)
        metrics = {**means, **training.end_epoch(epoch)}
        for name, value in metrics.items():
            context.log(name, value, epoch + 1)
        history.append({"epoch": epoch + 1, STEPS: steps, **metrics})
        state = {**training.state_dict(), _HISTORY: history, _WHY: idle.why}
        context.checkpoints.save(epoch + 1, state)
    idle.keep(context, training.epochs)
    (context.folder / EPOCHS_FILE).write_text(json.dumps(history, indent=0), encoding="utf-8")


def _steps(
    training: Training, context: StageContext, epoch: int, batches: Sequence[Any]
) -> dict[str, float]:
    """Train on the batches of an epoch; return its mean losses."""
    totals: dict[str, float] = {}
    for index, batch in enumerate(batches):
        losses = scalars(training.step(batch))
        _refuse_non_finite(losses, context.stage, epoch, index)
        for name, value in losses.items():
            totals[name] = totals.get(name, 0.0) + value
        context.progress(epoch, training.epochs, index + 1, len(batches), losses)
    return {name: total / len(batches) for name, total in totals.items()}


def _resume(training: Training, context: StageContext) -> tuple[int, list[dict[str, float]], str]:
    """Load the newest checkpoint; return how many epochs are done, their metrics, and why the
    last idle one was idle."""
    found = context.checkpoints.latest()
    if found is None:
        return 0, [], ""
    done, state = found
    history: list[dict[str, float]] = state.pop(_HISTORY, [])
    why = str(state.pop(_WHY, ""))
    try:
        training.load_state_dict(state)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"a checkpoint of stage {context.stage} in {context.folder} does not fit: {error}.",
            "Delete that folder to train the node anew.",
        ) from error
    context.notice(f"goes on after epoch {done} of {training.epochs}.")
    return done, history, why


def last_epoch(folder: Path) -> dict[str, float]:
    """Return the metrics of the last epoch of a trained artifact; empty where it has none."""
    path = folder / EPOCHS_FILE
    epochs = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return dict(epochs[-1]) if epochs else {}


def scalars(losses: dict[str, Tensor | float]) -> dict[str, float]:
    """Fetch all losses in one go (one synchronisation on a GPU)."""
    names = list(losses)
    values = torch.stack([torch.as_tensor(losses[name]).detach().float().cpu() for name in names])
    return dict(zip(names, values.tolist(), strict=True))


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step down `loss`, which is ()."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def _refuse_non_finite(losses: dict[str, float], stage: str, epoch: int, step: int) -> None:
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(
            f"{', '.join(bad)} is not finite in stage {stage}, epoch {epoch + 1}, "
            f"step {step + 1}.",
            f"Lower {stage}.lr, or look at the losses logged before it with: gclbench show run.",
        )


def endless_batches(
    count: int, batch_size: int, first: int, number: int, context: StageContext, stream: str
) -> Iterator[Tensor]:
    """Batches `first` ... `first + number - 1` of an endless stream of shuffled passes.

    Pass p is shuffled by its own named generator, so the stream can be entered anywhere.
    """
    per_pass = max(count // batch_size, 1)
    passes: dict[int, list[Tensor]] = {}
    for batch in range(first, first + number):
        turn, index = divmod(batch, per_pass)
        if turn not in passes:
            generator = context.torch_generator(stream, turn)
            order = torch.randperm(count, generator=generator)
            passes = {
                turn: [order[i * batch_size : (i + 1) * batch_size] for i in range(per_pass)]
            }
        yield passes[turn][index]
