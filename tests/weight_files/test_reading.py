"""Files that anybody may have written: what is read, what is refused and by which name."""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.errors import CheckpointError, DataMissingError
from gclbench.weight_files.reading import anew, read_weight_file

WEIGHT = {"layer.weight": torch.tensor([0.5, -2.0])}


def save(path: Path, content: object, **more: Any) -> Path:
    torch.save(content, path, **more)
    return path


def tar_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("a.pth")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


@pytest.mark.parametrize("zipped", [True, False])
def test_numpy_numbers_come_as_plain_ones(tmp_path: Path, zipped: bool) -> None:
    beside = {
        "best": np.float64(0.81), "flag": np.bool_(True), "epoch": np.int64(-4),
        "byte": np.uint8(200), "half": np.float16(0.5), "single": np.float32(0.25),
    }  # fmt: skip
    path = save(tmp_path / "a.pth", WEIGHT | beside, _use_new_zipfile_serialization=zipped)
    found = read_weight_file(path)
    assert torch.equal(found.pop("layer.weight"), WEIGHT["layer.weight"])
    assert found == {name: value.item() for name, value in beside.items()}
    assert not any(isinstance(value, np.generic) for value in found.values())


def test_a_number_keeps_the_order_of_its_bytes(tmp_path: Path) -> None:
    class Big:
        def __reduce__(self) -> tuple[Any, ...]:
            return np.float64(0).__reduce__()[0], (np.dtype(">i4"), b"\x00\x00\x00\x03")

    assert read_weight_file(save(tmp_path / "a.pth", WEIGHT | {"epoch": Big()}))["epoch"] == 3


def test_a_file_of_python_2_with_a_number_beside_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    save(path, WEIGHT | {"best": "MARK"}, _use_new_zipfile_serialization=False, pickle_protocol=2)
    # As Python 2: the number's bytes are a str, of which one byte is above 127.
    number = (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02f8K\x00K\x01tR(K\x03U\x01<NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08" + struct.pack("<d", 0.81) + b"tR"
    )
    path.write_bytes(path.read_bytes().replace(b"X\x04\x00\x00\x00MARK", number))
    assert read_weight_file(path)["best"] == 0.81


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        (argparse.Namespace(lr=1), "argparse.Namespace"),
        (np.zeros(3), "numpy.ndarray"),
        (np.complex64(1), "NumPy number"),
        (Path("x"), "pathlib"),
        (frozenset([1]), "frozenset"),
        (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
    ],
)
def test_an_object_beside_the_weights_is_named_and_how_to_save_them_anew(
    tmp_path: Path, beside: object, named: str
) -> None:
    path = save(tmp_path / "it's a.pth", {"state_dict": WEIGHT, "beside": beside})
    with pytest.raises(CheckpointError, match="more than tensors") as found:
        read_weight_file(path)
    assert named in str(found.value)
    assert anew(path) in str(found.value)
    subprocess.run(anew(path), shell=True, check=True, cwd=tmp_path, timeout=60)
    assert torch.equal(
        read_weight_file(tmp_path / "tensors.pth")["layer.weight"], WEIGHT["layer.weight"]
    )


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("plain", [True, False])
def test_weights_in_a_newer_pickle_are_saved_anew_with_arrays_as_tensors(
    tmp_path: Path, protocol: int, plain: bool
) -> None:
    content = WEIGHT | {"array": np.arange(3.0)}
    path = tmp_path / "a.pth"
    if plain:
        path.write_bytes(pickle.dumps(content, protocol))
    else:
        save(path, content, pickle_protocol=protocol)
    with pytest.raises(CheckpointError, match=r"run(ning)? code") as found:
        read_weight_file(path)
    assert "truncated" not in str(found.value)
    assert anew(path, plain=plain) in str(found.value)
    if protocol == 4:
        subprocess.run(anew(path, plain=plain), shell=True, check=True, cwd=tmp_path, timeout=60)
        saved = read_weight_file(tmp_path / "tensors.pth")
        assert torch.equal(saved["layer.weight"], WEIGHT["layer.weight"])
        assert saved["array"].tolist() == [0, 1, 2]


class _Call:
    """A pickle that calls `function` where it is opened without care."""

    def __init__(self, function: Callable[..., object], *given: object) -> None:
        self.call = (function, given)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("function", [os.system, eval, exec, subprocess.getoutput, os.mkdir])
