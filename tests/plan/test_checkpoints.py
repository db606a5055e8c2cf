from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from gclbench.errors import GclbenchError, StorageFullError
from gclbench.plan import Checkpoints


def test_the_newest_state_comes_back_as_it_was(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "new")
    state = {
        "weights": {"w": torch.arange(3.0), "steps": torch.tensor(7)},
        "optimizer": {
            "state": {0: {"m": torch.ones(2)}},
            "groups": [{"lr": 0.1, "betas": (0, 1)}],
        },
        "labels": None,
        "name": "x",
        "flag": True,
    }
    checkpoints.save(1, {"old": 1})
    checkpoints.save(2, state)
    found = checkpoints.latest()
    assert found is not None
    epoch, loaded = found
    assert epoch == 2
    assert torch.equal(loaded["weights"]["w"], state["weights"]["w"])
    assert loaded["optimizer"]["groups"] == state["optimizer"]["groups"]
    assert (loaded["labels"], loaded["name"], loaded["flag"]) == (None, "x", True)


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path).latest() is None
    assert Checkpoints(tmp_path / "missing").latest() is None


def test_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    for epoch in (8, 9, 10, 11):
        checkpoints.save(epoch, {"epoch": epoch})
    names = sorted(path.name.split(".")[0] for path in tmp_path.iterdir())
    assert names == ["epoch-00010", "epoch-00011"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(
    tmp_path: Path, damage: str
) -> None:
    said: list[str] = []
    checkpoints = Checkpoints(tmp_path, on_warning=said.append)
    checkpoints.save(1, {"w": torch.zeros(100)})
    path = checkpoints.save(2, {"w": torch.ones(100)})
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        data = data[: len(data) // 2]
    elif damage == "flip":
        data[len(data) // 2] ^= 1
    else:
        data = bytearray()
    path.write_bytes(data)
    found = checkpoints.latest()
    assert found is not None
    assert found[0] == 1
    assert torch.equal(found[1]["w"], torch.zeros(100))
    assert len(said) == 1
    assert str(path) in said[0]
    assert checkpoints.warnings == said


def test_with_all_damaged_training_starts_anew(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": 1}).write_bytes(b"")
    assert checkpoints.latest() is None
    assert len(checkpoints.warnings) == 1


@pytest.mark.parametrize("later", [3, 4])
def test_of_two_files_of_one_epoch_the_one_written_last_counts(tmp_path: Path, later: int) -> None:
    """Whatever their hashes: each of the two states is the later one once."""
    checkpoints = Checkpoints(tmp_path, keep=9)
    times = {3: 10, 4: 10} | {later: 20}
    for value, at in times.items():
        os.utime(checkpoints.save(1, {"a": value}), (at, at))
    assert checkpoints.latest() == (1, {"a": later})


def test_an_epoch_saved_again_gives_the_later_state(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for value in range(8):  # eight names in a row that happen to be sorted: 1 in 40 320
        os.utime(checkpoints.save(1, {"a": value}), (value, value))
        assert checkpoints.latest() == (1, {"a": value})


def test_a_checkpoint_says_whose_it_is(tmp_path: Path) -> None:
    theirs, ours = Checkpoints(tmp_path, 9, key="ab" * 32), Checkpoints(tmp_path, key="cd" * 32)
    ours.save(1, {"a": 1})
    foreign = [theirs.save(epoch, {"a": epoch}) for epoch in (8, 9)]
    assert ours.latest() == (1, {"a": 1})
    assert [f"another stage run ({'ab' * 6})" in line for line in ours.warnings] == [True, True]
    assert [path.with_name(f"{path.name}.refused").is_file() for path in foreign] == [True, True]
    ours.save(2, {"a": 2})  # what was put aside takes no place of one that is kept
    assert ours.latest() == (2, {"a": 2})
    assert len(list(tmp_path.glob("epoch-*.pt"))) == 2


@pytest.mark.parametrize("content", [{"a": 1}, [1], 3, {"gclbench_key": "k", "a": 1}])
def test_a_checkpoint_that_does_not_say_whose_it_is_is_not_gone_on_from(
    tmp_path: Path, content: object
) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getvalue()
    (tmp_path / f"epoch-00003.{hashlib.sha256(data).hexdigest()[:16]}.pt").write_bytes(data)
    checkpoints = Checkpoints(tmp_path, key="k")
    assert checkpoints.latest() is None
    (line,) = checkpoints.warnings
    assert "does not say which stage run it belongs to" in line
    assert checkpoints.latest() is None
    assert len(checkpoints.warnings) == 1  # said once


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x02}q\x00.", b"<html>", b"x" * 999])
def test_bytes_that_are_no_checkpoint_are_put_aside_though_their_name_fits(
    tmp_path: Path, data: bytes
) -> None:
    (tmp_path / f"epoch-00003.{hashlib.sha256(data).hexdigest()[:16]}.pt").write_bytes(data)
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest() is None
    assert len(checkpoints.warnings) == 1


def test_equal_states_give_equal_files(tmp_path: Path) -> None:
    first = Checkpoints(tmp_path / "a").save(1, {"w": torch.ones(3)})
    second = Checkpoints(tmp_path / "b").save(1, {"w": torch.ones(3)})
    assert first.name == second.name


@pytest.mark.parametrize("value", [np.ones(2), np.float64(1), {1, 2}, object()])
def test_what_could_not_be_read_back_is_refused_when_saving(tmp_path: Path, value: object) -> None:
    with pytest.raises(GclbenchError, match=r"state\.inner\[0\] is a"):
        Checkpoints(tmp_path).save(1, {"inner": [value]})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_checkpoints_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": 1})

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match=str(tmp_path)):
        checkpoints.save(2, {"a": 2})
    assert checkpoints.latest() == (1, {"a": 1})
    assert len(list(tmp_path.iterdir())) == 1
