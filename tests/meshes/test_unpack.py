"""Archives from strangers: honest ones are unpacked, hostile ones leave nothing behind."""

from __future__ import annotations

import io
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gclbench.errors import DataMissingError, GclbenchError
from gclbench.meshes.unpack import Limits, open_archive
from tests.mutations import mutations

GOOD = {"market/train/render/a.jpg": b"a" * 5, "market/train/render_45/a.jpg": b"b" * 3000}
LIMITS = Limits(members=50, file_bytes=1 << 20, total_bytes=4 << 20, ratio=20, free_bytes=1 << 16)
Change = Callable[[tarfile.TarInfo], None]


def make_zip(file: Path, content: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data, kind)
    return file


def make_tar(
    file: Path, content: dict[str, bytes], mode: str = "w", change: Change | None = None
) -> Path:
    """A tar; `change` alters the header of the last member."""
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        for index, (name, data) in enumerate(content.items()):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if change is not None and index == len(content) - 1:
                change(info)
            archive.addfile(info, io.BytesIO(data))
    return file


def unpack_all(file: Path, folder: Path, limits: Limits = LIMITS) -> None:
    folder.mkdir()
    with open_archive(file, limits) as archive:
        archive.unpack({name: name for name in archive.sizes}, folder)


def refused(file: Path, why: str, limits: Limits = LIMITS) -> None:
    """The archive is refused for a reason, and its neighbourhood is as before."""
    here = file.parent
    outside = here / "outside"
    outside.mkdir()
    before = sorted(path.relative_to(here) for path in here.rglob("*"))
    with pytest.raises(GclbenchError, match=why) as caught:
        unpack_all(file, here / "target", limits)
    assert str(file) in str(caught.value)
    (here / "target").rmdir()  # empty
    assert sorted(path.relative_to(here) for path in here.rglob("*")) == before


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_honest_archives_are_unpacked_whatever_they_are_called(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "meshes.download"
    make_zip(file, GOOD) if mode == "zip" else make_tar(file, GOOD, mode)
    unpack_all(file, tmp_path / "target")
    for name, data in GOOD.items():
        assert (tmp_path / "target" / name).read_bytes() == data


def test_only_what_is_wanted_is_written_and_under_its_new_name(tmp_path: Path) -> None:
    file = make_tar(tmp_path / "a.tar", {"./" + name: data for name, data in GOOD.items()})
    told: list[tuple[str, int, int]] = []
    with open_archive(file) as archive:
        assert archive.sizes == {name: len(data) for name, data in GOOD.items()}
        wanted = {"market/train/render_45/a.jpg": "train/b.jpg", "not/there": "x"}
        archive.unpack(wanted, tmp_path / "target", lambda *a: told.append(a))
    files = [path for path in (tmp_path / "target").rglob("*") if path.is_file()]
    assert files == [tmp_path / "target" / "train" / "b.jpg"]
    assert told == [("unpacking", 1, 1)]


EVIL_NAMES = [
    ("/etc/cron.d/a", "is not a path inside it"),
    ("../outside/a.jpg", "leads out of it"),
    ("train/render/../../../outside/a.jpg", "leads out of it"),
    ("..\\outside\\a.jpg", "is not a path inside it"),
    ("C:/outside/a.jpg", "is not a path inside it"),
    ("train/\x07a.jpg", "control characters"),
]


@pytest.mark.parametrize(("name", "why"), EVIL_NAMES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_elsewhere_are_refused(
    tmp_path: Path, kind: str, name: str, why: str
) -> None:
    make = make_zip if kind == "zip" else make_tar
    refused(make(tmp_path / "evil", {**GOOD, name: b"evil"}), why)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.GNUTYPE_SPARSE, "no ordinary file"),
        (b"Z", "no ordinary file"),
    ],
)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_links_and_devices_in_a_tar_are_refused(
    tmp_path: Path, mode: str, kind: bytes, why: str
) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, "../outside"

    refused(make_tar(tmp_path / "evil", {**GOOD, "market/train": b""}, mode, change), why)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("market/link")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "evil", "w") as archive:
        archive.writestr(info, "../outside")
    refused(tmp_path / "evil", "'market/link' is a")


