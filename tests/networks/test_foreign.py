"""Files of neighbouring codes, small: which layout they are, and the features that come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gclbench.errors import CheckpointError
from gclbench.networks.checkpoints import LoadReport, load_id_checkpoint
from gclbench.networks.contents import read_checkpoint
from gclbench.networks.fit import load_encoder_file
from gclbench.networks.id_encoder import IdEncoder
from gclbench.schema.settings import IdEncoderSettings

State = dict[str, Tensor]
SETTINGS = IdEncoderSettings(width=2, embedding_dim=64)  # as many features as channels
NUMBERS = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
WITHOUT_RELU = NUMBERS | {"layer1": "3", "layer2": "4", "layer3": "5", "layer4": "6"}


@pytest.fixture(scope="module")
def source() -> IdEncoder:
    draws = torch.Generator().manual_seed(5)
    encoder = IdEncoder(SETTINGS, generator=draws)
    for name, value in encoder.state_dict().items():
        if "running" in name:
            value.copy_(torch.rand(value.shape, generator=draws) + 0.5)
    return encoder.eval()


@pytest.fixture(scope="module")
def trunk(source: IdEncoder) -> State:
    return {n: v for n, v in source.state_dict().items() if not n.startswith("feat")}


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., tuple[IdEncoder, LoadReport]]:
    def loaded(content: object, **how: Any) -> tuple[IdEncoder, LoadReport]:
        torch.save(content, tmp_path / "foreign.pth")
        encoder = IdEncoder(SETTINGS, generator=torch.Generator().manual_seed(6)).eval()
        return encoder, load_id_checkpoint(encoder, tmp_path / "foreign.pth", **how)

    return loaded


def norm(name: str, size: int = 64) -> State:
    draws = torch.Generator().manual_seed(len(name))
    kinds = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{kind}": torch.rand(size, generator=draws) + 0.1 for kind in kinds}


def under(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


def numbered(trunk: State, numbers: dict[str, str], prefix: str = "base.") -> State:
    parts = ((name.partition("."), value) for name, value in trunk.items())
    return {f"{prefix}{numbers[top]}.{rest}": value for (top, _, rest), value in parts}


def embedding(encoder: IdEncoder) -> Tensor:
    images = torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        return encoder(images).embedding


def by_its_own_code(source: IdEncoder, state: State, linear: nn.Linear | None = None) -> Tensor:
    """Pooled vector, the code's own linear layer where it has one, its BatchNorm."""
    size = len(next(iter(state.values())))
    own = nn.BatchNorm1d(size).eval()
    own.load_state_dict({n.rpartition(".")[2]: v for n, v in state.items()}, strict=False)
    images = torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        pooled = source(images).pooled
        return own(pooled if linear is None else linear(pooled))


HEADS = {
    "spcl": ("feat_bn", lambda trunk: numbered(trunk, NUMBERS)),
    "pplr": ("bnneck", lambda trunk: numbered(trunk, NUMBERS)),
    "fastreid": ("heads.bottleneck.0", lambda trunk: under("backbone.", trunk)),
    "strong_baseline": ("bottleneck", lambda trunk: under("base.", trunk)),
    "mmt": ("feat_bn", lambda trunk: numbered(trunk, WITHOUT_RELU)),
}


