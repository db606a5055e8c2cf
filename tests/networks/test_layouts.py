"""Public files at the paper's size: names and shapes written down from the specs, not from us."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gclbench.errors import CheckpointError
from gclbench.networks import Discriminator, Generator, IdEncoder
from gclbench.networks.checkpoints import (
    load_generator_checkpoint,
    load_id_checkpoint,
    read_checkpoint,
)
from gclbench.networks.layouts import detect, sizes_of
from gclbench.schema.settings import (
    DiscriminatorSettings,
    GeneratorSettings,
    IdEncoderSettings,
)

State = dict[str, Tensor]
BLOCKS = (3, 4, 6, 3)
PAPER, WIDE = IdEncoderSettings(), IdEncoderSettings(embedding_dim=2048)
SMALL = IdEncoderSettings(width=4, embedding_dim=128)  # as many features as channels


class Filler:
    """Random tensors by name."""

    def __init__(self) -> None:
        self.draws = torch.Generator().manual_seed(3)

    def tensor(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.draws)

    def norm(self, name: str, size: int) -> State:
        kinds = ("weight", "bias", "running_mean", "running_var")
        state = {f"{name}.{kind}": self.tensor(size) for kind in kinds}
        return {**state, f"{name}.num_batches_tracked": torch.tensor(7)}

    def resnet50(self, width: int = 64) -> State:
        """torchvision's ResNet-50 without `fc`: 318 tensors."""
        state = {"conv1.weight": self.tensor(width, 3, 7, 7), **self.norm("bn1", width)}
        inputs = width
        for stage, count in enumerate(BLOCKS):
            planes = width * 2**stage
            for block in range(count):
                name = f"layer{stage + 1}.{block}"
                sizes = ((planes, inputs, 1), (planes, planes, 3), (4 * planes, planes, 1))
                for index, (out, into, kernel) in enumerate(sizes, 1):
                    state[f"{name}.conv{index}.weight"] = self.tensor(out, into, kernel, kernel)
                    state |= self.norm(f"{name}.bn{index}", out)
                if block == 0:
                    state[f"{name}.downsample.0.weight"] = self.tensor(4 * planes, inputs, 1, 1)
                    state |= self.norm(f"{name}.downsample.1", 4 * planes)
                inputs = 4 * planes
        return state

    def linear(self, name: str, out: int, into: int, bias: bool = True) -> State:
        state = {f"{name}.weight": self.tensor(out, into)}
        return state | ({f"{name}.bias": self.tensor(out)} if bias else {})


@pytest.fixture(scope="module")
def fill() -> Filler:
    return Filler()


@pytest.fixture(scope="module")
def trunk(fill: Filler) -> State:
    state = fill.resnet50()
    assert len(state) == 318
    return state


