"""What E_id starts from: a file, rendered people, or chance; and supervised source training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gclbench.errors import CheckpointError, DataMissingError, UsageError
from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import REGISTRY
from gclbench.seeding import torch_generator
from gclbench.stages.pretrain import load_encoder, new_encoder, pretrain, source

Tiny = Callable[..., Any]


def torchvision_file(path: Path, tiny: Tiny) -> dict[str, torch.Tensor]:
    """Write a ResNet in torchvision's layout: a trunk, a 1000-way `fc`, no head of ours."""
    encoder = IdEncoder(tiny().network.id_encoder, generator=torch_generator(77, "file"))
    state = {
        name: value for name, value in encoder.state_dict().items() if not name.startswith("feat")
    }
    file = {**state, "fc.weight": torch.zeros(1000, 32), "fc.bias": torch.zeros(1000)}
    torch.save(file, path)
    return state


def saved(context: Any, name: str = "encoder.pt") -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(context.folder / name, weights_only=True)
    return state


def test_imagenet_without_a_file_name_is_a_usage_error(bench: Any, tiny: Tiny) -> None:
    context = bench.context("pretrain", tiny(pretrain={"kind": "imagenet"}), datasets={"x": None})
    with pytest.raises(UsageError, match=r"needs a ResNet-50 file.*pretrain\.weights=PATH"):
        pretrain(context)


def test_imagenet_with_a_missing_file_is_missing_data(bench: Any, tiny: Tiny) -> None:
    missing = str(bench.home / "resnet50.pth")
    settings = tiny(pretrain={"kind": "imagenet", "weights": missing})
    with pytest.raises(DataMissingError, match=r"no file .*resnet50\.pth"):
        pretrain(bench.context("pretrain", settings))


def test_a_torchvision_file_gives_the_trunk_and_leaves_the_head_to_chance(
    bench: Any, tiny: Tiny
) -> None:
    path = bench.home / "resnet.pth"
    trunk = torchvision_file(path, tiny)
    context = bench.context("pretrain", tiny(pretrain={"kind": "imagenet", "weights": str(path)}))
    metrics = pretrain(context)
    got, fresh = saved(context), new_encoder(context).state_dict()
    assert metrics == {"tensors_loaded": float(len(trunk))}
    assert all(torch.equal(got[name], value) for name, value in trunk.items())
    assert torch.equal(got["feat.weight"], fresh["feat.weight"])
    assert got.keys() == fresh.keys()


def test_a_file_under_the_home_folder_may_be_written_with_a_tilde(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(bench.home))
    torchvision_file(bench.home / "resnet.pth", tiny)
    settings = tiny(pretrain={"kind": "imagenet", "weights": "~/resnet.pth"})
    assert pretrain(bench.context("pretrain", settings))["tensors_loaded"] > 0


def test_a_file_of_another_network_is_refused(bench: Any, tiny: Tiny) -> None:
    path = bench.home / "other.pth"
    torch.save({"conv1.weight": torch.zeros(1)}, path)
    settings = tiny(pretrain={"kind": "imagenet", "weights": str(path)})
    with pytest.raises(CheckpointError, match="a network that is not known here"):
        pretrain(bench.context("pretrain", settings))


def test_random_saves_the_weights_of_the_stream_and_reads_no_data(bench: Any, tiny: Tiny) -> None:
    settings = tiny(pretrain={"kind": "random"})
    context = bench.context("pretrain", settings, datasets={"none": None})
    assert pretrain(context) == {}
    fresh = new_encoder(context).state_dict()
    assert all(torch.equal(saved(context)[name], fresh[name]) for name in fresh)
    other = bench.context("pretrain", settings, seed=1)
    assert not torch.equal(new_encoder(other).conv1.weight, fresh["conv1.weight"])


def test_rendered_trains_on_the_pretraining_set_and_leaves_no_classifier(
    bench: Any, tiny: Tiny
) -> None:
    context = bench.context("pretrain", datasets={"pretrain": bench.dataset})
    pretrain(context)
    assert not torch.equal(saved(context)["conv1.weight"], new_encoder(context).conv1.weight)
    assert sorted(path.name for path in context.folder.glob("*.pt")) == ["encoder.pt"]
    assert [step for name, _, step in bench.logged if name == "loss"] == [1, 2]


def test_source_starts_from_pretraining_and_keeps_its_classifier(bench: Any, tiny: Tiny) -> None:
    context = bench.context(
        "source",
        tiny(source={"lr": 1e-12, "weight_decay": 0.0}),
        parents=bench.parents("pretrain"),
        datasets={"source": bench.dataset},
    )
    assert source(context) == {}
    start = load_encoder(context, "pretrain").state_dict()
    assert torch.allclose(saved(context)["feat.weight"], start["feat.weight"], atol=1e-6)
    people = len(set(bench.dataset.train.pids.tolist()))
    assert saved(context, "classifier.pt")["weight"].shape == (people, 16)


def test_both_are_registered_as_stages() -> None:
    assert REGISTRY.lookup("stages", "pretrain").component is pretrain
    assert REGISTRY.lookup("stages", "source").component is source
