from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gclbench.errors import CheckpointError, DataMissingError
from gclbench.meshes.hmr import load_hmr
from gclbench.networks import (
    Generator,
    IdEncoder,
    load_generator_checkpoint,
    load_id_checkpoint,
)
from gclbench.schema.settings import GeneratorSettings, IdEncoderSettings

SETTINGS = IdEncoderSettings(width=4, embedding_dim=8)


def _encoder(seed: int) -> IdEncoder:
    return IdEncoder(SETTINGS, generator=torch.Generator().manual_seed(seed))


def _save(tmp_path: Path, content: object) -> Path:
    torch.save(content, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def _trunk(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith("feat")}


def test_jvtc_file_fills_every_tensor_and_its_classifier_is_ignored(tmp_path: Path) -> None:
    source, target = _encoder(1), _encoder(2)
    path = _save(tmp_path, {**source.state_dict(), "classifier.weight": torch.zeros(3, 8)})
    report = load_id_checkpoint(target, path)
    assert report.ignored == ("classifier.weight",)
    assert report.kept == ()
    for name, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], value), name


def test_imagenet_file_keeps_the_head(tmp_path: Path) -> None:
    source, target = _encoder(1), _encoder(2)
    head = target.feat.weight.clone()
    path = _save(tmp_path, {**_trunk(source.state_dict()), "fc.weight": torch.zeros(10, 128)})
    report = load_id_checkpoint(target, path)
    assert torch.equal(target.feat.weight, head)
    assert torch.equal(target.conv1.weight, source.conv1.weight)
    assert "feat.weight" in report.kept
    assert report.ignored == ("fc.weight",)


def test_mmcl_file_gives_its_base_and_loses_its_own_head(tmp_path: Path) -> None:
    source, target = _encoder(1), _encoder(2)
    base = {f"module.base.{name}": value for name, value in _trunk(source.state_dict()).items()}
    other = {"module.feat.weight": torch.zeros(128, 128), "module.bn.weight": torch.ones(128)}
    path = _save(tmp_path, {"state_dict": {**base, **other}})
    report = load_id_checkpoint(target, path)
    assert torch.equal(target.layer4[0].conv2.weight, source.layer4[0].conv2.weight)
    assert report.ignored == ("feat.weight", "bn.weight")


def test_gcl_file_is_unwrapped(tmp_path: Path) -> None:
    source, target = _encoder(1), _encoder(2)
    load_id_checkpoint(target, _save(tmp_path, {"id": source.state_dict()}))
    assert torch.equal(target.feat_bn.weight, source.feat_bn.weight)
    assert torch.equal(target.feat.weight, source.feat.weight)


def test_files_without_batch_counters_load(tmp_path: Path) -> None:
    state = {n: v for n, v in _encoder(1).state_dict().items() if "num_batches" not in n}
    report = load_id_checkpoint(_encoder(2), _save(tmp_path, state))
    assert all(name.endswith("num_batches_tracked") for name in report.kept)


@pytest.mark.parametrize("lost", ["layer3.1.bn2.running_var", "feat_bn.bias"])
def test_a_missing_tensor_is_named_and_nothing_is_changed(tmp_path: Path, lost: str) -> None:
    state, target = _encoder(1).state_dict(), _encoder(2)
    del state[lost]
    before = target.conv1.weight.clone()
    with pytest.raises(CheckpointError, match=lost):
        load_id_checkpoint(target, _save(tmp_path, state))
    assert torch.equal(target.conv1.weight, before)


def test_a_wrong_shape_is_named(tmp_path: Path) -> None:
    state = _encoder(1).state_dict() | {"feat.weight": torch.zeros(9, 128)}
    with pytest.raises(CheckpointError, match=r"feat\.weight.*\(9, 128\)"):
        load_id_checkpoint(_encoder(2), _save(tmp_path, state))


def test_truncated_empty_and_absent_files_give_clear_errors(tmp_path: Path) -> None:
    path = _save(tmp_path, _encoder(1).state_dict())
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"weights\.pth"):
        load_id_checkpoint(_encoder(2), path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"weights\.pth"):
        load_id_checkpoint(_encoder(2), path)
    with pytest.raises(CheckpointError, match="no tensors"):
        load_id_checkpoint(_encoder(2), _save(tmp_path, {"epoch": 3}))
    with pytest.raises(DataMissingError, match="absent"):
        load_id_checkpoint(_encoder(2), tmp_path / "absent.pth")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02.",
        b"\x80\x02K",
        b"\x80\x02R.",
        b"\x80\x02Nb.",
        b"\x80\x02}q\x00(U",
        b"ctorch._utils\n_rebuild_tensor_v2\n(tR.",
    ],
)
def test_whatever_a_damaged_pickle_raises_the_file_is_named(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights\.pth cannot be read"):
        load_id_checkpoint(_encoder(2), path)
    with pytest.raises(CheckpointError, match=r"weights\.pth cannot be read"):
        load_hmr(path)


class _Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("never_touch_this"),))


def test_code_in_a_checkpoint_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError):
        load_id_checkpoint(_encoder(2), _save(tmp_path, {"id": _Trap()}))
    assert not (tmp_path / "never_touch_this").exists()


def test_public_generator_file_loads_without_its_dummy_statistics(tmp_path: Path) -> None:
    settings = GeneratorSettings(structure_width=4, decoder_width=8, mlp_width=8)
    source, target = (
        Generator(settings, 8, 4, generator=torch.Generator().manual_seed(s)) for s in (1, 2)
    )
    dummy = {"dec.model.1.model.0.model.0.norm.running_mean": torch.zeros(8)}
    path = _save(tmp_path, {"gen": {**source.state_dict(), **dummy}})
    report = load_generator_checkpoint(target, path)
    assert report.ignored == tuple(dummy)
    assert report.kept == ()
    assert torch.equal(target.mlp_b3.model[1]["fc"].weight, source.mlp_b3.model[1]["fc"].weight)
