"""Read network weights: torchvision's ResNet, JVTC, GCL, MMCL, ACT and BUC (see `layouts`).

Files are read with `weights_only=True`: nothing in them is executed.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gclbench.errors import CheckpointError, DataMissingError
from gclbench.networks.discriminator import Discriminator
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder
from gclbench.networks.layouts import DISCRIMINATOR, GENERATOR, Layout, Refit, detect, sizes_of

# What torch's restricted reader raises for a damaged pickle, besides its own error; none has run.
UNREADABLE = (
    *(RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError),
    *(AssertionError, AttributeError, IndexError, MemoryError, OverflowError, TypeError),
    struct.error,
)
WRAPPERS = ("id", "gen", "dis", "state_dict", "model")
HEADS = ("feat.", "feat_bn.")
Head = Literal["auto", "file", "fresh"]


@dataclass(frozen=True)
class Contents:
    """What a file holds: tensors by name, the dictionaries around them, entries beside them."""

    tensors: dict[str, Tensor]
    wrappers: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        return detect(self.tensors)


@dataclass(frozen=True)
class LoadReport:
    """What became of a file's tensors and of the network's own.

    `matched` and `kept` (left as they were) are own names, `ignored` those of the file; `made`
    are own tensors that an adapter set: an identity for a missing linear layer, a fresh BatchNorm.
    `refit` says which running statistics do not fit yet and want a pass over images.
    """

    matched: tuple[str, ...]
    ignored: tuple[str, ...]
    kept: tuple[str, ...]
    made: tuple[str, ...] = ()
    layout: str = ""
    refit: Refit = "none"

    @property
    def has_head(self) -> bool:
        """Whether the embedding head comes from the file or its adapter."""
        return not any(name == "feat.weight" for name in self.kept)

    def __str__(self) -> str:
        head = "the head is the file's" if self.has_head else "the head is E_id's own"
        if self.made:
            head = f"the head is adapted ({', '.join(self.made)} set)"
        return (
            f"layout {self.layout}: {len(self.matched)} tensors taken, "
            f"{len(self.ignored)} of the file ignored, {len(self.kept)} kept; {head}"
        )


def load_id_checkpoint(encoder: IdEncoder, path: str | Path, *, head: Head = "auto") -> LoadReport:
    """Load E_id's trunk, and its head where the file has one that fits, in place.

    Layouts   see `gclbench.networks.layouts`; classifiers are ignored, `module.` is dropped.
    Heads     JVTC and GCL: `feat`, `feat_bn`. MMCL: its BatchNorm behind an identity, BUC: its
              linear layer and BatchNorm, where `embedding_dim` is the trunk's channel count.
              ACT: a fresh BatchNorm behind an identity ("file": the file's own, as GCL does).
    head      "auto" keeps E_id's own where the file has none, or a foreign one that does not fit;
              "file" refuses that; "fresh" keeps E_id's own always.
    Raises    DataMissingError without the file; CheckpointError for an unreadable file, a missing
              trunk tensor, half a head, or a wrong shape. The encoder is untouched then.
    """
    file = Path(path)
    contents = read_checkpoint(file)
    layout, own = contents.layout, encoder.state_dict()
    if layout in (GENERATOR, DISCRIMINATOR):
        raise CheckpointError(f"{file} is no E_id: {layout.title}.", "Name its id_*.pt.")
    names = layout.own_names(contents.tensors)
    given = {mine: contents.tensors[theirs] for mine, theirs in names.items()}
    if not _takes_head(encoder, layout, given, head, file):
        given = {name: value for name, value in given.items() if not name.startswith(HEADS)}
        report = _load(own, given, file, optional=HEADS)
        refit: Refit = "head" if head == "fresh" and layout.refit == "none" else layout.refit
    else:
        made = _adapted(encoder, layout, head)
        given = {name: value for name, value in given.items() if name not in made} | made
        report = replace(_load(own, given, file), made=tuple(made))
        refit = "none" if head == "file" and not layout.fitting else layout.refit
        if made and not layout.fitting and head != "file":
            refit = "head"
    matched = tuple(name for name in report.matched if name not in report.made)
    used = {names[name] for name in matched}
    return replace(
        report,
        matched=matched,
        ignored=tuple(name for name in contents.tensors if name not in used),
        layout=layout.name,
        refit=refit,
    )


def load_generator_checkpoint(module: Generator | Discriminator, path: str | Path) -> LoadReport:
    """Load a GCL `gen_*.pt` or `dis_*.pt` in place; the dummy AdaIN statistics are ignored.

    Raises DataMissingError or CheckpointError as `load_id_checkpoint` does.
    """
    contents = read_checkpoint(path)
    report = _load(module.state_dict(), contents.tensors, Path(path))
    return replace(report, layout=contents.layout.name)


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Return a checkpoint's flat name -> tensor mapping, unwrapped from its outer dictionary."""
    return read_checkpoint(path).tensors


def read_checkpoint(path: str | Path) -> Contents:
    """Read a file of tensors. Raises DataMissingError, CheckpointError."""
    file = Path(path)
    if not file.is_file():
        raise DataMissingError(f"no checkpoint at {file}.", "Check the path.")
    if is_torchscript(file):
        raise CheckpointError(
            f"{file} is a TorchScript program, not a file of tensors.",
            "`gclbench embed` runs it; to load weights, name the state dict it was made from.",
        )
    try:
        with _numpy_numbers():
            content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise CheckpointError(
            f"{file} cannot be read as a checkpoint ({type(error).__name__}).",
            "It is truncated, or holds more than tensors; fetch it again.",
        ) from error
    return _unwrapped(content, file)


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive; nothing in it is run."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def _unwrapped(content: Any, file: Path) -> Contents:
    wrappers: list[str] = []
    beside: list[str] = []
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            wrappers.append(wrapper)
            beside += [str(name) for name in content if name != wrapper]
            content = content[wrapper]
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} holds no dictionary of tensors.")
    if "param_groups" in content:
        raise CheckpointError(
            f"{file} holds an optimiser's state, no weights.", "Name the file beside it."
        )
    tensors = {
        str(name).removeprefix("module."): value
        for name, value in content.items()
        if isinstance(value, Tensor)
    }
    if not tensors:
        raise CheckpointError(f"{file} holds no tensors.")
    beside += [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    return Contents(tensors, tuple(wrappers), tuple(beside))


def _numpy_numbers() -> AbstractContextManager[Any]:
    """Let NumPy numbers through: files of MMCL and ACT keep their best rank-1 as one.

    Such a number is a dtype and its bytes; building it runs nothing.
    """
    serialization: Any = torch.serialization
    if not hasattr(serialization, "safe_globals"):  # torch 2.4
        return nullcontext()
    scalar: Any = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in ("f4", "f8", "i4", "i8")}
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    allowed: AbstractContextManager[Any] = serialization.safe_globals(
        [np.dtype, *dtypes, *((scalar, f"{module}.scalar") for module in modules)]
    )
    return allowed


