"""Settings of several sections that must fit together."""

from __future__ import annotations

import pytest

from gclbench.errors import UsageError
from gclbench.networks.build import build_id_encoder
from gclbench.schema.fit import (
    check_buc_result,
    check_halves,
    check_slices,
    check_structure_width,
    trunk_channels,
)
from gclbench.schema.settings import GeneratorSettings, IdEncoderSettings
from gclbench.schema.warmups import BucSettings
from gclbench.study.catalog import load_catalog


@pytest.mark.parametrize("depth", ["resnet18", "resnet50"])
def test_the_trunk_has_as_many_channels_as_are_told(depth: str) -> None:
    load_catalog()
    settings = IdEncoderSettings(depth=depth, width=4, embedding_dim=8)  # type: ignore[arg-type]
    assert trunk_channels(settings) == build_id_encoder(settings).channels


def test_halves_and_steps_and_widths() -> None:
    for good in (lambda: check_halves(4), lambda: check_structure_width(GeneratorSettings())):
        good()
    with pytest.raises(UsageError, match="even number"):
        check_halves(3)
    with pytest.raises(UsageError, match="multiple of 4"):
        check_structure_width(GeneratorSettings(decoder_width=6))
    check_buc_result(BucSettings(merge_fraction=0.25, result=2))
    check_buc_result(BucSettings(merge_fraction=0.25, result="last"))
    with pytest.raises(UsageError, match="Name 0 to 2"):
        check_buc_result(BucSettings(merge_fraction=0.25, result=3))


@pytest.mark.parametrize(
    ("channels", "parts", "blocks", "slicing", "fits"),
    [
        (64, 4, 4, "code", True),
        (64, 4, 3, "code", False),
        (6, 4, 8, "code", True),
        (6, 4, 8, "stripe", False),
        (6, 4, 2, "stripe", True),
    ],
)
def test_slices_come_out_even(
    channels: int, parts: int, blocks: int, slicing: str, fits: bool
) -> None:
    if fits:
        check_slices(channels, parts, blocks, slicing)  # type: ignore[arg-type]
    else:
        with pytest.raises(UsageError, match=f"cannot feed {blocks} decoder blocks"):
            check_slices(channels, parts, blocks, slicing)  # type: ignore[arg-type]
