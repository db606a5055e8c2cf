"""Interrupts, torn checkpoints and a full disk: what is kept, what is said, how it goes on."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from gclbench.plan import Checkpoints

EPOCHS = 4
WORDS = (
    "run", "ablation=table6", "profile=smoke", "rows=none", "tasks=market1501",
    "executor=inline", "pretrain.kind=random", "warmup.epochs=1", f"joint.epochs={EPOCHS}",
    "joint.evaluate_every=0",
)  # fmt: skip
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(scope="module")
def calm(cli_at: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The results of a run that nothing happened to."""
    cli = cli_at(tmp_path_factory.mktemp("calm"))
    assert cli(*WORDS).code == 0
    return cli


@pytest.fixture
def undisturbed(calm: Any) -> dict[str, Any]:
    manifests: dict[str, Any] = calm.manifests()
    return manifests


@pytest.fixture
def cli(cli: Any, calm: Any) -> Any:
    """An empty results folder, but for the rendered world: to draw it anew takes time."""
    shutil.copytree(calm.home / "cache", cli.home / "cache")
    return cli


def results(manifests: dict[str, Any]) -> dict[str, Any]:
    return {key: (each["metrics"], each["files"]) for key, each in manifests.items()}


@pytest.fixture
def interrupted(cli: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkpoints of a stage 3 that was interrupted after its third epoch."""
    save = Checkpoints.save
    with monkeypatch.context() as patch:

        def stop(self: Checkpoints, epoch: int, state: Any) -> Path:
            path = save(self, epoch, state)
            if epoch == 3:
                raise KeyboardInterrupt
            return path

        patch.setattr(Checkpoints, "save", stop)
        answer = cli(*WORDS)
    assert answer.code == 130
    counts, last = answer.err.splitlines()
    assert counts == "2 stage runs done, 0 reused."
    assert last.startswith("interrupted: finished work is kept")
    (folder,) = (cli.home / "artifacts" / "joint").glob("*.partial/checkpoints")
    assert sorted(path.name[:11] for path in folder.iterdir()) == ["epoch-00002", "epoch-00003"]
    return folder


def completed_epochs(cli: Any) -> tuple[list[int], str]:
    """The epochs that the completed stage-3 run trained, and its output."""
    ((run_id, _, output),) = [run for run in cli.runs("joint") if run[1] == "COMPLETED"]
    return cli.epochs(run_id), output


def test_after_an_interrupt_the_same_command_trains_the_rest(
    cli: Any, interrupted: Path, undisturbed: dict[str, Any]
) -> None:
    assert cli(*WORDS).code == 0
    assert completed_epochs(cli)[0] == [4]
    assert results(cli.manifests()) == results(undisturbed)


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    cli: Any, interrupted: Path, undisturbed: dict[str, Any], damage: str
) -> None:
    (newest,) = interrupted.glob("epoch-00003.*")
    data = newest.read_bytes()
    changed = bytes([data[len(data) // 2] ^ 1])
    content = {
        "truncated": data[: len(data) // 2],
        "changed": data[: len(data) // 2] + changed + data[len(data) // 2 + 1 :],
        "empty": b"",
    }
    newest.write_bytes(content[damage])
    answer = cli(*WORDS)
    assert (answer.code, answer.err) == (0, "")
    epochs, output = completed_epochs(cli)
    assert epochs == [3, 4]
    said = f"{newest.name} is damaged; falling back to the one before it"
    assert said in output
    assert said in answer.stderr
    assert "goes on after epoch 2 of 4." in answer.stderr
    assert results(cli.manifests()) == results(undisturbed)


def test_without_a_sound_checkpoint_the_stage_starts_anew(
    cli: Any, interrupted: Path, undisturbed: dict[str, Any]
) -> None:
    for path in interrupted.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert cli(*WORDS).code == 0
    assert completed_epochs(cli)[0] == [1, 2, 3, 4]
    assert results(cli.manifests()) == results(undisturbed)


def full_fsync(patch: pytest.MonkeyPatch) -> None:
    def fsync(handle: int) -> None:
        raise FULL

    patch.setattr(os, "fsync", fsync)


def full_torch_writer(patch: pytest.MonkeyPatch) -> None:
    def save(state: Any, place: Any) -> None:
        if isinstance(place, Path):
            raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")
        original(state, place)

    original = torch.save
    patch.setattr(torch, "save", save)


def full_for_checkpoints(patch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def full(source: Any, target: Any) -> None:
        if "checkpoints" in str(target):
            raise FULL
        replace(source, target)

    patch.setattr(os, "replace", full)


@pytest.mark.parametrize("fill", [full_fsync, full_torch_writer, full_for_checkpoints])
def test_a_full_disk_is_one_line_and_exit_1_and_then_the_same_command_goes_on(
    cli: Any, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, fill: Any
) -> None:
    with monkeypatch.context() as patch:
        fill(patch)
        answer = cli(*WORDS)
    assert answer.code == 1
    (line,) = answer.err.splitlines()
    assert "no space left" in line or "disk" in line
    assert "Free some space" in line
    assert "Traceback" not in answer.out
    assert not list(cli.home.rglob("*.tmp"))
    assert cli(*WORDS).code == 0
    assert results(cli.manifests()) == results(undisturbed)


def test_a_home_that_cannot_be_written_is_one_line_and_exit_1(cli_at: Any, tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("a file, not a folder")
    answer = cli_at(home)(*WORDS)
    assert answer.code == 1
    (line,) = answer.err.splitlines()
    assert str(home) in line
