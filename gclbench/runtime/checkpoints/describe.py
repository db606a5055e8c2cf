"""What a file of weights holds, and what of it the networks of the settings would take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from gclbench.errors import CheckpointError, ShapeError, UsageError
from gclbench.networks.build import build_discriminator, build_generator, build_id_encoder
from gclbench.networks.checkpoints import load_generator_checkpoint, load_id_checkpoint
from gclbench.networks.contents import Contents, read_checkpoint
from gclbench.networks.discriminator import Discriminator
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder
from gclbench.networks.layouts import DISCRIMINATOR, GENERATOR, sizes_of
from gclbench.runtime.checkpoints.sidecar import read_sidecar
from gclbench.runtime.checkpoints.sizes import Sizes
from gclbench.schema import Settings
from gclbench.study.catalog import at_hand
from gclbench.weight_files.reading import check_is_file, is_torchscript
from gclbench.weight_files.sound import unsound

Verdict = Literal["fits", "differs", "unused"]
VERDICTS: tuple[Verdict, ...] = ("fits", "differs", "unused")


@dataclass(frozen=True)
class TensorLine:
    """A tensor of the file; `own` is the network's name for it, `expected` the network's shape."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    own: str
    verdict: Verdict
    expected: tuple[int, ...] = ()


@dataclass(frozen=True)
class Description:
    """A file of weights beside the networks of the settings.

    `missing` are the network's own tensors that the file lacks; `loads` says whether the file can
    be taken, `outcome` what would be taken, or why not. `sizes` are E_id's by the file's shapes,
    `words` ask for them on a command line. `beside` names the file's entries without weights,
    `prefix` stood before every name, `not_finite` are tensors with NaN, infinity, or a variance
    below 0.
    """

    file: str
    layout: str
    title: str
    loads: bool
    outcome: str
    tensors: tuple[TensorLine, ...] = ()
    missing: tuple[str, ...] = ()
    wrappers: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    sizes: dict[str, Any] | None = None
    words: str = ""
    prefix: str = ""
    not_finite: tuple[str, ...] = ()
    exported: dict[str, Any] | None = None

    def as_object(self) -> dict[str, Any]:
        """Plain data: the contract of `gclbench checkpoint show --json`."""
        return asdict(self)


@dataclass(frozen=True)
class Part:
    """Tensors of one part of a network: how many, how many numbers, and how they fit."""

    name: str
    tensors: int
    numbers: int
    fits: int
    differs: int
    unused: int


def describe(path: Path, sizes: Sizes) -> Description:
    """Read a file and compare it with E_id, G or D of the settings, whichever it holds.

    Raises DataMissingError, CheckpointError for a file that cannot be read at all.
    """
    check_is_file(path)
    sidecar = read_sidecar(path)
    exported = None if sidecar is None else sidecar.model_dump(mode="json")
    if is_torchscript(path):
        outcome = "a program, not weights: gclbench embed runs it, nothing loads it"
        return Description(
            str(path), "torchscript", "TorchScript", False, outcome, exported=exported
        )
    contents = read_checkpoint(path)
    settings = sizes.settings
    if sidecar is not None and not sizes.given:
        network = settings.network.model_copy(update={"id_encoder": sidecar.network})
        settings = settings.model_copy(update={"network": network})
    loads, outcome = _outcome(path, contents, settings)
    lines, missing = _lines(contents, _network(contents, settings, "meta"))
    found = sizes_of(contents.layout, contents.tensors)
    return Description(
        file=str(path),
        layout=contents.layout.name,
        title=contents.layout.title,
        loads=loads,
        outcome=outcome,
        tensors=lines,
        missing=missing,
        wrappers=contents.wrappers,
        beside=contents.beside,
        sizes=None if found is None else found.model_dump(exclude_unset=True),
        words="" if found is None else sizes.words_for(found),
        prefix=contents.prefix,
        not_finite=tuple(unsound(contents.tensors)),
        exported=exported,
    )


def parts(lines: Iterable[TensorLine]) -> list[Part]:
    """Sum up by part: `layer1`, `feat_bn`, or a name of the file's that no network has."""
    found: dict[str, list[TensorLine]] = {}
    for line in lines:
        name = line.own or line.name
        found.setdefault(name.split(".")[0], []).append(line)
    return [_part(name, group) for name, group in found.items()]


def _part(name: str, lines: list[TensorLine]) -> Part:
    counts = {kind: sum(line.verdict == kind for line in lines) for kind in VERDICTS}
    numbers = sum(torch.Size(line.shape).numel() for line in lines)
    return Part(name, len(lines), numbers, **counts)


def _network(contents: Contents, settings: Settings, device: str) -> nn.Module:
    network = settings.network
    at_hand(*(part.component for part in (network.id_encoder, network.generator)))
    at_hand(network.generator.structure, network.discriminator.component)
    with torch.device(device):
        if contents.layout == DISCRIMINATOR:
            return build_discriminator(settings)
        encoder = build_id_encoder(settings.network.id_encoder)
        if contents.layout != GENERATOR:
            return encoder
        return build_generator(settings, encoder.channels)


def _outcome(path: Path, contents: Contents, settings: Settings) -> tuple[bool, str]:
    """Load the file for real, into a network that is then dropped."""
    try:
        network = _network(contents, settings, "cpu")
        if isinstance(network, IdEncoder):
            return True, str(load_id_checkpoint(network, path))
        if isinstance(network, Generator | Discriminator):
            taken = load_generator_checkpoint(network, path)
            return True, f"{len(taken.matched)} tensors taken, {len(taken.ignored)} ignored"
    except (CheckpointError, ShapeError, UsageError) as error:
        return False, str(error)
    return False, "no network of gclbench"


def _lines(
    contents: Contents, network: nn.Module
) -> tuple[tuple[TensorLine, ...], tuple[str, ...]]:
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    theirs = {file: mine for mine, file in contents.layout.own_names(contents.tensors).items()}
    lines = []
    for name, tensor in contents.tensors.items():
        mine, shape = theirs.get(name, ""), tuple(tensor.shape)
        dtype = str(tensor.dtype).removeprefix("torch.")
        if mine not in own:
            lines.append(TensorLine(name, shape, dtype, "", "unused"))
        else:
            verdict: Verdict = "fits" if own[mine] == shape else "differs"
            lines.append(TensorLine(name, shape, dtype, mine, verdict, own[mine]))
    found = {line.own for line in lines}
    return tuple(lines), tuple(name for name in own if name not in found)
