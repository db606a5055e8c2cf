from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gclbench.errors import ShapeError
from gclbench.networks import IdEncoder
from gclbench.schema.settings import IdEncoderSettings

SMALL = IdEncoderSettings(depth="resnet18", width=8, embedding_dim=16)


def _encoder(settings: IdEncoderSettings = SMALL) -> IdEncoder:
    return IdEncoder(settings, generator=torch.Generator().manual_seed(0))


def _images(count: int = 4, height: int = 64, width: int = 32) -> Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_paper_size_has_the_published_parameter_count() -> None:
    encoder = IdEncoder(IdEncoderSettings())
    head = sum(p.numel() for n, p in encoder.named_parameters() if n.startswith("feat"))
    total = sum(p.numel() for p in encoder.parameters())
    assert head == 1_049_088 + 1_024
    assert total - head == 23_508_032
    assert encoder.channels == 2048


def test_paper_size_last_stage_keeps_its_resolution() -> None:
    encoder = _encoder(IdEncoderSettings(width=4)).eval()
    with torch.no_grad():
        maps = encoder.trunk(_images(1, 256, 128))
    assert maps.shape == (1, 128, 16, 8)


def test_names_are_torchvisions_with_feat_and_feat_bn() -> None:
    names = set(IdEncoder(IdEncoderSettings(width=4)).state_dict())
    assert {
        "conv1.weight",
        "bn1.running_var",
        "layer1.0.downsample.0.weight",
        "layer1.0.downsample.1.bias",
        "layer4.2.conv3.weight",
        "layer4.2.bn3.num_batches_tracked",
        "feat.weight",
        "feat.bias",
        "feat_bn.running_mean",
    } <= names
    assert all(name.split(".")[0] in _TOP for name in names)


_TOP = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "feat", "feat_bn")


@pytest.mark.parametrize("width", [4, 8, 16])
def test_output_shapes_at_every_width(width: int) -> None:
    settings = IdEncoderSettings(depth="resnet18", width=width, embedding_dim=24)
    out = _encoder(settings)(_images())
    assert out.f_id.shape == (4, 8 * width, 4, 1)
    assert out.embedding.shape == (4, 24)
    assert out.pooled.shape == (4, 8 * width)


def test_f_id_is_the_average_of_each_stripe_of_the_map() -> None:
    encoder = _encoder().eval()
    with torch.no_grad():
        maps, out = encoder.trunk(_images(2)), encoder(_images(2))
    for stripe in range(4):
        rows = maps[:, :, 2 * stripe : 2 * stripe + 2]
        torch.testing.assert_close(out.f_id[:, :, stripe, 0], rows.mean((2, 3)))
    torch.testing.assert_close(out.pooled, maps.mean((2, 3)))


def test_uneven_stripes_follow_adaptive_pooling() -> None:
    encoder = _encoder(SMALL.model_copy(update={"parts": 3})).eval()
    with torch.no_grad():
        expected = torch.nn.functional.adaptive_avg_pool2d(encoder.trunk(_images(2)), (3, 1))
        torch.testing.assert_close(encoder(_images(2)).f_id, expected)


def test_embedding_is_the_head_applied_to_the_pooled_vector() -> None:
    encoder = _encoder().eval()
    out = encoder(_images(3))
    torch.testing.assert_close(out.embedding, encoder.embed(out.pooled))
    torch.testing.assert_close(out.f_id.mean((2, 3)), out.pooled)


def test_too_low_a_map_is_refused_with_its_height() -> None:
    with pytest.raises(ShapeError, match="height 2"):
        _encoder()(_images(2, 16, 32))


def test_gray_images_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(B, 3, H, W\)"):
        _encoder()(torch.zeros(2, 1, 64, 32))


def test_fixed_statistics_use_the_batch_but_leave_running_values_alone() -> None:
    encoder, images = _encoder(), _images()
    usual = encoder(images).embedding
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    with encoder.fixed_statistics():
        fixed = encoder(images).embedding
    assert torch.equal(fixed, usual)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    encoder(images)
    assert not torch.equal(encoder.bn1.running_mean, before["bn1.running_mean"])


def test_fixed_statistics_in_eval_mode_still_use_running_values() -> None:
    encoder = _encoder()
    encoder(_images())
    encoder.eval()
    usual = encoder(_images(2)).embedding
    with encoder.fixed_statistics():
        assert torch.equal(encoder(_images(2)).embedding, usual)


def test_memory_format_of_the_input_does_not_change_the_features() -> None:
    encoder, images = _encoder().eval(), _images()
    last = encoder(images.contiguous(memory_format=torch.channels_last)).embedding
    torch.testing.assert_close(encoder(images).embedding, last, rtol=1e-4, atol=1e-5)
