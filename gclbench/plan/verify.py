"""Whether an artifact is what was committed: its manifest, and the SHA-256 of its files.

A file is hashed once in a process, and again when its inode, size or times have changed.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gclbench.digest import unchanged_digest
from gclbench.errors import DamagedResultError
from gclbench.plan.manifest import MANIFEST, read_manifest
from gclbench.schema import NodeRecord
from gclbench.schema.plausible import impossible


def problem_of(folder: Path, names: Collection[str] | None = None) -> str:
    """Say in a few words what is wrong with a finished artifact; '' where nothing is.

    `names` are the files to look at beside the manifest; None means all that it lists. Files that
    it does not list are not looked at.
    """
    try:
        record = read_manifest(folder / MANIFEST)
    except DamagedResultError as error:
        return error.message.removeprefix(f"{folder}/").rstrip(".")
    files = (f"{name} {what}" for name, what in bad_files(folder, record, names))
    return impossible(record.metrics) or "; ".join(files)


def bad_files(
    folder: Path, record: NodeRecord, names: Collection[str] | None = None
) -> list[tuple[str, str]]:
    """Return (name, what is wrong) of the files that are missing or have other bytes."""
    found = []
    for name, expected in sorted(record.files.items()):
        if names is None or name in names:
            what = _wrong(folder / name, expected)
            if what:
                found.append((name, what))
    return found


def _wrong(path: Path, expected: str) -> str:
    if not path.is_file():
        return "is missing"
    try:
        same = unchanged_digest(path) == expected
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if same else "has other bytes than were written"
