"""Where content lies: the folders that are searched, and the files of a kind in them.

What the files say is read by `gclbench.content`; nothing heavy is imported here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gclbench.errors import ContentError, DataMissingError, UnknownNameError
from gclbench.user_paths import user_path
from gclbench.user_text import Lines, Problem, read_user_csv, read_user_text

DEFAULT_PROFILE = "laptop"
FOLDERS = {
    "ablations": "ablations/*.yaml",
    "baselines": "baselines/*.yaml",
    "profiles": "baselines/profiles/*.yaml",
    "published": "baselines/published/*.csv",
    "reports": "reports/*.yaml",
    "seconds": "baselines/seconds/*.csv",
}
MAX_BYTES = 1_000_000  # of a file of content; the longest that is shipped has 60,000
# The columns that make a CSV a table of published numbers.
PUBLISHED = ("table", "row_key", "setting", "dataset", "metric", "value")
# Any of these columns says that it is meant as one.
_MEANT = frozenset({"table", "row_key", "value"})


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
    folders = [user_path(folder).resolve() for folder in named]
    for folder in folders:
        if not folder.is_dir():
            raise DataMissingError(
                f"the content folder {folder} does not exist.",
                "Check --content and $GCLBENCH_CONTENT.",
            )
    # The same folder named twice is one folder, not a clash of every name with itself.
    return tuple(dict.fromkeys([*folders, (shipped or shipped_folder()).resolve()]))


def content_files(folders: Sequence[Path], kind: str) -> dict[str, list[Path]]:
    """Name -> the files of that name.

    Raises UnknownNameError for a kind not in `FOLDERS`, ContentError for a link out of its folder.
    """
    if kind not in FOLDERS:
        raise UnknownNameError("kind of content", kind, FOLDERS)
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob(FOLDERS[kind])):
            check_place(path, folder)
            if kind != "published" or _of_numbers(path):
                found.setdefault(path.stem, []).append(path)
    return found


def _of_numbers(path: Path) -> bool:
    """Whether a CSV is meant as a table of numbers: its folder also holds lists of claims.

    One that cannot be read is: whoever asks for it is told why.
    """
    try:
        header = read_table(path).header
    except ContentError:
        return True
    return not _MEANT.isdisjoint(name.lower() for name in header)


def code_in(folders: Sequence[Path]) -> list[str]:
    """Python files in `components/` of users' content folders: nobody loads them."""
    theirs = [folder for folder in folders if folder != shipped_folder().resolve()]
    return [str(path) for folder in theirs for path in sorted(folder.glob("components/*.py"))]


def read_table(path: Path) -> Lines:
    """Read a CSV of content. Raises ContentError."""
    return read_user_csv(path, content_fault(path), MAX_BYTES)


def read_content(path: Path, key: str, most: int = MAX_BYTES) -> str:
    """Read the text of a file of content. Raises ContentError that names it and `key`."""
    return read_user_text(path, content_fault(path, key), most)


def content_fault(path: Path, key: str = "text") -> Problem:
    """What is raised for a file of content whose text cannot be read."""
    return lambda line, what: ContentError(str(path), line, key, what)


def check_place(path: Path, folder: Path) -> None:
    """Raise ContentError for a link that leads out of its content folder.

    What it leads to would be shown in messages and reports. In the shipped folder links are those
    of an installer that keeps files elsewhere.
    """
    if folder.resolve() == shipped_folder().resolve():
        return
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(folder.resolve()):
        text = f"a link that leads out of the content folder, to {real}: copy the file instead"
        raise ContentError(str(path), None, "file", text)