@pytest.mark.parametrize("code", HEADS)
def test_a_batch_norm_behind_the_pooled_vector_is_taken_as_mmcls_is(
    load: Any, source: IdEncoder, trunk: State, code: str
) -> None:
    name, names = HEADS[code]
    head, classifier = norm(name), {"classifier.weight": torch.zeros(9, 64)}
    content = {"state_dict": under("module.", {**names(trunk), **head, **classifier}), "epoch": 1}
    encoder, report = load(content)
    assert report.layout == ("spcl" if code == "pplr" else code)
    assert report.has_head
    assert report.ignored == ("classifier.weight",)
    torch.testing.assert_close(
        embedding(encoder), by_its_own_code(source, head), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("code", ["mmt", "strong_baseline"])
def test_a_trunk_without_relu_behind_conv1_says_so_and_is_refitted(
    load: Any, trunk: State, code: str
) -> None:
    name, names = HEADS[code]
    _, report = load({**names(trunk), **norm(name)})
    assert "no ReLU behind conv1" in str(report)
    assert report.refit == "all"


def test_spcl_with_an_embedding_layer_has_e_ids_own_head(
    load: Any, source: IdEncoder, trunk: State
) -> None:
    head = {n: v for n, v in source.state_dict().items() if n.startswith("feat")}
    encoder, report = load({**numbered(trunk, NUMBERS), **head})
    assert (report.layout, report.made, report.ignored) == ("spcl", (), ())
    assert torch.equal(embedding(encoder), embedding(source))


def test_scl_files_have_bucs_head_and_e_ids_stride(
    load: Any, source: IdEncoder, trunk: State
) -> None:
    linear = nn.Linear(64, 64)
    head = norm("avg_pooling.embeding_bn")
    state = {**under("CNN.", trunk), **under("avg_pooling.embeding.", linear.state_dict()), **head}
    local = {"local_pooling.local_conv_list.0.0.weight": torch.zeros(8, 64)}
    encoder, report = load({**state, **local})
    assert (report.layout, report.refit, report.ignored) == ("scl", "none", tuple(local))
    torch.testing.assert_close(
        embedding(encoder), by_its_own_code(source, head, linear), rtol=1e-5, atol=1e-6
    )


def test_gem_pooling_is_said(load: Any, trunk: State) -> None:
    _, report = load({**numbered(trunk, NUMBERS), **norm("feat_bn"), "gap.p": torch.ones(1)})
    assert "pooling is GeM" in str(report)
    assert report.refit == "head"
    heads = {**norm("heads.bottleneck.0"), "heads.pool_layer.p": torch.ones(1)}
    _, report = load({**under("backbone.", trunk), **heads})
    assert "pooling is GeM" in str(report)


def test_torchreid_files_are_trunks(load: Any, trunk: State) -> None:
    classifier = {"classifier.weight": torch.zeros(9, 64), "classifier.bias": torch.zeros(9)}
    _, report = load({**trunk, **classifier})
    assert (report.layout, report.has_head) == ("torchreid", False)
    reduced = {"fc.0.weight": torch.zeros(8, 64), **norm("fc.1", 8)}
    _, report = load({**trunk, **classifier, **reduced})
    assert (report.layout, report.has_head) == ("torchreid", False)


@pytest.mark.parametrize(
    "prefix",
    [
        *("module.", "module.module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."),
        *("model.", "backbone.", "encoder.", "net.", "student.", "model.module.backbone."),
        "_fsdp_wrapped_module.",
    ],
)
def test_what_stands_before_every_name_is_taken_off(
    load: Any, source: IdEncoder, tmp_path: Path, prefix: str
) -> None:
    encoder, report = load(under(prefix, source.state_dict()))
    assert (report.layout, report.ignored, report.kept) == ("gcl", (), ())
    assert torch.equal(embedding(encoder), embedding(source))
    assert read_checkpoint(tmp_path / "foreign.pth").prefix == prefix


def test_a_wrapped_part_of_a_network_loads_too(load: Any, source: IdEncoder) -> None:
    state = source.state_dict()
    inside = {n.replace("layer1.", "layer1._orig_mod."): v for n, v in state.items()}
    encoder, report = load(inside)
    assert report.kept == ()
    assert torch.equal(embedding(encoder), embedding(source))


@pytest.mark.parametrize(
    "wrappers",
    [
        *(("state_dict",), ("model_state_dict",), ("net",), ("teacher",), ("ema",), ("a", "b")),
        ("checkpoint", "model"),
    ],
)
def test_the_one_dictionary_with_tensors_is_opened(
    load: Any, source: IdEncoder, tmp_path: Path, wrappers: tuple[str, ...]
) -> None:
    content: Any = dict(source.state_dict())
    optimiser = {"state": {0: {"exp_avg": torch.zeros(1)}}, "param_groups": [{"lr": 1}]}
    for name in reversed(wrappers):
        content = {name: content, "optimizer": optimiser, "epoch": 3}
    _, report = load(content)
    assert report.kept == ()
    assert read_checkpoint(tmp_path / "foreign.pth").wrappers == wrappers


def test_a_copy_of_the_network_beside_it_is_not_taken(load: Any, source: IdEncoder) -> None:
    other = {name: torch.zeros_like(value) for name, value in source.state_dict().items()}
    for name, copy in (("state_dict", "state_dict_ema"), ("model", "model_ema")):
        encoder, _ = load({copy: other, name: dict(source.state_dict())})
        assert torch.equal(embedding(encoder), embedding(source))


def test_several_dictionaries_or_networks_are_named(load: Any, source: IdEncoder) -> None:
    state = dict(source.state_dict())
    with pytest.raises(
        CheckpointError, match="no tensors at the top, but under 'teacher', 'student'"
    ):
        load({"teacher": state, "student": state})
    with pytest.raises(CheckpointError, match=r"2 ResNets, under 'encoder_k\.' and 'encoder_q\.'"):
        load({**under("encoder_q.", state), **under("encoder_k.", state)})


def test_names_that_would_become_equal_stay_as_they_are(load: Any, source: IdEncoder) -> None:
    state = dict(source.state_dict())
    with pytest.raises(CheckpointError, match=r"2 ResNets, under 'module\.' and the top"):
        load({**state, **under("module.", state)})


def test_a_dictionary_that_holds_itself_ends(load: Any) -> None:
    content: dict[str, Any] = {"epoch": 1}
    content["self"] = content
    with pytest.raises(CheckpointError, match="holds no tensors"):
        load(content)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"patch_embed.proj.weight": torch.zeros(1)}, "a vision transformer"),
        ({"conv1.conv.weight": torch.zeros(4, 3, 7, 7)}, "an OSNet of torchreid"),
        (
            {"stem.weight": torch.zeros(4, 3), "x.y": torch.zeros(2)},
            r"not known here: 2 tensors, first 'stem\.weight' \(4, 3\), 'x\.y' \(2,\)",
        ),
    ],
)
def test_another_network_is_described(load: Any, state: State, said: str) -> None:
    with pytest.raises(CheckpointError, match=f"no E_id: .*{said}"):
        load(state)


