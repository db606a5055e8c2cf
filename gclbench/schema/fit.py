"""Settings of several sections that must fit together: asked when a plan is made, and by stages.

Every check raises UsageError, naming the setting to change.
"""

from __future__ import annotations

from typing import Literal

from gclbench.errors import UsageError
from gclbench.schema.settings import GeneratorSettings, IdEncoderSettings
from gclbench.schema.warmups import BucSettings

_CHANNELS = {"resnet18": 8, "resnet50": 32}  # of the trunk's last block, in widths


def trunk_channels(settings: IdEncoderSettings) -> int:
    """Return how many channels E_id's trunk gives."""
    return settings.width * _CHANNELS[settings.depth]


def check_halves(parts: int) -> None:
    """SSG wants whole bodies and halves of them."""
    if parts % 2:
        raise UsageError(
            f"SSG halves a body, and E_id cuts it into {parts} parts.",
            "Set network.id_encoder.parts to an even number.",
        )


def check_buc_result(settings: BucSettings) -> None:
    """The step whose weights leave BUC must be one of its steps."""
    if isinstance(settings.result, int) and settings.result >= settings.steps:
        raise UsageError(
            f"warmup.buc.result={settings.result}, but there are {settings.steps} steps.",
            f"Name 0 to {settings.steps - 1}, last or silhouette.",
        )


def check_slices(
    channels: int, parts: int, blocks: int, slicing: Literal["code", "stripe"]
) -> None:
    """The part features are cut into one slice for each block of the decoder."""
    if (slicing == "stripe" and parts % blocks) or channels * parts % blocks:
        raise UsageError(
            f"{parts} parts of {channels} channels cannot feed {blocks} decoder blocks "
            f"({slicing} slicing).",
            "Set network.generator.decoder_blocks to network.id_encoder.parts.",
        )


def check_structure_width(settings: GeneratorSettings) -> None:
    """E_str ends in four branches."""
    if settings.decoder_width % 4:
        raise UsageError(
            f"network.generator.decoder_width is {settings.decoder_width}; it must be a "
            "multiple of 4."
        )
