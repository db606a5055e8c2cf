from __future__ import annotations

import errno
import math
import os
import threading
from pathlib import Path

import pytest

from gclbench.digest import file_digest
from gclbench.errors import (
    DamagedResultError,
    DataMissingError,
    GclbenchError,
    ImpossibleResultError,
    StorageFullError,
    UsageError,
)
from gclbench.plan import ArtifactStore, Node
from gclbench.schema import Stage


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "home")


@pytest.fixture
def node() -> Node:
    return Node(Stage.GAN, "ab" * 32, 3, "gan market1501", {"gan": {"lr": 0.1}}, {"warmup": "cd"})


def test_a_committed_artifact_has_its_files_and_a_manifest_with_their_digests(
    store: ArtifactStore, node: Node
) -> None:
    with store.workspace(node) as space:
        assert not space.finished
        (space.folder / "inner").mkdir()
        (space.folder / "inner" / "g.pt").write_bytes(b"weights")
        space.checkpoints.save(1, {"epoch": 1})
        returned = space.commit(node.record(metrics={"loss": 0.5}, seconds=2.0))
        assert space.finished
    assert store.has(node)
    record = store.read(node)
    assert record == returned
    assert record.files == {"inner/g.pt": file_digest(store.path(node) / "inner/g.pt")}
    assert (record.key, record.metrics, record.seconds) == (node.key, {"loss": 0.5}, 2.0)
    names = sorted(path.name for path in store.path(node).iterdir())
    assert names == ["inner", "manifest.json"]
    assert store.damaged(node) == []


def test_an_uncommitted_artifact_is_not_there_and_its_work_is_found_again(
    store: ArtifactStore, node: Node
) -> None:
    def work() -> None:
        with store.workspace(node) as space:
            space.checkpoints.save(4, {"epoch": 4})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert not store.has(node)
    with store.workspace(node) as space:
        assert space.checkpoints.latest() == (4, {"epoch": 4})


def test_leftovers_of_torn_writes_do_not_enter_the_artifact(
    store: ArtifactStore, node: Node
) -> None:
    with store.workspace(node) as space:
        (space.folder / ".encoder.pt.77.tmp").write_bytes(b"half")
        (space.folder / "manifest.json").write_bytes(b"{")
        record = space.commit(node.record())
    assert record.files == {}
    assert store.read(node) == record


def test_whoever_waited_for_the_lock_finds_the_node_finished(
    store: ArtifactStore, node: Node
) -> None:
    inside, seen = threading.Event(), []

    def second() -> None:
        inside.wait()
        with ArtifactStore(store.home).workspace(node) as space:
            seen.append(space.finished)

    thread = threading.Thread(target=second)
    thread.start()
    with store.workspace(node) as space:
        inside.set()
        thread.join(timeout=0.3)
        assert seen == []
        space.commit(node.record())
    thread.join()
    assert seen == [True]
    assert not store.path(node).with_name(f"{node.key}.partial").exists()