def test_more_than_e_ids_blocks_are_refused_not_left_out(load: Any, trunk: State) -> None:
    deeper = {n.replace("layer3.5.", "layer3.6."): v for n, v in trunk.items() if "layer3.5." in n}
    with pytest.raises(CheckpointError, match=r"blocks that E_id has not, first 'layer3\.6\."):
        load({**trunk, **deeper})
    with pytest.raises(CheckpointError, match="attention"):
        load({**trunk, "layer1.0.se.fc.0.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="IBN"):
        load({**trunk, "layer1.0.bn1.IN.weight": torch.zeros(1)})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted_and_said(
    load: Any, source: IdEncoder, dtype: torch.dtype
) -> None:
    state = {
        n: v.to(dtype) if v.is_floating_point() else v for n, v in source.state_dict().items()
    }
    encoder, report = load(state)
    assert f"{str(dtype).removeprefix('torch.')} made float32" in str(report)
    assert encoder.conv1.weight.dtype == torch.float32
    assert torch.equal(encoder.conv1.weight, state["conv1.weight"].float())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("conv1.weight", float("nan")),
        ("layer2.0.bn1.bias", float("inf")),
        ("feat.weight", 1e300),
        ("layer4.0.bn1.running_var", -0.5),
    ],
)
def test_weights_that_are_not_finite_are_refused_with_their_number(
    load: Any, source: IdEncoder, name: str, value: float
) -> None:
    state = source.state_dict()
    broken = state[name].double().clone()
    broken[-1].fill_(value)
    with pytest.raises(CheckpointError, match=f"1 of {len(state)} tensors .* first '{name}'"):
        load({**state, name: broken})


def test_what_cannot_be_a_weight_is_refused(load: Any, source: IdEncoder) -> None:
    state = source.state_dict()
    for value, said in (
        (state["conv1.weight"].to(torch.int8), "holds int8"),
        (state["conv1.weight"].to(torch.complex64), "holds complex64"),
        (state["conv1.weight"].to_sparse(), "quantised, sparse or empty"),
    ):
        with pytest.raises(CheckpointError, match=f"'conv1.weight' .*{said}"):
            load({**state, "conv1.weight": value})


def test_a_head_of_another_size_is_named_with_both_ways_out(trunk: State, tmp_path: Path) -> None:
    torch.save({**numbered(trunk, NUMBERS), **norm("feat_bn")}, tmp_path / "a.pth")
    encoder = IdEncoder(SETTINGS.model_copy(update={"embedding_dim": 8}))
    with pytest.raises(CheckpointError, match=r"64 features, .* 8\..*embedding_dim=64.*fresh"):
        load_encoder_file(encoder, tmp_path / "a.pth", "auto")
