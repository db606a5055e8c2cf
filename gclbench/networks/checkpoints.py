"""Read network weights: torchvision's ResNet-50, JVTC, MMCL, ACT and GCL layouts.

Files are read with `weights_only=True`: nothing in them is executed.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gclbench.errors import CheckpointError, DataMissingError
from gclbench.networks.discriminator import Discriminator
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder

UNREADABLE = (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError)
WRAPPERS = ("id", "gen", "dis", "state_dict", "model")
HEADS = ("feat.", "feat_bn.")


@dataclass(frozen=True)
class LoadReport:
    """Tensors taken from the file, tensors of it without use, own tensors left as they were."""

    matched: tuple[str, ...]
    ignored: tuple[str, ...]
    kept: tuple[str, ...]


def load_id_checkpoint(encoder: IdEncoder, path: str | Path) -> LoadReport:
    """Load E_id's trunk, and its head where the file has one, in place.

    Layouts   flat torchvision names (ImageNet: no head; JVTC, GCL `id_*.pt` and `model_best.pth`:
              with `feat`, `feat_bn`); `base.*` inside `state_dict` (MMCL, ACT: their 2048-d head
              has no place here and is ignored). Classifiers are ignored, `module.` is dropped.
    Raises    DataMissingError without the file; CheckpointError for an unreadable file, a missing
              trunk tensor, half a head, or a wrong shape. The encoder is untouched then.
    """
    state = read_state_dict(path)
    foreign_head = any(name.startswith("base.") for name in state)
    ignored = [name for name in state if foreign_head and not name.startswith("base.")]
    state = {name.removeprefix("base."): state[name] for name in state if name not in ignored}
    headless = not any(name.startswith(HEADS) for name in state)
    optional = HEADS if headless else ()
    return _load(encoder, state, Path(path), optional, tuple(ignored))


def load_generator_checkpoint(module: Generator | Discriminator, path: str | Path) -> LoadReport:
    """Load a GCL `gen_*.pt` or `dis_*.pt` in place; the dummy AdaIN statistics are ignored.

    Raises DataMissingError or CheckpointError as `load_id_checkpoint` does.
    """
    return _load(module, read_state_dict(path), Path(path), (), ())


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Return a checkpoint's flat name -> tensor mapping, unwrapped from its outer dictionary."""
    file = Path(path)
    if not file.is_file():
        raise DataMissingError(f"no checkpoint at {file}.", "Check the path.")
    try:
        content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise CheckpointError(
            f"{file} cannot be read as a checkpoint ({type(error).__name__}).",
            "It is truncated, or holds more than tensors; fetch it again.",
        ) from error
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} holds no dictionary of tensors.")
    tensors = {
        str(name).removeprefix("module."): value
        for name, value in content.items()
        if isinstance(value, Tensor)
    }
    if not tensors:
        raise CheckpointError(f"{file} holds no tensors.")
    return tensors


def _load(
    module: nn.Module,
    state: dict[str, Tensor],
    file: Path,
    optional: tuple[str, ...],
    ignored: tuple[str, ...],
) -> LoadReport:
    own = module.state_dict()
    missing = [
        name
        for name in own
        if name not in state
        and not name.endswith("num_batches_tracked")
        and not (optional and name.startswith(optional))
    ]
    if missing:
        raise CheckpointError(
            f"{file} lacks {len(missing)} tensors, first '{missing[0]}'.",
            "Is it a checkpoint of another network?",
        )
    matched = [name for name in own if name in state]
    for name in matched:
        if own[name].shape != state[name].shape:
            raise CheckpointError(
                f"{file}: '{name}' has shape {tuple(state[name].shape)}, the network has "
                f"{tuple(own[name].shape)}.",
                "Use the network sizes with which the checkpoint was made.",
            )
    with torch.no_grad():
        for name in matched:
            own[name].copy_(state[name])
    return LoadReport(
        matched=tuple(matched),
        ignored=(*ignored, *(name for name in state if name not in own)),
        kept=tuple(name for name in own if name not in state),
    )
