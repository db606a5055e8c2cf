from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gclbench.errors import ShapeError
from gclbench.networks.norms import adaptive_instance_norm, instance_norm, layer_norm

# gcl.md section 12: two channels of 2x2.
EXAMPLE = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[2.0, 2.0], [4.0, 8.0]]]], dtype=torch.float64)


def _maps(*shape: int, seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64) * 2 + 0.7


def _loop_instance_norm(images: Tensor) -> Tensor:
    out = torch.empty_like(images)
    for sample in range(images.shape[0]):
        for channel in range(images.shape[1]):
            values = images[sample, channel]
            mean = sum(values.flatten().tolist()) / values.numel()
            variance = sum((v - mean) ** 2 for v in values.flatten().tolist()) / values.numel()
            out[sample, channel] = (values - mean) / (variance + 1e-5) ** 0.5
    return out


def test_adain_matches_the_worked_example() -> None:
    scale = torch.tensor([[1.5, -0.5]], dtype=torch.float64)
    shift = torch.tensor([[0.1, 0.2]], dtype=torch.float64)
    out = adaptive_instance_norm(EXAMPLE, scale, shift).flatten()
    expected = [-1.912453, -0.570818, 0.770818, 2.112453, 0.608248, 0.608248, 0.2, -0.616496]
    assert out.tolist() == pytest.approx(expected, abs=1e-6)


def test_layer_norm_matches_the_worked_example() -> None:
    one = torch.ones(2, dtype=torch.float64)
    out = layer_norm(EXAMPLE, one, torch.zeros_like(one)).flatten()
    expected = [
        *(-1.028507, -0.571393, -0.114279, 0.342836),
        *(-0.571393, -0.571393, 0.342836, 2.171292),
    ]
    assert out.tolist() == pytest.approx(expected, abs=1e-6)


def test_instance_norm_equals_a_loop_over_samples_and_channels() -> None:
    images = _maps(3, 2, 4, 5)
    torch.testing.assert_close(instance_norm(images), _loop_instance_norm(images))


def test_layer_norm_equals_the_formula_with_unbiased_std() -> None:
    images, gamma, beta = _maps(3, 2, 4, 5), _maps(2, seed=1), _maps(2, seed=2)
    for sample in range(3):
        values = images[sample]
        plain = (values - values.mean()) / (values.std() + 1e-5)
        expected = plain * gamma[:, None, None] + beta[:, None, None]
        torch.testing.assert_close(layer_norm(images, gamma, beta)[sample], expected)


def test_gradients_agree_with_finite_differences() -> None:
    images = _maps(2, 3, 2, 4).requires_grad_()
    scale, shift = (_maps(2, 3, seed=s).requires_grad_() for s in (4, 5))
    gamma, beta = (_maps(3, seed=s).requires_grad_() for s in (6, 7))
    assert torch.autograd.gradcheck(instance_norm, (images,))
    assert torch.autograd.gradcheck(adaptive_instance_norm, (images, scale, shift))
    assert torch.autograd.gradcheck(layer_norm, (images, gamma, beta))


def test_gradient_reaches_the_affine_of_a_map_that_needs_none() -> None:
    scale, shift = (_maps(2, 3, seed=s).requires_grad_() for s in (4, 5))
    adaptive_instance_norm(_maps(2, 3, 2, 4), scale, shift).sum().backward()
    assert scale.grad is not None
    assert shift.grad is not None
    assert torch.equal(shift.grad, torch.full((2, 3), 8.0, dtype=torch.float64))


def test_constant_maps_stay_finite_forward_and_backward() -> None:
    images = torch.ones(2, 3, 4, 4, requires_grad=True)
    out = layer_norm(images, torch.ones(3), torch.zeros(3)) + instance_norm(images)
    out.sum().backward()
    assert torch.equal(out, torch.zeros_like(out))
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()


def test_channels_last_maps_keep_their_format_and_give_equal_numbers() -> None:
    images = _maps(2, 8, 4, 4)
    last = images.contiguous(memory_format=torch.channels_last)
    out = instance_norm(last)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, instance_norm(images), rtol=1e-12, atol=1e-12)


def test_the_input_is_left_alone() -> None:
    images = _maps(2, 3, 4, 4)
    copy = images.clone()
    instance_norm(images)
    layer_norm(images, torch.ones(3).double(), torch.zeros(3).double())
    assert torch.equal(images, copy)


def test_wrong_shapes_name_the_axis() -> None:
    with pytest.raises(ShapeError, match=r"\(B, C, H, W\)"):
        instance_norm(_maps(2, 3))
    with pytest.raises(ShapeError, match="scale"):
        adaptive_instance_norm(_maps(2, 3, 4, 4), _maps(2, 4), _maps(2, 3))
    with pytest.raises(ShapeError, match="beta"):
        layer_norm(_maps(2, 3, 4, 4), _maps(3), _maps(4))
