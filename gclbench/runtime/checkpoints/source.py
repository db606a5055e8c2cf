"""What gives features: a trained node, a file of weights, or a TorchScript program."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gclbench.datasets.base import Bytes
from gclbench.errors import CheckpointError, DataMissingError, TrainingError, UsageError
from gclbench.evaluation.features import check_features, extract_features
from gclbench.networks.build import build_id_encoder
from gclbench.networks.checkpoints import check_is_encoder, load_id_checkpoint
from gclbench.networks.contents import read_checkpoint
from gclbench.networks.id_encoder import IdEncoder
from gclbench.runtime.checkpoints.find import find_node, names_a_node
from gclbench.runtime.checkpoints.sidecar import read_sidecar
from gclbench.runtime.checkpoints.sizes import Sizes
from gclbench.schema.settings import IdEncoderSettings
from gclbench.study.catalog import at_hand
from gclbench.user_paths import user_path
from gclbench.weight_files.reading import is_torchscript

Embed = Callable[[Bytes], Tensor]


@dataclass(frozen=True)
class Source:
    """`embed` maps uint8 (B, H, W, 3) of the size named here to unit features (B, E)."""

    embed: Embed
    height_px: int
    width_px: int
    title: str


def open_source(
    text: str, home: Path, store: str | None, sizes: Sizes, device: torch.device
) -> Source:
    """Open a file, or the node of a key or run.

    Sizes come from the node's record, from what `checkpoint export` wrote beside the file, or
    from `sizes`. Raises DataMissingError, UnknownNameError, CheckpointError where file and sizes
    do not fit, UsageError where sizes are asked for that are known already.
    """
    path = user_path(text)
    if path.is_file():
        return _of_file(path, sizes, device)
    if not names_a_node(text):
        raise DataMissingError(f"no checkpoint at {text}.", "Name a file, or the key of a node.")
    _refuse(sizes, f"the node {text}")
    node = find_node(home, store, text)
    data = node.settings.data
    embed = _with(node.encoder(), device)
    return Source(embed, data.height_px, data.width_px, f"{node.record.label} ({text})")


def _of_file(path: Path, sizes: Sizes, device: torch.device) -> Source:
    sidecar = read_sidecar(path)
    if sidecar is not None:
        _refuse(sizes, f"{path.name}.json")
    place = sizes.settings.data if sidecar is None else sidecar
    if is_torchscript(path):
        return Source(_script(path, device), place.height_px, place.width_px, "TorchScript")
    if sidecar is None:
        sizes.check(path, read_checkpoint(path))
    network = sizes.settings.network.id_encoder if sidecar is None else sidecar.network
    encoder, title = _load(path, network)
    return Source(_with(encoder, device), place.height_px, place.width_px, title)


def _load(path: Path, network: IdEncoderSettings) -> tuple[IdEncoder, str]:
    layout = read_checkpoint(path).layout
    check_is_encoder(path, layout)
    if not layout.head:
        raise CheckpointError(
            f"{path} holds no embedding head ({layout.title}).",
            "Name a file with one; gclbench checkpoint show FILE says what it holds.",
        )
    at_hand(network.component)
    encoder = build_id_encoder(network)
    return encoder, str(load_id_checkpoint(encoder, path, head="file"))


def _refuse(sizes: Sizes, whence: str) -> None:
    if sizes.given:
        raise UsageError(
            f"{whence} says all sizes.", "Leave profile= and settings out of this command."
        )


def _with(encoder: IdEncoder, device: torch.device) -> Embed:
    encoder = encoder.to(device)
    return lambda images: extract_features(encoder, images, len(images), device)


def _script(path: Path, device: torch.device) -> Embed:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            program = torch.jit.load(str(path), map_location=device).eval()
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} cannot be read as a TorchScript program.", "Export it again."
        ) from error

    def embed(images: Bytes) -> Tensor:
        try:
            with torch.no_grad():
                features: Tensor = program(torch.tensor(images, device=device)).cpu()
        except RuntimeError as error:
            raise CheckpointError(
                f"{path} does not take uint8 images (N, H, W, 3).",
                "Use a file of: gclbench checkpoint export KEY out=FILE format=torchscript.",
            ) from error
        if features.dim() != 2:
            raise TrainingError(f"{path} gives no features (N, E).", "Export it again.")
        return check_features(features, unit=True, whose=str(path))

    return embed
