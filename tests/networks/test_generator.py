from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.networks import Generator, StructureEncoder
from gclbench.schema.settings import GeneratorSettings

LAPTOP = GeneratorSettings(
    structure_width=4,
    structure_blocks=1,
    structure_dilations=(1, 2, 3),
    decoder_width=16,
    mlp_width=8,
    padding="zeros",
)


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _generator(settings: GeneratorSettings = LAPTOP, slicing: str = "code") -> Generator:
    return Generator(settings, 8, 4, slicing=slicing, generator=torch.Generator().manual_seed(0))


def test_paper_size_has_the_published_parameter_counts() -> None:
    generator = Generator(GeneratorSettings(), 2048, 4)
    assert _count(generator.enc_content) == 380_544
    assert _count(generator.mlp_w1) == _count(generator.mlp_b4) == 1_443_072
    assert _count(generator.dec) == 1_455_555
    assert _count(generator) == 13_380_675


def test_names_are_those_of_the_public_checkpoints() -> None:
    names = set(Generator(GeneratorSettings(), 64, 4).state_dict())
    assert len(names) == 134 - 16  # the 16 dummy AdaIN statistics have no place here
    assert {
        "enc_content.model.3.conv.bias",
        "enc_content.model.4.model.3.model.1.conv.weight",
        "enc_content.model.5.conv1.conv.weight",
        "enc_content.model.5.conv18.1.conv.bias",
        "enc_content.model.5.fuse.conv.weight",
        "dec.model.1.model.3.model.0.conv.weight",
        "dec.model.3.norm.gamma",
        "dec.model.5.conv.weight",
        "dec.model.8.conv.bias",
        "mlp_w1.model.0.fc.weight",
        "mlp_b4.model.2.fc.bias",
    } <= names


@pytest.mark.parametrize("width", [8, 16, 24])
@pytest.mark.parametrize("padding", ["zeros", "reflect"])
def test_decoded_images_have_the_size_of_the_projections(width: int, padding: str) -> None:
    settings = LAPTOP.model_copy(update={"decoder_width": width, "padding": padding})
    generator = _generator(settings)
    structure = generator.structure(_draw(2, 1, 64, 32))
    assert structure.shape == (2, width, 16, 8)
    assert generator.decode(_draw(2, 8, 4, 1), structure).shape == (2, 3, 64, 32)


def test_forward_is_structure_then_decode() -> None:
    generator, identity, gray = _generator(), _draw(2, 8, 4, 1), _draw(2, 1, 64, 32, seed=2)
    expected = generator.decode(identity, generator.structure(gray))
    torch.testing.assert_close(generator(identity, gray), expected)


def test_code_slicing_gives_a_block_consecutive_channels_of_every_stripe() -> None:
    generator, identity = _generator(), _draw(2, 8, 4, 1)
    changed = identity.clone()
    changed[:, 2:4] += 1.0  # channels 2 and 3 belong to block 2 alone
    moved = _moved_blocks(generator, identity, changed)
    assert moved == [False, True, False, False]


def test_stripe_slicing_gives_a_block_its_own_stripe() -> None:
    generator, identity = _generator(slicing="stripe"), _draw(2, 8, 4, 1)
    changed = identity.clone()
    changed[:, :, 2] += 1.0
    assert _moved_blocks(generator, identity, changed) == [False, False, True, False]


def test_with_fewer_blocks_than_stripes_each_block_reads_its_share_from_top_to_bottom() -> None:
    generator = _generator(LAPTOP.model_copy(update={"decoder_blocks": 2}), slicing="stripe")
    identity = _draw(2, 8, 4, 1)
    for stripe, moved in enumerate([[True, False], [True, False], [False, True], [False, True]]):
        changed = identity.clone()
        changed[:, :, stripe] += 1.0
        assert _moved_blocks(generator, identity, changed) == moved
    lower = torch.cat([identity[:, :, 2, 0], identity[:, :, 3, 0]], dim=1)
    scales = generator.mlp_w2(lower)
    assert torch.equal(generator.styles(identity)[1][0][0], scales[:, : generator.width])


def _moved_blocks(generator: Generator, before: Tensor, after: Tensor) -> list[bool]:
    pairs = zip(generator.styles(before), generator.styles(after), strict=True)
    return [not torch.equal(one[0][0], two[0][0]) for one, two in pairs]


def test_mlp_halves_serve_the_first_and_the_second_norm() -> None:
    generator, identity = _generator(), _draw(2, 8, 4, 1)
    part = identity.reshape(2, 32)[:, :8]
    scale, shift = generator.mlp_w1(part), generator.mlp_b1(part)
    first, second = generator.styles(identity)[0]
    assert torch.equal(first[0], scale[:, :16])
    assert torch.equal(second[0], scale[:, 16:])
    assert torch.equal(first[1], shift[:, :16])
    assert torch.equal(second[1], shift[:, 16:])


def test_gradient_reaches_identity_projection_and_every_weight() -> None:
    generator = _generator()
    identity, gray = _draw(2, 8, 4, 1).requires_grad_(), _draw(2, 1, 64, 32).requires_grad_()
    (generator(identity, gray) ** 2).mean().backward()
    assert identity.grad is not None
    assert identity.grad.abs().sum() > 0
    assert gray.grad is not None
    assert gray.grad.abs().sum() > 0
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_equal_steps_give_equal_bits() -> None:
    def step() -> list[Tensor]:
        generator = _generator()
        identity, gray = _draw(4, 8, 4, 1).requires_grad_(), _draw(4, 1, 64, 32, seed=2)
        generator(identity, gray).square().mean().backward()
        return [identity.grad, *(weight.grad for weight in generator.parameters())]

    assert all(torch.equal(one, two) for one, two in zip(step(), step(), strict=True))


def test_paper_padding_and_dilations_run_at_paper_resolution_only() -> None:
    settings = GeneratorSettings(structure_width=4, decoder_width=8, mlp_width=8)
    generator = _generator(settings)
    with torch.no_grad():
        assert generator(_draw(1, 8, 4, 1), _draw(1, 1, 256, 128)).shape == (1, 3, 256, 128)
    with pytest.raises(ShapeError, match="16x8 is too small to reflect 9 pixels"):
        generator.structure(_draw(1, 1, 64, 32))


def test_samples_of_a_batch_do_not_touch_each_other() -> None:
    generator, identity, gray = _generator(), _draw(3, 8, 4, 1), _draw(3, 1, 64, 32)
    alone = generator(identity[1:2], gray[1:2])
    torch.testing.assert_close(generator(identity, gray)[1:2], alone, rtol=1e-4, atol=1e-5)


def test_uneven_slices_and_widths_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="decoder_blocks"):
        Generator(LAPTOP.model_copy(update={"decoder_blocks": 3}), 8, 4)
    with pytest.raises(UsageError, match="stripe"):
        Generator(LAPTOP.model_copy(update={"decoder_blocks": 8}), 8, 4, slicing="stripe")
    with pytest.raises(UsageError, match="multiple of 4"):
        StructureEncoder(LAPTOP.model_copy(update={"decoder_width": 18}))


def test_wrong_shapes_are_refused_by_name() -> None:
    generator = _generator()
    with pytest.raises(ShapeError, match="projections"):
        generator.structure(_draw(2, 3, 64, 32))
    with pytest.raises(ShapeError, match="multiples of 4"):
        generator.structure(_draw(2, 1, 62, 32))
    with pytest.raises(ShapeError, match="identity"):
        generator.styles(_draw(2, 9, 4, 1))
