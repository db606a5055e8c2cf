"""Look a dataset over before hours are spent on it: everything that is wrong, not the first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gclbench.clutter import is_clutter
from gclbench.datasets.base import ImageTable, Progress, read_image
from gclbench.datasets.counts import Counts, Expected, count
from gclbench.datasets.layout import CLOSED, NO_FILE, Layout, Rules, best_layout
from gclbench.datasets.matchable import told, unmatched
from gclbench.datasets.origin import made_name
from gclbench.datasets.reader import Reader, Tables, disk_told, require_folder
from gclbench.errors import DataMissingError
from gclbench.pictures import SUFFIXES
from gclbench.shown_text import one_line, shown

Files = list[tuple[str, int]]  # path below the dataset's folder, size in bytes
EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """What was found, how often, and the first places."""

    kind: str
    text: str
    count: int = 1
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A dataset looked over. `faults` must be mended; `remarks` are worth knowing.

    splits: counts beside the published ones; none where the dataset could not be read.
    """

    title: str
    label: str
    root: Path
    layout: str
    splits: Mapping[str, tuple[Counts, Expected | None]]
    faults: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    deep: bool


def check_folder(
    reader: Reader,
    root: Path,
    *,
    deep: bool = False,
    twin: str | None = None,
    progress: Progress | None = None,
) -> Check:
    """Look over the dataset in or below `root`; with `deep` decode every image.

    A rendered one (`twin` is its name, or a marker lies beside it) is not asked for the published
    counts. Never raises for what is wrong with the data: that is what it reports.
    """
    absent = _absent(root)
    if absent is not None:
        return Check(reader.title, reader.role, root, "", {}, (absent,), (), deep)
    folder, layout = _place(reader, root)
    faults, remarks = [], []
    missing = layout.missing(folder)
    if missing:
        faults.append(_listing("missing", f"not in {folder}", missing))
    tables, unread = _tables(reader, folder, missing)
    faults += unread
    files = list(layout.walk(folder))
    found, others = _files(folder, layout, files)
    faults += found
    remarks += others
    if deep:
        faults += _decoded(folder, files, progress)
    made = twin or made_name(folder)
    if made is not None:
        text = f"rendered by gclbench ({made}): published counts are not asked for."
        remarks.append(Finding("made", text))
    elif not missing:
        faults += _amounts(layout, files)
    faults += consistency(tables, reader.rules)
    remarks += _passed_over(tables)
    if tables and made is None:
        for each in reader.differences(tables):
            (faults if each.firm else remarks).append(Finding("count", each.text))
    published: Mapping[str, Expected] = {} if made is not None else reader.expected
    return Check(
        title=reader.title,
        label=made or (reader.label(folder) if tables else reader.role),
        root=folder,
        layout=layout.name,
        splits={name: (count(table), published.get(name)) for name, table in tables.items()},
        faults=tuple(faults),
        remarks=tuple(remarks),
        deep=deep,
    )


def consistency(tables: Tables, rules: Rules) -> list[Finding]:
    """Say what cannot be in a sound dataset, whatever its size: swapped or mixed splits."""
    if not tables:
        return []
    found = [
        Finding("empty_split", f"{name} has no images.")
        for name, table in tables.items()
        if not len(table)
    ]
    train, query, gallery = (tables[name] for name in ("train", "query", "gallery"))
    if len(query) > len(gallery):
        text = f"query has more samples ({len(query)}) than gallery ({len(gallery)}): swapped?"
        found.append(Finding("swapped", text))
    found += _crowded(query, rules)
    for name, table in tables.items():
        found += _at_odds(name, table, rules)
    if len(query) and not set(query.pids.tolist()) & set(gallery.pids.tolist()):
        found.append(Finding("strangers", "nobody of the query is in the gallery."))
    elif len(query) and len(unmatched(query, gallery)) == len(query):
        text = f"{told(query, gallery)}: nothing could be measured."
        found.append(Finding("unmatched", text, len(query)))
    test = {int(pid) for table in (query, gallery) for pid in table.pids if pid > 0}
    shared = sorted({int(pid) for pid in train.pids} & test)
    if shared and not rules.restart:
        names = [str(pid) for pid in shared]
        found.append(_listing("mixed", "identities in training and in test", names))
    distractors = np.flatnonzero(train.pids == 0).tolist()
    if distractors and not rules.restart:
        places = (train.paths[train.spans[row]] for row in distractors)
        found.append(_listing("mixed", "distractors (identity 0) in training", places))
    return found


def _passed_over(tables: Tables) -> list[Finding]:
    """Queries that the protocol skips, where some but not all are."""
    if not tables:
        return []
    query, gallery = tables["query"], tables["gallery"]
    rows = unmatched(query, gallery).tolist()
    if len(rows) in (0, len(query)):
        return []
    places = (query.paths[query.spans[row]] for row in rows)
    return [_listing("unmatched", f"{told(query, gallery)}; they are skipped", places)]