def test_an_attack_is_not_run_and_no_way_to_run_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Any, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    word = "ran" if function is os.mkdir else "__import__('os').mkdir('ran')"
    word = "mkdir ran" if function in (os.system, subprocess.getoutput) else word
    content = {"state_dict": WEIGHT, "epoch": _Call(function, word)}
    path = save(tmp_path / "a.pth", content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"would run .* Nothing was run") as found:
        read_weight_file(path)
    assert "weights_only=False" not in str(found.value)
    assert not (tmp_path / "ran").exists()


def test_a_stranger_cannot_reach_numpy_through_the_stand_ins(tmp_path: Path) -> None:
    class Odd:
        def __reduce__(self) -> tuple[object, ...]:
            return np.dtype, ("f8", False, True), (3, "<", None, None, None, 1 << 40, 99, 63)

    path = save(tmp_path / "a.pth", WEIGHT | {"odd": Odd()})
    assert not isinstance(read_weight_file(path)["odd"], np.dtype)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><title>Quota exceeded</title>", "web page"),
        (b"\xef\xbb\xbf\n  <HTML><head>", "web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "answer of a server"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n", "Git LFS"),
        (b"../.git/annex/objects/x", "git-annex"),
        (b"\x00" * 5000, "nothing but zeros"),
        (b'{"message": "Not Found"}', "text, which begins with '{\"message"),
        (gzip.compress(b"x" * 100), "gzip"),
        (bz2.compress(b"x" * 100), "bzip2"),
        (tar_of(b"x"), "tar archive"),
        (b"Rar!\x1a\x07\x01\x00abc", "RAR"),
        (b"\x89HDF\r\n\x1a\nabc", "HDF5"),
        (zip_of("models/a.pth", "README"), "without weights at its top; it holds 'models/a.pth'"),
        (zip_of("config.json", "model.weights.h5"), "Keras"),
        (zip_of("a.npy"), "NumPy arrays"),
        (zip_of("a/data.pkl")[:60], "truncated or damaged archive"),
        (b"\x89PNG\r\n\x1a\nabc", "picture"),
        (b"%PDF-1.4", "PDF"),
        (pickle.dumps([1, 2])[:-1], "written by pickle"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M", "truncated or damaged"),
    ],
    # Not the bytes, which hold the time: every process must give a test the same name.
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_no_file_of_tensors_is_called_by_its_name(
    tmp_path: Path, content: bytes, named: str
) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as found:
        read_weight_file(path)
    assert named in str(found.value)
    assert str(path) in found.value.message
    assert found.value.remedy


@pytest.mark.parametrize(
    ("name", "named"),
    [("a.onnx", "ONNX"), ("model.ckpt.data-00000-of-00001", "TensorFlow"), ("a.pb", "TensorFlow")],
)
def test_a_name_tells_what_bytes_do_not(tmp_path: Path, name: str, named: str) -> None:
    (tmp_path / name).write_bytes(b"\x08\x07\x12\x07\x80\x81\x82")
    with pytest.raises(CheckpointError, match=named):
        read_weight_file(tmp_path / name)


def test_a_folder_a_pipe_and_nothing_are_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, said in ((".", "is a folder"), ("pipe", "is no file"), ("none", "no checkpoint at")):
        with pytest.raises(DataMissingError, match=said):
            read_weight_file(tmp_path / name)


def test_a_file_that_may_not_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.pth", WEIGHT)

    def refuse(*given: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(DataMissingError, match="permission"):
        read_weight_file(path)


def safetensors_of(header: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_safetensors_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    header = {
        "__metadata__": {"format": "pt"},
        "a.weight": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
        "b": {"dtype": "BF16", "shape": [], "data_offsets": [8, 10]},
        "none": {"dtype": "F64", "shape": [0, 3], "data_offsets": [10, 10]},
    }
    path.write_bytes(safetensors_of(header, struct.pack("<ff", 0.5, -2.0) + b"\x80\x3f"))
    found = read_weight_file(path)
    assert torch.equal(found["a.weight"], torch.tensor([[0.5], [-2.0]]))
    assert torch.equal(found["b"], torch.tensor(1.0, dtype=torch.bfloat16))
    assert found["none"].shape == (0, 3)


@pytest.mark.parametrize(
    "about",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 80]},
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F9", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]},
        {"dtype": "F32"},
        [],
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path: Path, about: Any) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors_of({"a": about}, b"\x00" * 8))
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        read_weight_file(path)
