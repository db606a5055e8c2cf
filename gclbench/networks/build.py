"""E_id, G with E_str, and D as settings name them: `network.*.component`.

A component of one's own is made from the same arguments as the one in whose place it stands, and
keeps what stages call: derive it from that class. Checkpoints keep the names of its parameters.
"""

from __future__ import annotations

import torch

from gclbench.networks.discriminator import Discriminator
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import REGISTRY
from gclbench.schema.settings import IdEncoderSettings, Settings


def build_id_encoder(
    settings: IdEncoderSettings, generator: torch.Generator | None = None
) -> IdEncoder:
    """E_id, with weights from `generator` where it is given."""
    encoder: IdEncoder = REGISTRY.bound(settings.component)(settings, generator=generator)
    return encoder


def build_generator(
    settings: Settings, id_channels: int, generator: torch.Generator | None = None
) -> Generator:
    """G with E_str and the AdaIN MLPs, which read `id_channels` of E_id."""
    built: Generator = REGISTRY.bound(settings.network.generator.component)(
        settings.network.generator,
        id_channels,
        settings.network.id_encoder.parts,
        slicing=settings.gan.mlp_slicing,
        generator=generator,
    )
    return built


def build_discriminator(
    settings: Settings, generator: torch.Generator | None = None
) -> Discriminator:
    """D, padded as G is."""
    built: Discriminator = REGISTRY.bound(settings.network.discriminator.component)(
        settings.network.discriminator,
        padding=settings.network.generator.padding,
        generator=generator,
    )
    return built