def _at_odds(split: str, table: ImageTable, rules: Rules) -> list[Finding]:
    """Where a table and the names of its images say different things."""
    owners = np.repeat(np.arange(len(table)), np.diff(table.spans))
    names = [path.rpartition("/")[2] for path in table.paths]
    found = []
    twice = [path for path, times in Counter(table.paths).items() if times > 1]
    if twice:
        found.append(_listing("shared", f"{split}: images that are in several tracklets", twice))
    beyond = [] if rules.cameras is None else np.flatnonzero(table.cams >= rules.cameras).tolist()
    if beyond:
        text = f"{split}: images of cameras beyond the {rules.cameras} that there are"
        found.append(_listing("labels", text, (table.paths[row] for row in beyond)))
    if rules.camera_of is not None:
        said = np.array([rules.camera_of(name) for name in names])
        other = np.flatnonzero(said != table.cams[owners]).tolist()
        text = f"{split}: images whose names tell another camera than their tracklet's"
    else:
        other = _misnamed(names, table.pids[owners].tolist())
        text = f"{split}: images whose names begin with another number than their identity's"
    if other:
        found.append(_listing("labels", text, (table.paths[row] for row in other)))
    return found


def _misnamed(names: list[str], pids: list[int]) -> list[int]:
    """Rows whose names do not begin as most names of their identity do."""
    numbers = [name[:4] for name in names]
    known: dict[int, Counter[str]] = {}
    for pid, number in zip(pids, numbers, strict=True):
        known.setdefault(pid, Counter())[number] += 1
    usual = {pid: counts.most_common(1)[0][0] for pid, counts in known.items()}
    return [row for row, pid in enumerate(pids) if numbers[row] != usual[pid]]


def _crowded(query: ImageTable, rules: Rules) -> list[Finding]:
    """Queries beyond the one that a person (and camera) has."""
    if rules.one_query is None:
        return []
    cams = query.cams if rules.one_query == "camera" else np.zeros_like(query.cams)
    pairs = Counter(zip(query.pids.tolist(), cams.tolist(), strict=True))
    extra = [key for key, times in pairs.items() if times > 1]
    if not extra:
        return []
    per = "identity and camera" if rules.one_query == "camera" else "identity"
    text = f"several queries of one {per}: is the gallery in the query's place?"
    return [_listing("swapped", text, [f"pid {pid}" for pid, _ in sorted(extra)])]


def _absent(root: Path) -> Finding | None:
    """What is wrong with the folder itself, so that there is nothing to look at."""
    try:
        with disk_told():
            require_folder(root)
            os.listdir(root)
    except DataMissingError as error:
        kind = "closed" if "permission denied" in error.message else "absent"
        return Finding(kind, error.message)
    return None


def _place(reader: Reader, root: Path) -> tuple[Path, Layout]:
    try:
        return best_layout(reader.find_root(root), ("",), reader.layouts)
    except DataMissingError:
        return best_layout(root, reader.folders, reader.layouts)


def _tables(reader: Reader, folder: Path, missing: list[str]) -> tuple[Tables, list[Finding]]:
    try:
        reader.find_root(folder)
        return reader.read(folder), []
    except DataMissingError as error:
        # Where folders are missing, that was said already.
        return {}, [] if missing else [Finding("unreadable", one_line(str(error)))]


def _files(root: Path, layout: Layout, files: Files) -> tuple[list[Finding], list[Finding]]:
    """Faults and remarks about single files: empty ones, names in no grammar, no images."""
    ours = [(path, size) for path, size in files if not is_clutter(path)]
    images = [path for path, _ in ours if path.lower().endswith(SUFFIXES)]
    empty = [path for path, size in ours if not size and path.lower().endswith(SUFFIXES)]
    faults = [
        _listing("empty_file", "empty images (0 bytes)", empty),
        _listing(
            "no_file",
            "what is there is no file that can be read (a broken link, a folder, a pipe)",
            [path for path, size in ours if size == NO_FILE],
        ),
        _listing(
            "closed",
            "permission denied: these may not be read",
            [str(root / path) for path, size in ours if size == CLOSED],
        ),
        _listing(
            "strange_name",
            "images whose names are not this dataset's",
            [path for path in images if not layout.knows(path)],
        ),
    ]
    others = [
        path
        for path, size in files
        if is_clutter(path) or (size >= 0 and not path.lower().endswith(SUFFIXES))
    ]
    remarks = [_listing("other_file", "files that are no images", others)]
    return [each for each in faults if each.count], [each for each in remarks if each.count]


def _decoded(root: Path, files: Files, progress: Progress | None) -> list[Finding]:
    whole = [
        path
        for path, size in files
        if size > 0 and path.lower().endswith(SUFFIXES) and not is_clutter(path)
    ]
    damaged = list(_damaged(root, whole, progress))
    return [_listing("undecodable", "images that cannot be decoded", damaged)] if damaged else []


def _damaged(root: Path, paths: list[str], progress: Progress | None) -> Iterator[str]:
    for index, path in enumerate(paths):
        try:
            read_image(root / path, 1, 1)
        except DataMissingError:
            yield path
        if progress is not None:
            progress("decoding images", index + 1, len(paths))


def _amounts(layout: Layout, files: Files) -> list[Finding]:
    """Folders with more or fewer images than the complete dataset has there, junk included."""
    known = Counter(path.partition("/")[0] for path, _ in files if layout.knows(path))
    return [
        Finding("files", f"{folder}: {known[folder]} images on disk, published {published}.")
        for folder, published in layout.images.items()
        if known[folder] != published
    ]


def _listing(kind: str, text: str, places: Iterable[str]) -> Finding:
    # A line break in a name is part of it.
    names = [shown(place).replace("\n", "\\n").replace("\t", "\\t") for place in places]
    return Finding(kind, text, len(names), tuple(names[:EXAMPLES]))
