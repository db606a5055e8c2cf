from __future__ import annotations

import pytest
import torch
from torch import nn

from gclbench.networks import Discriminator, Generator, IdEncoder, initialise
from gclbench.networks.layers import Convolution, Dense, LayerNorm
from gclbench.schema.settings import (
    DiscriminatorSettings,
    GeneratorSettings,
    IdEncoderSettings,
)

SMALL = GeneratorSettings(
    structure_width=4, decoder_width=8, mlp_width=8, structure_blocks=1, padding="zeros"
)


def _networks(seed: int) -> list[nn.Module]:
    generator = torch.Generator().manual_seed(seed)
    return [
        IdEncoder(
            IdEncoderSettings(depth="resnet18", width=4, embedding_dim=8), generator=generator
        ),
        Generator(SMALL, 32, 4, generator=generator),
        Discriminator(DiscriminatorSettings(scales=2, width=4, blocks=1), generator=generator),
    ]


def test_equal_generators_give_equal_weights_and_others_differ() -> None:
    for one, two, other in zip(_networks(1), _networks(1), _networks(2), strict=True):
        pairs = zip(one.parameters(), two.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
        pairs = zip(one.parameters(), other.parameters(), strict=True)
        assert not all(torch.equal(a, b) for a, b in pairs)


def test_global_random_state_is_untouched_by_building_and_initialising() -> None:
    before = torch.get_rng_state()
    _networks(5)
    assert torch.equal(torch.get_rng_state(), before)


def test_memory_format_does_not_change_the_draws() -> None:
    layers = [Convolution(3, 4, 3), Convolution(3, 4, 3)]
    layers[1].to(memory_format=torch.channels_last)
    for layer in layers:
        initialise(layer, "kaiming", torch.Generator().manual_seed(0))
    assert torch.equal(layers[0].weight, layers[1].weight)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("kaiming", (2 / (64 * 9)) ** 0.5), ("resnet", (2 / (32 * 9)) ** 0.5), ("gaussian", 0.02)],
)
def test_spread_of_convolution_weights_follows_the_kind(kind: str, expected: float) -> None:
    layer = Convolution(64, 32, 3)
    initialise(layer, kind, torch.Generator().manual_seed(0))
    assert layer.weight.std().item() == pytest.approx(expected, rel=0.03)
    assert layer.weight.mean().item() == pytest.approx(0.0, abs=expected / 20)
    assert torch.equal(layer.bias, torch.zeros(32))


def test_norms_start_at_their_documented_values() -> None:
    module = nn.ModuleList([LayerNorm(500), nn.BatchNorm2d(3), Dense(4, 2)])
    with torch.no_grad():
        module[0].beta.fill_(9.0)
        module[1].running_mean.fill_(9.0)
        module[1].weight.fill_(9.0)
    initialise(module, "kaiming", torch.Generator().manual_seed(0))
    gamma = module[0].gamma
    assert 0 <= gamma.min().item() < 0.02
    assert 0.98 < gamma.max().item() < 1
    assert gamma.mean().item() == pytest.approx(0.5, abs=0.05)
    assert not module[0].beta.any()
    assert not module[1].running_mean.any()
    assert torch.equal(module[1].weight, torch.ones(3))


def test_layers_are_zero_until_initialised() -> None:
    assert not Convolution(2, 2, 3).weight.any()
    assert not Dense(2, 2).weight.any()