def under(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


def imported(tmp_path: Path, content: Any, settings: IdEncoderSettings, **how: Any) -> Any:
    """Save a file, load it, and return the encoder's own tensors and the report."""
    torch.save(content, tmp_path / "public.pth")
    encoder = IdEncoder(settings)
    report = load_id_checkpoint(encoder, tmp_path / "public.pth", **how)
    return encoder.state_dict(), report


def assert_holds(own: State, expected: State) -> None:
    assert own.keys() == expected.keys()
    assert [name for name in own if not torch.equal(own[name], expected[name])] == []


def test_jvtc_files_come_out_as_they_went_in(tmp_path: Path, fill: Filler, trunk: State) -> None:
    e_id = {**trunk, **fill.linear("feat", 512, 2048), **fill.norm("feat_bn", 512)}
    own, report = imported(tmp_path, {**e_id, **fill.linear("classifier", 702, 512)}, PAPER)
    assert_holds(own, e_id)
    assert (report.layout, report.refit, report.kept, report.made) == ("jvtc", "none", (), ())
    assert report.ignored == ("classifier.weight", "classifier.bias")


@pytest.mark.parametrize("wrapped", [True, False])
def test_gcl_files_of_stage_2_and_3_come_out_as_they_went_in(
    tmp_path: Path, fill: Filler, trunk: State, wrapped: bool
) -> None:
    e_id = {**trunk, **fill.linear("feat", 512, 2048), **fill.norm("feat_bn", 512)}
    own, report = imported(tmp_path, {"id": e_id} if wrapped else e_id, PAPER)
    assert_holds(own, e_id)
    assert (report.layout, report.ignored, report.kept) == ("gcl", (), ())


def test_torchvision_files_fill_the_trunk_and_keep_the_head(
    tmp_path: Path, fill: Filler, trunk: State
) -> None:
    own, report = imported(tmp_path, {**trunk, **fill.linear("fc", 1000, 2048)}, PAPER)
    assert all(torch.equal(own[name], value) for name, value in trunk.items())
    assert (report.layout, report.has_head) == ("torchvision", False)
    assert report.ignored == ("fc.weight", "fc.bias")
    assert set(report.kept) == own.keys() - trunk.keys()


def test_mmcl_files_give_their_batch_norm_behind_an_identity(
    tmp_path: Path, fill: Filler, trunk: State
) -> None:
    norm = fill.norm("bn", 2048)
    base = under("base.", {**trunk, **fill.linear("fc", 1000, 2048)})
    state = under("module.", {**base, **norm, **fill.linear("classifier", 751, 2048)})
    content = {"state_dict": state, "state_dict_memory": {"mem": torch.zeros(4, 2048)}, "epoch": 3}
    own, report = imported(tmp_path, content, WIDE, head="file")
    head = {"feat.weight": torch.eye(2048), "feat.bias": torch.zeros(2048)}
    renamed = {f"feat_{name}": value for name, value in norm.items()}
    assert_holds(own, {**trunk, **head, **renamed})
    assert (report.layout, report.made) == ("mmcl", ("feat.weight", "feat.bias"))
    assert report.ignored == (
        "base.fc.weight",
        "base.fc.bias",
        "classifier.weight",
        "classifier.bias",
    )


def test_act_files_give_a_fresh_batch_norm_or_their_own(
    tmp_path: Path, fill: Filler, trunk: State
) -> None:
    norm = fill.norm("feat_bn", 2048)
    beside = {**fill.linear("feat", 2048, 2048, bias=False), **fill.linear("classifier_x2", 9, 9)}
    content = {"state_dict": {**under("base.", trunk), **norm, **beside}, "best_top1": 0.5}
    own, report = imported(tmp_path, content, WIDE)
    identity = {"feat.weight": torch.eye(2048), "feat.bias": torch.zeros(2048)}
    fresh = torch.nn.BatchNorm1d(2048).state_dict(prefix="feat_bn.")
    assert_holds(own, {**trunk, **identity, **fresh})
    assert (report.layout, report.refit) == ("act", "head")
    assert {"feat.weight", "feat_bn.weight", "classifier_x2.weight"} <= set(report.ignored)
    own, report = imported(tmp_path, content, WIDE, head="file")
    assert_holds(own, {**trunk, **identity, **norm})
    assert (report.refit, report.made) == ("none", ("feat.weight", "feat.bias"))


def test_buc_files_give_their_embedding_head_or_a_fresh_one(
    tmp_path: Path, fill: Filler, trunk: State
) -> None:
    linear = fill.linear("embeding", 2048, 2048)
    norm = fill.norm("embeding_bn", 2048)
    head = under("avg_pooling.", {**linear, **norm})
    base = under("CNN.base.", {**trunk, **fill.linear("fc", 1000, 2048)})
    state = under("module.", {**base, **head})
    own, report = imported(tmp_path, state, WIDE)
    renamed = {
        name.replace("embeding", "feat"): value for name, value in {**linear, **norm}.items()
    }
    assert_holds(own, {**trunk, **renamed})
    assert (report.layout, report.refit, report.kept) == ("buc", "all", ())
    own, report = imported(tmp_path, state, PAPER, head="fresh")
    assert set(report.kept) == own.keys() - trunk.keys()
    assert set(head) <= set(report.ignored)


def test_a_foreign_head_that_does_not_fit_is_left_or_refused(tmp_path: Path) -> None:
    fill = Filler()
    state = {**under("base.", fill.resnet50(4)), **fill.norm("bn", 128)}
    torch.save(state, tmp_path / "mmcl.pth")
    encoder = IdEncoder(SMALL.model_copy(update={"embedding_dim": 8}))
    report = load_id_checkpoint(encoder, tmp_path / "mmcl.pth")
    assert not report.has_head
    assert "bn.weight" in report.ignored
    with pytest.raises(CheckpointError, match=r"128 features.* 8.*embedding_dim=128.*head=fresh"):
        load_id_checkpoint(encoder, tmp_path / "mmcl.pth", head="file")


def test_half_a_foreign_head_is_refused_and_named(tmp_path: Path) -> None:
    fill = Filler()
    state = {**under("base.", fill.resnet50(4)), **fill.norm("bn", 128)}
    del state["bn.running_var"]
    torch.save(state, tmp_path / "mmcl.pth")
    with pytest.raises(CheckpointError, match=r"feat_bn\.running_var"):
        load_id_checkpoint(IdEncoder(SMALL), tmp_path / "mmcl.pth")


def test_mmcl_gives_the_embedding_that_its_own_code_would(tmp_path: Path) -> None:
    fill = Filler()
    norm = fill.norm("bn", 128)
    source = IdEncoder(SMALL, generator=fill.draws).state_dict()
    trunk = {name: value for name, value in source.items() if not name.startswith("feat")}
    torch.save({**under("base.", trunk), **norm}, tmp_path / "mmcl.pth")
    encoder = IdEncoder(SMALL).eval()
    load_id_checkpoint(encoder, tmp_path / "mmcl.pth")
    theirs = torch.nn.BatchNorm1d(128).eval()
    theirs.load_state_dict({name.removeprefix("bn."): value for name, value in norm.items()})
    with torch.no_grad():
        output = encoder(torch.randn(3, 3, 64, 32, generator=fill.draws))
        assert torch.equal(output.embedding, theirs(output.pooled))
        assert torch.isfinite(output.embedding).all()


def test_files_from_before_zip_archives_and_with_numpy_numbers_load(tmp_path: Path) -> None:
    fill = Filler()
    e_id = {**fill.resnet50(4), **fill.linear("feat", 128, 128), **fill.norm("feat_bn", 128)}
    content = {"state_dict": e_id, "best_top1": np.float64(0.803), "epoch": np.int64(4)}
    old, new = tmp_path / "old.pth", tmp_path / "new.pth"
    torch.save(content, old, _use_new_zipfile_serialization=False)
    torch.save(content, new)
    older_numpy = tmp_path / "older_numpy.pth"
    with zipfile.ZipFile(new) as before, zipfile.ZipFile(older_numpy, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name.endswith("data.pkl"):
                data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            after.writestr(name, data)
    for path in (old, new, older_numpy):
        found = read_checkpoint(path)
        assert (found.wrappers, found.beside) == (("state_dict",), ("best_top1", "epoch"))
        assert torch.equal(found.tensors["feat.weight"], e_id["feat.weight"])


def test_generator_and_discriminator_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    draws = torch.Generator().manual_seed(1)
    pairs = (
        ("gen", Generator(GeneratorSettings(), 2048, 4), Generator(GeneratorSettings(), 2048, 4)),
        *([("dis", *(Discriminator(DiscriminatorSettings(), padding="reflect") for _ in "ab"))]),
    )
    for wrapper, source, target in pairs:
        for value in source.state_dict().values():
            value.copy_(torch.rand(value.shape, generator=draws))
        torch.save({wrapper: source.state_dict()}, tmp_path / f"{wrapper}_00030000.pt")
        report = load_generator_checkpoint(target, tmp_path / f"{wrapper}_00030000.pt")
        assert_holds(target.state_dict(), source.state_dict())
        assert report.ignored == report.kept == ()


def test_a_generator_or_an_optimiser_is_not_taken_for_e_id(tmp_path: Path) -> None:
    path = tmp_path / "gen.pt"
    torch.save({"gen": {"enc_content.model.0.conv.weight": torch.zeros(1)}}, path)
    with pytest.raises(CheckpointError, match="no E_id: generator"):
        load_id_checkpoint(IdEncoder(SMALL), path)
    state = torch.optim.Adam([torch.zeros(1, requires_grad=True)]).state_dict()
    torch.save({"gen": state, "id": state, "dis": state}, path)
    with pytest.raises(CheckpointError, match="optimiser"):
        load_id_checkpoint(IdEncoder(SMALL), path)


def test_sizes_are_read_off_the_shapes(trunk: State, fill: Filler) -> None:
    e_id = {**trunk, **fill.norm("feat_bn", 512)}
    found = sizes_of(detect(e_id), e_id)
    assert found is not None
    said = {"depth": "resnet50", "width": 64, "embedding_dim": 512}
    assert found.model_dump(exclude_unset=True) == said
    small = IdEncoder(IdEncoderSettings(depth="resnet18", width=4, embedding_dim=8)).state_dict()
    found = sizes_of(detect(small), small)
    assert found is not None
    assert found.model_dump(exclude_unset=True) == {
        "depth": "resnet18",
        "width": 4,
        "embedding_dim": 8,
    }


def test_another_size_is_refused_with_the_words_for_its_own(tmp_path: Path) -> None:
    fill = Filler()
    e_id = {**fill.resnet50(4), **fill.linear("feat", 64, 128), **fill.norm("feat_bn", 64)}
    torch.save(e_id, tmp_path / "e_id.pth")
    with pytest.raises(CheckpointError, match=r"width=4 network\.id_encoder\.embedding_dim=64"):
        load_id_checkpoint(IdEncoder(SMALL), tmp_path / "e_id.pth")
