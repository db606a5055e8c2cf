"""Where content lies: the folders that are searched, and the files of a kind in them.

What the files say is read by `gclbench.content`; nothing heavy is imported here.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gclbench.errors import DataMissingError, UnknownNameError

DEFAULT_PROFILE = "laptop"
FOLDERS = {
    "ablations": "ablations/*.yaml",
    "baselines": "baselines/*.yaml",
    "profiles": "baselines/profiles/*.yaml",
    "published": "baselines/published/*.csv",
    "reports": "reports/*.yaml",
    "seconds": "baselines/seconds/*.csv",
}
# The columns that make a CSV a table of published numbers.
PUBLISHED = ("table", "row_key", "setting", "dataset", "metric", "value")


def shipped_folder() -> Path:
    """Return the wheel's content folder, or the checkout root for an editable install."""
    package = Path(__file__).resolve().parent
    packed = package / "_content"
    return packed if packed.is_dir() else package.parent


def content_folders(
    dirs: Sequence[Path | str] = (),
    environment: Mapping[str, str] | None = None,
    shipped: Path | None = None,
) -> tuple[Path, ...]:
    """`dirs`, then those of $GCLBENCH_CONTENT, then the shipped one, each once.

    `environment` stands in for os.environ and `shipped` for the shipped folder in tests. Raises
    DataMissingError for a folder that is not there.
    """
    values = os.environ if environment is None else environment
    named = [*dirs, *(d for d in values.get("GCLBENCH_CONTENT", "").split(os.pathsep) if d)]
    folders = [Path(folder).expanduser().resolve() for folder in named]
    for folder in folders:
        if not folder.is_dir():
            raise DataMissingError(
                f"the content folder {folder} does not exist.",
                "Check --content and $GCLBENCH_CONTENT.",
            )
    # The same folder named twice is one folder, not a clash of every name with itself.
    return tuple(dict.fromkeys([*folders, (shipped or shipped_folder()).resolve()]))


def content_files(folders: Sequence[Path], kind: str) -> dict[str, list[Path]]:
    """Name -> the files of that name. Raises UnknownNameError for a kind not in `FOLDERS`."""
    if kind not in FOLDERS:
        raise UnknownNameError("kind of content", kind, FOLDERS)
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob(FOLDERS[kind])):
            # The folder also holds lists of claims, which are not tables of numbers.
            if kind != "published" or set(PUBLISHED) <= set(csv_header(path)):
                found.setdefault(path.stem, []).append(path)
    return found


def csv_header(path: Path) -> list[str]:
    """The names of a CSV's columns; none for an empty file."""
    with path.open(newline="", encoding="utf-8") as handle:
        return next(csv.reader(handle), [])
