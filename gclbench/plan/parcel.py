"""Artifacts in one file, to carry them to another home or machine: what a parcel holds.

A parcel is a tar. Its first member, `parcel.json`, lists all others with size and SHA-256:
`records.jsonl`, what the store knows of the runs (opaque here), and the files of every artifact as
`artifacts/<stage>/<key>/<file>`. Neither times nor owners are written, so that equal content gives
equal bytes. `unpack` trusts nothing in it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gclbench import __version__
from gclbench.atomic import OUT_REMEDY, put_in_place
from gclbench.digest import file_digest
from gclbench.errors import GclbenchError, UsageError
from gclbench.plan.manifest import MANIFEST
from gclbench.plan.node import Node
from gclbench.plan.store import ArtifactStore
from gclbench.schema import Model

FORMAT = 1
LIST, RECORDS = "parcel.json", "records.jsonl"
SUFFIXES = (".tar.gz", ".tgz", ".tar", ".tar.zst")
_NAME = re.compile(r"artifacts/(?P<stage>[a-z_]+)/(?P<key>[0-9a-f]{64})/(?P<file>.+)")


class Member(Model):
    size: int
    sha256: str


class Contents(Model):
    """The list at the head of a parcel."""

    format: int
    gclbench: str
    members: dict[str, Member]


@dataclass(frozen=True)
class MemberName:
    """Where a member belongs: `file` is relative to the artifact's folder, with slashes."""

    stage: str
    key: str
    file: str


def parse_name(name: str) -> MemberName | None:
    """Split the name of an artifact's file; None for one that could lead elsewhere."""
    found = _NAME.fullmatch(name)
    if found is None or re.search(r"[\\:\x00-\x1f\x7f]", name):
        return None
    if any(part in ("", ".", "..") for part in found["file"].split("/")):
        return None
    return MemberName(found["stage"], found["key"], found["file"])


def check_suffix(path: Path) -> None:
    """Raise UsageError for a name that is no parcel's, or asks for what this Python lacks."""
    if not path.name.lower().endswith(SUFFIXES):
        raise UsageError(
            f"'{path.name}' is not the name of a parcel.", f"Let it end in {', '.join(SUFFIXES)}."
        )
    if path.suffix.lower() == ".zst" and "zst" not in tarfile.TarFile.OPEN_METH:
        raise UsageError("This Python cannot write .tar.zst (3.14 can).", "Write .tar.gz instead.")


def pack(out: Path, artifacts: ArtifactStore, nodes: Sequence[Node], records: bytes) -> Contents:
    """Write the finished artifacts of nodes and the records into a parcel; return its list.

    `out` appears whole or not at all; a file of that name is replaced. Raises UsageError for a
    name that is no parcel's, GclbenchError for an artifact whose files are not those it committed.
    """
    check_suffix(out)
    if out.is_dir():
        raise UsageError(f"{out} is a folder.", "Name a file: out=results.tar.gz.")
    files = _files_of(artifacts, nodes)
    members = {RECORDS: Member(size=len(records), sha256=hashlib.sha256(records).hexdigest())}
    members |= {name: _member(path) for name, path in files.items()}
    contents = Contents(format=FORMAT, gclbench=__version__, members=members)
    with put_in_place(out, remedy=OUT_REMEDY) as draft, _writing(draft, out.name) as tar:
        head = _json(contents)
        _add(tar, LIST, io.BytesIO(head), len(head))
        _add(tar, RECORDS, io.BytesIO(records), len(records))
        _add_files(tar, files, members)
    return contents


def _files_of(artifacts: ArtifactStore, nodes: Sequence[Node]) -> dict[str, Path]:
    """Every file by its name in the parcel. Raises GclbenchError for a damaged artifact."""
    files: dict[str, Path] = {}
    for node in sorted(nodes, key=lambda node: (node.stage.value, node.key)):
        bad, folder = artifacts.damaged(node), artifacts.path(node)
        if bad:
            raise GclbenchError(
                f"{folder} is damaged: {', '.join(bad)}.",
                "Delete that folder and run the study again; then export it.",
            )
        for file in sorted([MANIFEST, *artifacts.read(node).files]):
            files[f"artifacts/{node.stage.value}/{node.key}/{file}"] = folder / file
    return files


def _member(path: Path) -> Member:
    return Member(size=path.stat().st_size, sha256=file_digest(path))


def _json(contents: Contents) -> bytes:
    return json.dumps(contents.model_dump(mode="json"), indent=1, sort_keys=True).encode()


@contextmanager
def _writing(path: Path, name: str) -> Iterator[tarfile.TarFile]:
    with path.open("wb") as raw:
        if name.lower().endswith("gz"):
            # tarfile would write the time into the head of the file.
            with (
                gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
                tarfile.open(fileobj=packed, mode="w") as tar,
            ):
                yield tar
        else:
            kind = "zst" if name.lower().endswith("zst") else ""
            with tarfile.open(fileobj=raw, mode=f"w:{kind}") as tar:  # type: ignore[call-overload]
                yield tar


def _add_files(
    tar: tarfile.TarFile, files: Mapping[str, Path], members: Mapping[str, Member]
) -> None:
    for name, path in files.items():
        with path.open("rb") as handle:
            _add(tar, name, handle, members[name].size)


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    """Add a file that says nothing of when and by whom it was made."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    tar.addfile(info, content)