def test_a_link_followed_by_a_file_through_it_writes_nothing(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil", "w") as archive:
        link = tarfile.TarInfo("train")
        link.type, link.linkname = tarfile.SYMTYPE, "outside"
        archive.addfile(link)
        info = tarfile.TarInfo("train/a.jpg")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
    refused(tmp_path / "evil", "a symbolic link")


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz"])
def test_bombs_are_refused(tmp_path: Path, kind: str) -> None:
    zeros = {f"train/render/{index}.jpg": bytes(1 << 20) for index in range(3)}
    file = tmp_path / "bomb"
    make_zip(file, zeros) if kind == "zip" else make_tar(file, zeros, kind)
    reason = "would take more than" if kind == "w" else "would grow more than 20 times"
    refused(file, reason, LIMITS if kind != "w" else Limits(total_bytes=1 << 21))


@pytest.mark.parametrize("kind", ["zip", "w:gz"])
def test_one_huge_file_is_refused(tmp_path: Path, kind: str) -> None:
    big = {"train/render/a.jpg": bytes((1 << 20) + 1)}
    file = tmp_path / "bomb"
    make_zip(file, big) if kind == "zip" else make_tar(file, big, kind)
    refused(file, "says that it holds 1048577 bytes")


@pytest.mark.parametrize("kind", ["zip", "w:gz"])
def test_too_many_members_are_refused(tmp_path: Path, kind: str) -> None:
    many = {f"train/{index}": b"" for index in range(51)}
    file = tmp_path / "bomb"
    make_zip(file, many) if kind == "zip" else make_tar(file, many, kind)
    refused(file, "more than 50 members")


def test_a_giant_header_is_not_read_into_memory(tmp_path: Path) -> None:
    """A long name of 2 GB, announced by a header and held by zeros that compress to nothing."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 31
    (tmp_path / "bomb").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    refused(tmp_path / "bomb", "one of its headers would take")


def test_a_size_below_zero_is_refused(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("train/a.jpg").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 4 + struct.pack(">q", -1024)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    (tmp_path / "evil").write_bytes(bytes(header) + bytes(2048))
    refused(tmp_path / "evil", "holds -1024 bytes|is damaged")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_occur_twice_or_are_folders_too_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "twice", "w") as archive:
        archive.writestr("train/a.jpg", b"1")
        archive.writestr("train/./a.jpg", b"2")
    refused(tmp_path / "twice", "occurs twice")
    (tmp_path / "outside").rmdir()
    refused(make_zip(tmp_path / "both", {"train": b"1", "train/a.jpg": b"2"}), "file and a folder")


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a", {"train/a.jpg": b"1"}).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    (tmp_path / "a").write_bytes(data)
    refused(tmp_path / "a", "is encrypted")


def test_a_zip_that_lies_about_sizes_is_damaged(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a", {"train/a.jpg": bytes(50_000)}).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 10)
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(GclbenchError, match="damaged"):
        unpack_all(tmp_path / "a", tmp_path / "target")
    written = [path.stat().st_size for path in (tmp_path / "target").rglob("*") if path.is_file()]
    assert sum(written) <= 10


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_damaged_archives_are_named(tmp_path: Path, mode: str) -> None:
    content = {**GOOD, "z": bytes(range(256)) * 40}
    file = tmp_path / "a"
    make_zip(file, content) if mode == "zip" else make_tar(file, content, mode)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    with pytest.raises(GclbenchError, match=r"the archive .*a is damaged"):
        unpack_all(file, tmp_path / "target")


def test_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>quota exceeded</html>" * 40)
    with pytest.raises(DataMissingError, match="is a web page, not the archive"):
        unpack_all(tmp_path / "a.zip", tmp_path / "target")
    with pytest.raises(DataMissingError, match=r"gone\.zip"), open_archive(tmp_path / "gone.zip"):
        pass


OTHERS = {
    "RAR": (
        b"Rar!\x1a\x07\x01\x00" + bytes(99),
        r"is a RAR archive, and zip and tar are read.*unrar x",
    ),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), r"is a 7z archive.*7z x .*archive=FOLDER"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(99), r"packed by zstd.*tar --zstd"),
    "program": (b"MZ" + bytes(99), "unpacks itself"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", r"git-lfs.*Download it again"),
    "empty": (b"", "is empty"),
    "zeros": (bytes(10_240), "is empty"),
    "text": (b"hello " * 200, "neither zip nor tar"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_an_archive_of_another_kind_is_named_with_how_to_unpack_it(
    tmp_path: Path, kind: str
) -> None:
    content, says = OTHERS[kind]
    (tmp_path / "market.zip").write_bytes(content)
    with pytest.raises(DataMissingError, match=says), open_archive(tmp_path / "market.zip"):
        pass


def backslashed(file: Path, content: dict[str, bytes]) -> Path:
    """A zip as old programs of Windows write it."""
    return make_zip(file, {name.replace("/", "\\"): data for name, data in content.items()})


def test_a_zip_of_windows_has_folders(tmp_path: Path) -> None:
    file = backslashed(tmp_path / "a.zip", {"market/": b"", **GOOD})
    with open_archive(file, LIMITS) as archive:
        assert archive.sizes == {name: len(data) for name, data in GOOD.items()}
    unpack_all(file, tmp_path / "target")
    for name, data in GOOD.items():
        assert (tmp_path / "target" / name).read_bytes() == data


@pytest.mark.parametrize(("name", "why"), EVIL_NAMES[:3])
def test_a_zip_of_windows_leads_nowhere_else(tmp_path: Path, name: str, why: str) -> None:
    refused(backslashed(tmp_path / "evil", {**GOOD, name: b"evil"}), why)


def test_a_zip_of_windows_has_no_name_twice(tmp_path: Path) -> None:
    refused(make_zip(tmp_path / "a", {"b\\\\a.jpg": b"1", "b\\a.jpg": b"2"}), "occurs twice")


def test_a_zip_packed_in_a_way_of_its_own_says_how_to_unpack_it(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a", GOOD).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 10] = 9  # Deflate64, which Windows takes for large files
    (tmp_path / "a").write_bytes(data)
    refused(tmp_path / "a", r"a way of its own.*7z x FILE")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_tar_is_read(tmp_path: Path, form: int) -> None:
    name = f"market/train/render/{'long' * 40}/a.jpg"
    with tarfile.open(tmp_path / "a.tar", "w", format=form) as archive:
        info = tarfile.TarInfo(name if form != tarfile.USTAR_FORMAT else "train/render/a.jpg")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    unpack_all(tmp_path / "a.tar", tmp_path / "target")
    assert (tmp_path / "target" / info.name).read_bytes() == b"abc"


def test_a_tar_packed_by_lzma_alone_is_read(tmp_path: Path) -> None:
    plain = make_tar(tmp_path / "a.tar", GOOD)
    packed = lzma.compress(plain.read_bytes(), lzma.FORMAT_ALONE)
    (tmp_path / "a.tar.lzma").write_bytes(packed)
    unpack_all(tmp_path / "a.tar.lzma", tmp_path / "target")
    assert (tmp_path / "target" / min(GOOD)).read_bytes() == GOOD[min(GOOD)]


def survives(tmp_path: Path, count: int, seed: int) -> dict[str, int]:
    """Unpack damaged archives of every kind; count those that were unpacked, and those refused."""
    content = {**GOOD, "market/train/render_90/ü.jpg": bytes(range(256)) * 9}
    ends = {"unpacked": 0, "refused": 0}
    for mode in ("zip", "w", "w:gz", "w:bz2", "w:xz"):
        file = tmp_path / "a"
        make_zip(file, content) if mode == "zip" else make_tar(file, content, mode)
        for damaged in mutations(file.read_bytes(), count, seed):
            (tmp_path / "x").write_bytes(damaged)
            try:
                unpack_all(tmp_path / "x", tmp_path / "target")
            except GclbenchError:
                ends["refused"] += 1
            else:
                ends["unpacked"] += 1
            assert {path.name for path in tmp_path.iterdir()} == {"a", "x", "target"}
            shutil.rmtree(tmp_path / "target")
    return ends


def test_damaged_archives_are_unpacked_or_refused(tmp_path: Path) -> None:
    assert min(survives(tmp_path, 30, seed=1).values()) > 0


@pytest.mark.slow
def test_many_damaged_archives_are_unpacked_or_refused(tmp_path: Path) -> None:
    assert min(survives(tmp_path, 300, seed=2).values()) > 0