def test_a_folder_without_manifest_counts_as_missing_and_is_replaced(
    store: ArtifactStore, node: Node
) -> None:
    store.path(node).mkdir(parents=True)
    (store.path(node) / "old.pt").touch()
    assert not store.has(node)
    with store.workspace(node) as space:
        space.commit(node.record())
    assert [path.name for path in store.path(node).iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("what", ["a file", "a link to nothing", "a link to a folder"])
def test_what_somebody_put_in_an_artifacts_place_is_replaced(
    store: ArtifactStore, node: Node, tmp_path: Path, what: str
) -> None:
    place, other = store.path(node), tmp_path / "other"
    place.parent.mkdir(parents=True)
    if what == "a file":
        place.write_text("not a folder")
    else:
        place.symlink_to(other)
    if what == "a link to a folder":
        other.mkdir()
        (other / "theirs").write_text("stays")
    with store.workspace(node) as space:
        space.commit(node.record())
    assert store.has(node)
    assert not place.is_symlink()
    assert not other.exists() or (other / "theirs").read_text() == "stays"


def test_changed_and_missing_files_are_named(store: ArtifactStore, node: Node) -> None:
    with store.workspace(node) as space:
        for name in ("a", "b", "c"):
            (space.folder / name).write_text(name)
        space.commit(node.record())
    (store.path(node) / "a").write_text("x")
    (store.path(node) / "c").unlink()
    assert store.damaged(node) == ["a", "c"]


def test_a_damaged_manifest_names_the_file_and_the_remedy(
    store: ArtifactStore, node: Node
) -> None:
    store.path(node).mkdir(parents=True)
    (store.path(node) / "manifest.json").write_text("{")
    with pytest.raises(DamagedResultError, match=r"manifest\.json cannot be read.*set aside"):
        store.read(node)


@pytest.mark.parametrize("metrics", [{"mAP": 112.3}, {"R1": 9.0, "R5": 8.0}, {"loss": math.nan}])
def test_a_record_whose_numbers_cannot_be_is_not_committed(
    store: ArtifactStore, node: Node, metrics: dict[str, float]
) -> None:
    with store.workspace(node) as space:
        space.checkpoints.save(1, {"epoch": 1})
        with pytest.raises(ImpossibleResultError, match="a result that cannot be"):
            space.commit(node.record(metrics=metrics))
        assert not space.finished
        assert space.checkpoints.latest() == (1, {"epoch": 1})
    assert not store.has(node)
    assert not store.path(node).exists()
    with store.workspace(node) as space:
        space.commit(node.record(metrics={"loss": 112.3}))  # a loss may be anything
    assert store.has(node)


def test_a_full_disk_names_the_folder_and_keeps_the_work(
    store: ArtifactStore, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.workspace(node) as space:
        (space.folder / "g.pt").write_bytes(b"weights")
        space.checkpoints.save(1, {"epoch": 1})
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StorageFullError, match="no space left"):
                space.commit(node.record())
        assert not space.finished
        assert space.checkpoints.latest() == (1, {"epoch": 1})
        space.commit(node.record())
    assert store.has(node)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
    ],
)
def test_a_stage_that_meets_a_full_disk_reports_it_as_such(
    store: ArtifactStore, node: Node, error: Exception
) -> None:
    with pytest.raises(StorageFullError, match="no space left"), store.workspace(node):
        raise error


def test_other_errors_of_a_stage_pass_through(store: ArtifactStore, node: Node) -> None:
    with pytest.raises(PermissionError), store.workspace(node):
        raise PermissionError(errno.EACCES, "an image that may not be read")


def test_a_home_that_is_a_file_is_one_clear_error(tmp_path: Path, node: Node) -> None:
    (tmp_path / "home").touch()
    store = ArtifactStore(tmp_path / "home")
    with pytest.raises(GclbenchError, match="cannot write to"), store.workspace(node):
        pass


def test_a_node_is_found_by_the_start_of_its_key(store: ArtifactStore, node: Node) -> None:
    twin = Node(Stage.JOINT, "abab" + "cd" * 30, 0, "joint", {})
    for each in (node, twin):
        with store.workspace(each) as space:
            space.commit(each.record())
    (store.path(node).with_name("ababff.partial")).mkdir()
    (store.path(node).with_name("ababff.partial") / "manifest.json").write_text("{}")
    assert store.find("ababab").key == node.key
    assert store.find(twin.key).label == "joint"
    with pytest.raises(DataMissingError, match="ababff"):
        store.find("ababff")
    with pytest.raises(DataMissingError):
        store.find("abab")  # too short to mean one
    near = Node(Stage.JOINT, "ababab" + "ef" * 29, 0, "near", {})
    with store.workspace(near) as space:
        space.commit(near.record())
    with pytest.raises(UsageError, match="2 nodes"):
        store.find("ababab")


def commit(store: ArtifactStore, node: Node, **files: bytes) -> Path:
    with store.workspace(node) as space:
        for name, data in files.items():
            (space.folder / name).write_bytes(data)
        space.commit(node.record(metrics={"loss": 0.5}))
    return store.path(node)


