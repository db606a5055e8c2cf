"""Parcels there and back, and every way in which one from a stranger may be wrong."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from gclbench.digest import digest
from gclbench.errors import DataMissingError, GclbenchError, StorageFullError, UsageError
from gclbench.plan import ArtifactStore, Node
from gclbench.plan import unpack as module
from gclbench.plan.node import node_key
from gclbench.plan.parcel import LIST, RECORDS, pack, parse_name
from gclbench.plan.unpack import Arrival, unpacked
from gclbench.schema import Stage
from gclbench.testing.artifacts import rewrite

Files = dict[str, bytes]


def make_node(stage: Stage = Stage.JOINT, lr: float = 0.1, parent: str | None = None) -> Node:
    settings, parents = {stage.value: {"lr": lr}}, {"gan": parent} if parent else {}
    key = node_key(stage, 0, settings, parents, {"target": "d"}, {"stages/joint": 1})
    label = f"{stage.value} none market1501 seed 0"
    where: Any = {"fingerprints": {"target": "d"}, "components": {"stages/joint": 1}}
    return Node(stage, key, 0, label, settings, parents, **where)


def commit(store: ArtifactStore, node: Node, content: bytes = b"weights") -> None:
    with store.workspace(node) as space:
        (space.folder / "inner").mkdir(exist_ok=True)
        (space.folder / "inner" / "g.pt").write_bytes(content)
        (space.folder / "epochs.json").write_bytes(b"[]")
        space.commit(node.record(metrics={"mAP": float(len(content))}, seconds=2.0))


@pytest.fixture
def gan() -> Node:
    return make_node(Stage.GAN)


@pytest.fixture
def joint(gan: Node) -> Node:
    return make_node(parent=gan.key)


@pytest.fixture
def store(tmp_path: Path, gan: Node, joint: Node) -> ArtifactStore:
    made = ArtifactStore(tmp_path / "home")
    for node in (gan, joint):
        commit(made, node)
    return made


@pytest.fixture
def other(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "other")


@pytest.fixture
def parcel(store: ArtifactStore, gan: Node, joint: Node, tmp_path: Path) -> Path:
    out = tmp_path / "p.tar.gz"
    pack(out, store, [joint, gan], b"records\n")
    return out


def take(path: Path, store: ArtifactStore) -> list[Arrival]:
    with unpacked(path, store) as found:
        assert found.records == b"records\n"
        return [arrival for _, arrival in found.settle(store)]


def visible(store: ArtifactStore) -> list[str]:
    """Everything under artifacts but locks; hidden files too."""
    place = store.home / "artifacts"
    return sorted(
        path.relative_to(place).as_posix()
        for path in place.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


# -- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["p.tar.gz", "p.tgz", "p.tar", "P.TAR.GZ"])
def test_artifacts_arrive_as_they_left(
    store: ArtifactStore, other: ArtifactStore, gan: Node, joint: Node, tmp_path: Path, name: str
) -> None:
    pack(tmp_path / name, store, [gan, joint], b"records\n")
    assert take(tmp_path / name, other) == [Arrival.ADDED, Arrival.ADDED]
    for node in (gan, joint):
        assert other.read(node) == store.read(node)
        assert other.damaged(node) == []
    assert visible(other) == visible(store)
    assert not (other.home / "artifacts" / ".import").exists()


def test_equal_content_gives_equal_bytes(
    store: ArtifactStore,
    gan: Node,
    joint: Node,
    parcel: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = tmp_path / "again.tar.gz"
    monkeypatch.setattr(time, "time", lambda: 2e9)  # a year later
    pack(again, store, [gan, joint], b"records\n")
    assert again.read_bytes() == parcel.read_bytes()
    with tarfile.open(parcel) as tar:
        members = tar.getmembers()
    assert [m.name for m in members[:2]] == [LIST, RECORDS]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}


def test_what_is_there_is_kept_and_what_differs_is_said(
    parcel: Path, other: ArtifactStore, gan: Node, joint: Node
) -> None:
    commit(other, joint, b"from another CPU")
    before = other.read(joint)
    assert take(parcel, other) == [Arrival.ADDED, Arrival.DIFFERS]
    assert other.read(joint) == before
    assert other.damaged(joint) == []
    assert take(parcel, other) == [Arrival.THERE, Arrival.DIFFERS]


def test_equal_metrics_of_other_files_differ(
    parcel: Path, other: ArtifactStore, joint: Node
) -> None:
    commit(other, joint, b"WEIGHTS")
    assert take(parcel, other) == [Arrival.ADDED, Arrival.DIFFERS]


def test_a_file_that_the_manifest_does_not_mean_is_refused(
    parcel: Path, other: ArtifactStore, joint: Node
) -> None:
    files = contents_of(parcel)
    files[f"artifacts/joint/{joint.key}/inner/g.pt"] = b"weightz"
    refused(write(parcel.with_name("other.tar"), relist(files)), other, "names other files")


def test_the_same_files_made_elsewhere_at_another_time_are_equal(
    parcel: Path, other: ArtifactStore, joint: Node
) -> None:
    commit(other, joint)
    rewrite(other.path(joint), host="x", seconds=9.0)
    assert take(parcel, other) == [Arrival.ADDED, Arrival.THERE]


@pytest.mark.parametrize("name", ["epochs.json", "manifest.json"])
def test_a_damaged_artifact_makes_room_for_the_sound_one_and_is_kept(
    parcel: Path, other: ArtifactStore, store: ArtifactStore, joint: Node, name: str
) -> None:
    commit(other, joint)
    (other.path(joint) / name).write_bytes(b"{")
    assert take(parcel, other) == [Arrival.ADDED, Arrival.REPLACED]
    assert other.problem(joint) == ""
    assert other.read(joint) == store.read(joint)
    assert (other.path(joint).with_name(f"{joint.key}.damaged-1") / name).read_bytes() == b"{"
    assert take(parcel, other) == [Arrival.THERE, Arrival.THERE]


def test_unfinished_work_gives_way_and_running_work_does_not(
    parcel: Path, other: ArtifactStore, gan: Node, joint: Node
) -> None:
    with other.workspace(joint) as space:
        space.checkpoints.save(1, {"epoch": 1})
    with other.workspace(gan) as space:
        space.checkpoints.save(1, {"epoch": 1})
        assert take(parcel, other) == [Arrival.BUSY, Arrival.ADDED]
        assert space.checkpoints.latest() == (1, {"epoch": 1})
    assert not other.path(joint).with_name(f"{joint.key}.partial").exists()


def test_an_import_that_was_killed_is_swept_and_one_that_goes_on_is_not_joined(
    parcel: Path, other: ArtifactStore
) -> None:
    left = other.home / "artifacts" / ".import" / "artifacts"
    left.mkdir(parents=True)
    with (
        FileLock(other.home / ".import.lock").acquire(timeout=0),
        pytest.raises(GclbenchError, match="another import"),
    ):
        take(parcel, other)
    assert left.is_dir()
    take(parcel, other)
    assert not left.exists()


# -- packing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["results", "p.zip", "p.tar.bz2", "p.gz"])
def test_a_file_that_is_named_otherwise_is_a_usage_error(
    store: ArtifactStore, gan: Node, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match="not the name of a parcel"):
        pack(tmp_path / name, store, [gan], b"")
    assert not (tmp_path / name).exists()


def test_zstd_is_written_where_this_python_can(
    store: ArtifactStore, other: ArtifactStore, gan: Node, tmp_path: Path
) -> None:
    out = tmp_path / "p.tar.zst"
    if "zst" in tarfile.TarFile.OPEN_METH:
        pack(out, store, [gan], b"records\n")
        assert take(out, other) == [Arrival.ADDED]
        return
    with pytest.raises(UsageError, match=r"\.tar\.gz instead"):
        pack(out, store, [gan], b"")
    out.write_bytes(b"\x28\xb5\x2f\xfd rest")
    with pytest.raises(DataMissingError, match="zstd"):
        take(out, other)


def test_a_folder_is_no_file_and_a_damaged_artifact_is_not_packed(
    store: ArtifactStore, gan: Node, parcel: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder.tar").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        pack(tmp_path / "folder.tar", store, [gan], b"")
    before = parcel.read_bytes()
    (store.path(gan) / "inner" / "g.pt").write_bytes(b"weightz")
    with pytest.raises(GclbenchError, match=r"damaged: inner/g\.pt"):
        pack(parcel, store, [gan], b"")
    assert parcel.read_bytes() == before


def test_a_parcel_appears_whole_or_not_at_all(
    store: ArtifactStore, gan: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(StorageFullError):
        pack(tmp_path / "out" / "p.tar", store, [gan], b"")
    assert list((tmp_path / "out").iterdir()) == []


# -- parcels of strangers -------------------------------------------------------------------------


def contents_of(parcel: Path) -> Files:
    with tarfile.open(parcel) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]


def relist(files: Files, **changes: Any) -> Files:
    """Write the list anew, so that it is right for the files."""
    members = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
        if name != LIST
    }
    listed = {"format": 1, "gclbench": "0.1.0", "members": members, **changes}
    return {LIST: json.dumps(listed).encode(), **{k: v for k, v in files.items() if k != LIST}}


def write(path: Path, files: Files, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in more:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def refused(path: Path, store: ArtifactStore, part: str) -> None:
    """Nothing of the parcel can be seen, and the one line names it."""
    with pytest.raises(GclbenchError) as caught:
        take(path, store)
    line = str(caught.value)
    assert str(path) in line
    assert part in line
    assert "\n" not in line
    assert visible(store) == []
    assert not (store.home / "artifacts" / ".import").exists()


@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.7, 0.9])
def test_a_truncated_parcel_is_refused(parcel: Path, other: ArtifactStore, share: float) -> None:
    whole = parcel.read_bytes()
    parcel.write_bytes(whole[: int(len(whole) * share)])
    refused(parcel, other, "nothing was imported")


def test_a_flipped_byte_is_found_wherever_it_lies(parcel: Path, other: ArtifactStore) -> None:
    plain = write(parcel.with_name("plain.tar"), contents_of(parcel))
    whole = plain.read_bytes()
    with tarfile.open(plain) as tar:
        places = [m.offset_data for m in tar if m.name != LIST and m.size]
    for place in places:
        plain.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(plain, other, "other bytes")


def test_what_is_no_parcel_is_refused(tmp_path: Path, other: ArtifactStore) -> None:
    with pytest.raises(DataMissingError, match="no file"):
        take(tmp_path / "none.tar", other)
    path = tmp_path / "p.tar"
    for content in (b"", b"a letter", b"\x1f\x8b rest of a gz"):
        path.write_bytes(content)
        refused(path, other, "nothing was imported")
    refused(write(path, {"holiday.jpg": b"x"}), other, "no parcel")
    refused(write(path, {LIST: b"{}"}), other, LIST)


def test_a_parcel_of_a_newer_program_is_refused(parcel: Path, other: ArtifactStore) -> None:
    newer = relist(contents_of(parcel), format=2, gclbench="3.0")
    path = write(parcel.with_name("newer.tar"), newer)
    refused(path, other, "format 2")


ESCAPES = [
    "../escape",
    "/tmp/escape",
    "artifacts/joint/{key}/../../../../escape",
    "artifacts/joint/{key}/inner/../../x",
    "artifacts/joint/{key}/.",
    "artifacts/joint/{key}/a//b",
    "artifacts/joint/{key}/a\\..\\b",
    "artifacts/joint/{key}/C:x",
    "artifacts/joint/{key}/a\x1b[2J",
    "artifacts/joint/../{key}/x",
    "artifacts/nostage/{key}/x",
    "artifacts/joint/short/x",
    "cache/x",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_member_that_leads_elsewhere_is_refused(
    parcel: Path, other: ArtifactStore, joint: Node, name: str
) -> None:
    files = contents_of(parcel)
    files[name.format(key=joint.key)] = b"x"
    path = write(parcel.with_name("bad.tar"), relist(files))
    refused(path, other, "leads elsewhere")
    assert not list(parcel.parent.rglob("*escape*"))


def test_names_of_artifacts_are_split(joint: Node) -> None:
    found = parse_name(f"artifacts/joint/{joint.key}/inner/g.pt")
    assert found is not None
    assert (found.stage, found.key, found.file) == ("joint", joint.key, "inner/g.pt")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"3"])
def test_links_and_devices_are_refused(
    parcel: Path, other: ArtifactStore, joint: Node, kind: bytes
) -> None:
    files = contents_of(parcel)
    name = f"artifacts/joint/{joint.key}/epochs.json"
    listed = relist(files)
    del listed[name]
    path = write(parcel.with_name("bad.tar"), listed, member(name, kind, "/etc/passwd"))
    refused(path, other, "does not speak of")


def test_members_that_are_twice_there_not_listed_or_missing_are_refused(
    parcel: Path, other: ArtifactStore, joint: Node
) -> None:
    files, name = contents_of(parcel), f"artifacts/joint/{joint.key}/epochs.json"
    path = parcel.with_name("bad.tar")
    refused(write(path, files, member(name)), other, "does not speak of")
    refused(write(path, files, member("more")), other, "does not speak of")
    refused(
        write(path, {k: v for k, v in files.items() if k != name}), other, "1 files are missing"
    )


@pytest.mark.parametrize(
    "change,part",
    [
        ({"key": "ab" * 32}, "speaks of another artifact"),
        ({"stage": "gan"}, "speaks of another artifact"),
        ({"seed": 1}, "not what its key says"),
        ({"settings": {"joint": {"lr": 0.2}}}, "not what its key says"),
        ({"parents": {}}, "not what its key says"),
        ({"files": {}}, "names other files"),
        ({"settings": 3}, "cannot be read"),
    ],
)
def test_a_manifest_that_is_not_its_keys_is_refused(
    parcel: Path, other: ArtifactStore, joint: Node, change: dict[str, Any], part: str
) -> None:
    files = contents_of(parcel)
    name = f"artifacts/joint/{joint.key}/manifest.json"
    content = {**json.loads(files[name]), **change}
    files[name] = json.dumps(content).encode()
    said = part if part == "cannot be read" else "was changed after it was written"
    refused(write(parcel.with_name("bad.tar"), relist(files)), other, said)
    del content["manifest_sha256"]
    content["manifest_sha256"] = digest(content)  # as somebody who means it would write it
    files[name] = json.dumps(content).encode()
    refused(write(parcel.with_name("bad.tar"), relist(files)), other, part)


def test_a_parcel_without_a_manifest_or_records_is_refused(
    parcel: Path, other: ArtifactStore, joint: Node
) -> None:
    path, files = parcel.with_name("bad.tar"), contents_of(parcel)
    without = {k: v for k, v in files.items() if k != RECORDS}
    refused(write(path, relist(without)), other, "no records")
    name = f"artifacts/joint/{joint.key}/manifest.json"
    without = {k: v for k, v in files.items() if k != name}
    refused(write(path, relist(without)), other, "cannot be read")


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(
    parcel: Path, other: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage: Callable[[object], Any] = lambda place: type("Usage", (), {"free": 10})()  # noqa: E731
    monkeypatch.setattr(module.shutil, "disk_usage", usage)
    with pytest.raises(StorageFullError, match="Free some space"):
        take(parcel, other)
    assert visible(other) == []


def test_a_crash_while_settling_leaves_whole_artifacts_only(
    parcel: Path, other: ArtifactStore, gan: Node, joint: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def second_fails(source: Any, target: Any) -> None:
        if joint.key in str(target):
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(GclbenchError, match="the disk cannot be read or written"):
        take(parcel, other)
    assert other.damaged(gan) == []
    assert not other.has(joint)
    monkeypatch.undo()
    assert take(parcel, other) == [Arrival.THERE, Arrival.ADDED]
