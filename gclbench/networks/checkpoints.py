"""Load weights of a file into a network: all that it takes, or nothing (see `layouts`).

Nothing in a file is executed: see `gclbench.weight_files`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from gclbench.errors import CheckpointError
from gclbench.networks.contents import read_checkpoint
from gclbench.networks.discriminator import Discriminator
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder
from gclbench.networks.layouts import DISCRIMINATOR, GENERATOR, Layout, Refit, sizes_of
from gclbench.weight_files.sound import check_kind, precisions, refuse_unsound

HEADS = ("feat.", "feat_bn.")
Head = Literal["auto", "file", "fresh"]


@dataclass(frozen=True)
class LoadReport:
    """What became of a file's tensors and of the network's own.

    `matched` and `kept` (left as they were) are own names, `ignored` those of the file; `made`
    are own tensors that an adapter set: an identity for a missing linear layer, a fresh BatchNorm.
    `refit` says which running statistics do not fit yet and want a pass over images, `differs`
    what the file's own network does otherwise; `precisions` were made float32.
    """

    matched: tuple[str, ...]
    ignored: tuple[str, ...]
    kept: tuple[str, ...]
    made: tuple[str, ...] = ()
    layout: str = ""
    refit: Refit = "none"
    differs: str = ""
    precisions: tuple[str, ...] = ()

    @property
    def has_head(self) -> bool:
        """Whether the embedding head comes from the file or its adapter."""
        return not any(name == "feat.weight" for name in self.kept)

    def __str__(self) -> str:
        head = "the head is the file's" if self.has_head else "the head is E_id's own"
        if self.made:
            head = f"the head is adapted ({', '.join(self.made)} set)"
        more = [f"{' and '.join(self.precisions)} made float32"] if self.precisions else []
        more += [self.differs] if self.differs else []
        return "; ".join(
            [
                f"layout {self.layout}: {len(self.matched)} tensors taken, "
                f"{len(self.ignored)} of the file ignored, {len(self.kept)} kept",
                head,
                *more,
            ]
        )


def load_id_checkpoint(encoder: IdEncoder, path: str | Path, *, head: Head = "auto") -> LoadReport:
    """Load E_id's trunk, and its head where the file has one that fits, in place.

    Layouts   see `gclbench.networks.layouts`; classifiers are ignored, and what stands before
              every name is dropped.
    Heads     JVTC and GCL: `feat`, `feat_bn`. MMCL, SpCL, fast-reid: their BatchNorm behind an
              identity, BUC and SCL: their linear layer and BatchNorm, where `embedding_dim` is the
              trunk's channel count. ACT: a fresh BatchNorm behind an identity ("file": its
              own, as GCL does).
    head      "auto" keeps E_id's own where the file has none, or a foreign one that does not fit;
              "file" refuses that; "fresh" keeps E_id's own always.
    Raises    DataMissingError without the file; CheckpointError for an unreadable file or one of
              another network, a missing trunk tensor, half a head, a wrong shape, blocks that
              E_id has not, or weights that are not finite. The encoder is untouched then.
    """
    file = Path(path)
    contents = read_checkpoint(file)
    layout, own = contents.layout, encoder.state_dict()
    check_is_encoder(file, layout)
    names = layout.own_names(contents.tensors)
    given = {mine: contents.tensors[theirs] for mine, theirs in names.items()}
    _check_blocks(own, given, file)
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
        differs=layout.differs,
    )


def check_is_encoder(file: Path, layout: Layout) -> None:
    """Raise CheckpointError for a file that cannot be E_id, whatever the sizes."""
    if layout in (GENERATOR, DISCRIMINATOR):
        raise CheckpointError(f"{file} is no E_id: {layout.title}.", "Name its id_*.pt.")
    if layout.fault:
        raise CheckpointError(
            f"{file} is no E_id: {layout.title}; {layout.fault}.",
            "Name the file of a plain ResNet: docs/checkpoints.md says which load.",
        )


def _check_blocks(own: Mapping[str, Tensor], given: Mapping[str, Tensor], file: Path) -> None:
    """Raise CheckpointError for a trunk with more in it than E_id's, which would be left out."""
    if any(name not in given for name in own if name.startswith("layer") and _is_weight(name)):
        return  # of other sizes: `_load` says which
    extra = [name for name in given if name not in own and name.startswith("layer")]
    if extra:
        raise CheckpointError(
            f"{file} holds {len(extra)} tensors of blocks that E_id has not, first '{extra[0]}': "
            "a deeper ResNet, or another kind.",
            "Name the file of a plain ResNet: docs/checkpoints.md says which load.",
        )


def _is_weight(name: str) -> bool:
    return name.endswith(".weight")


def load_generator_checkpoint(module: Generator | Discriminator, path: str | Path) -> LoadReport:
    """Load a GCL `gen_*.pt` or `dis_*.pt` in place; the dummy AdaIN statistics are ignored.

    Raises DataMissingError or CheckpointError as `load_id_checkpoint` does.
    """
    contents = read_checkpoint(path)
    report = _load(module.state_dict(), contents.tensors, Path(path))
    return replace(report, layout=contents.layout.name)


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
        check_kind(name, state[name], own[name], file)
        if own[name].shape != state[name].shape:
            raise CheckpointError(
                f"{file}: '{name}' has shape {tuple(state[name].shape)}, the network has "
                f"{tuple(own[name].shape)}.",
                f"Use the network sizes with which the checkpoint was made{_sizes(state)}.",
            )
    taken = {name: state[name] for name in matched}
    refuse_unsound(taken, file, "Training had broken down when it was written: take another file.")
    with torch.no_grad():
        for name in matched:
            own[name].copy_(taken[name])
    return LoadReport(
        matched=tuple(matched),
        precisions=precisions(taken),
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