def _takes_head(
    encoder: IdEncoder, layout: Layout, given: Mapping[str, Tensor], head: Head, file: Path
) -> bool:
    """Whether the file's head goes into E_id. Raises CheckpointError where it must and cannot."""
    if head == "fresh":
        return False
    if not any(name.startswith(HEADS) for name in given):
        if head == "file":
            raise CheckpointError(
                f"{file} holds no embedding head ({layout.title}).",
                "Take a new one: warmup.checkpoint.head=fresh.",
            )
        return False
    weight = given.get("feat_bn.weight")  # without it, half a head: `_load` says so
    if not layout.foreign or weight is None or encoder.embedding_dim == len(weight):
        return True
    if head == "file":
        raise CheckpointError(
            f"{file}: the head of {layout.title} has {len(weight)} features, E_id has "
            f"{encoder.embedding_dim}.",
            f"Set network.id_encoder.embedding_dim={len(weight)}, or take a new head: "
            "warmup.checkpoint.head=fresh.",
        )
    return False


def _adapted(encoder: IdEncoder, layout: Layout, head: Head) -> dict[str, Tensor]:
    """Own tensors that take the place of what a foreign head lacks, or does not fit."""
    made: dict[str, Tensor] = {}
    if not layout.linear:
        made["feat.weight"] = torch.eye(encoder.embedding_dim, encoder.channels)
        made["feat.bias"] = torch.zeros(encoder.embedding_dim)
    if not layout.fitting and head != "file":
        fresh = nn.BatchNorm1d(encoder.embedding_dim).state_dict(prefix="feat_bn.")
        made |= {str(name): value for name, value in fresh.items()}
    return made


def _load(
    own: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    file: Path,
    optional: tuple[str, ...] = (),
) -> LoadReport:
    """Copy `state` into a network's own tensors, all of them or none."""
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
            "Is it of another network, or of other sizes (profile=NAME, network.*)? Its tensors: "
            "gclbench checkpoint show FILE --tensors.",
        )
    matched = [name for name in own if name in state]
    for name in matched:
        if own[name].shape != state[name].shape:
            raise CheckpointError(
                f"{file}: '{name}' has shape {tuple(state[name].shape)}, the network has "
                f"{tuple(own[name].shape)}.",
                f"Use the network sizes with which the checkpoint was made{_sizes(state)}.",
            )
    with torch.no_grad():
        for name in matched:
            own[name].copy_(state[name])
    return LoadReport(
        matched=tuple(matched),
        ignored=tuple(name for name in state if name not in own),
        kept=tuple(name for name in own if name not in state),
    )


def _sizes(own_state: Mapping[str, Tensor]) -> str:
    """The sizes of an E_id as words of a command line; nothing for another network."""
    found = sizes_of(Layout("own", "", head={}), own_state)
    if found is None:
        return ""
    sizes = found.model_dump(exclude_unset=True)
    words = (f"network.id_encoder.{name}={value}" for name, value in sizes.items())
    return f": {' '.join(words)}"
