"""Whether a weight file fits the networks that should read it, before a stage has run."""

from __future__ import annotations

from pathlib import Path

from gclbench.errors import DataMissingError, UsageError
from gclbench.networks.build import build_discriminator, build_generator, build_id_encoder
from gclbench.networks.checkpoints import (
    Head,
    LoadReport,
    load_generator_checkpoint,
    load_id_checkpoint,
)
from gclbench.networks.id_encoder import IdEncoder
from gclbench.schema import Settings
from gclbench.user_paths import user_path


def imagenet_file(weights: str | None) -> Path:
    """Return the file that `pretrain.weights` names.

    Raises UsageError where it names none, DataMissingError for one that is not there.
    """
    if weights is None:
        raise UsageError(
            "pretrain.kind=imagenet needs a ResNet-50 file.",
            "Name torchvision's file: pretrain.weights=PATH/resnet50.pth, "
            "or train on rendered people instead: pretrain.kind=rendered.",
        )
    path = user_path(weights)
    if not path.is_file():
        raise DataMissingError(
            f"pretrain.weights: no file {weights}.", "Name torchvision's resnet50 file."
        )
    return path


def load_encoder_file(encoder: IdEncoder, path: Path, head: Head) -> LoadReport:
    """As `load_id_checkpoint`, but "auto" too wants a head of the file's. Raises as it does."""
    report = load_id_checkpoint(encoder, path, head=head)
    if head == "auto" and not report.has_head:
        load_id_checkpoint(encoder, path, head="file")  # says what is missing
    return report


def check_trunk(settings: Settings, path: Path) -> None:
    """Raise unless E_id can begin with a file, as pre-training reads it."""
    load_id_checkpoint(build_id_encoder(settings.network.id_encoder), path)


def check_encoder(settings: Settings, path: Path) -> None:
    """Raise unless a file can stand in for stage 1, as `warmup.checkpoint` reads it."""
    encoder = build_id_encoder(settings.network.id_encoder)
    load_encoder_file(encoder, path, settings.warmup.checkpoint.head)


def check_generator(settings: Settings, path: Path) -> None:
    """Raise unless a file can stand in for G."""
    channels = build_id_encoder(settings.network.id_encoder).channels
    load_generator_checkpoint(build_generator(settings, channels), path)


def check_discriminator(settings: Settings, path: Path) -> None:
    """Raise unless a file can stand in for D."""
    load_generator_checkpoint(build_discriminator(settings), path)