def test_checkpoints_stay_until_the_artifact_is_there(
    store: ArtifactStore, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(source: object, target: object) -> None:
        raise KeyboardInterrupt

    with store.workspace(node) as space:
        space.checkpoints.save(1, {"epoch": 1})
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", killed)
            with pytest.raises(KeyboardInterrupt):
                space.commit(node.record())
        assert space.checkpoints.latest() == (1, {"epoch": 1})
        assert space.checkpoints.warnings == []
        space.commit(node.record())
    assert [path.name for path in store.path(node).iterdir()] == ["manifest.json"]


def test_a_checkpoint_of_another_node_is_not_gone_on_from(
    store: ArtifactStore, node: Node
) -> None:
    twin, said = Node(Stage.GAN, "cd" * 32, 3, "gan", {}), list[str]()
    with store.workspace(twin) as space:
        foreign = space.checkpoints.save(7, {"epoch": 7})
    with store.workspace(node) as space:
        space.on_warning = said.append
        own = space.checkpoints.save(2, {"epoch": 2})
        own.with_name(foreign.name).write_bytes(foreign.read_bytes())
        assert space.checkpoints.latest() == (2, {"epoch": 2})
    (line,) = said
    assert f"belongs to another stage run ({twin.key[:12]})" in line
    assert foreign.exists()


def test_a_damaged_artifact_is_set_aside_and_nothing_of_it_is_lost(
    store: ArtifactStore, node: Node
) -> None:
    for number in (1, 2):
        folder = commit(store, node, g=b"weights", h=b"more")
        assert (store.problem(node), store.lost(node)) == ("", False)
        assert store.set_aside("gan", node.key) is None
        (folder / "g").write_bytes(b"w3ights")
        assert store.problem(node) == "g has other bytes than were written"
        assert store.problem(node, ["h"]) == ""
        with pytest.raises(DamagedResultError, match="g has other bytes"):
            store.sound(node)
        moved = store.set_aside("gan", node.key)
        assert moved is not None
        assert moved.problem == "g has other bytes than were written"
        assert moved.place == folder.with_name(f"{node.key}.damaged-{number}")
        assert (moved.place / "g").read_bytes() == b"w3ights"
        assert (store.has(node), store.lost(node)) == (False, True)
        with pytest.raises(DataMissingError):
            store.find(node.key)
    commit(store, node)
    assert not store.lost(node)


def test_a_file_that_changes_after_it_was_looked_at_is_looked_at_again(
    store: ArtifactStore, node: Node
) -> None:
    path = commit(store, node, g=b"weights") / "g"
    os.utime(path, (1, 1))
    assert [store.damaged(node), store.damaged(node)] == [[], []]
    path.write_bytes(b"w3ights")
    os.utime(path, (1, 1))  # size and time of writing are those of before
    assert store.damaged(node) == ["g"]


def test_an_artifact_in_another_ones_place_is_noticed(store: ArtifactStore, node: Node) -> None:
    twin = Node(Stage.GAN, "cd" * 32, 3, "gan", {})
    commit(store, twin, g=b"weights").rename(store.path(node))
    assert store.has(node)
    assert "speaks of another artifact" in store.problem(node)
    for read in (lambda: store.read(node), lambda: store.find(node.key)):
        with pytest.raises(DamagedResultError, match=f"gan {twin.key[:12]}"):
            read()


def test_no_artifact_is_set_aside_while_somebody_works_on_its_node(
    store: ArtifactStore, node: Node
) -> None:
    (commit(store, node, g=b"weights") / "g").write_bytes(b"x")
    moved: list[object] = []
    thread = threading.Thread(target=lambda: moved.append(store.set_aside("gan", node.key)))
    with store.workspace(node):
        thread.start()
        thread.join(timeout=0.3)
        assert moved == []
        assert store.has(node)
    thread.join()
    assert not store.has(node)
