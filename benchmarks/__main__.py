"""Print the benchmarks as Markdown, or put them into a document: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from benchmarks.harness import machine

NAMES = ("jaccard", "dbscan", "ranking", "contrast", "rasteriser", "pipeline")
BEGIN, END = "<!-- benchmarks: begin -->\n", "<!-- benchmarks: end -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Each kernel against a plain reference, side by side in one run.",
        epilog="Example: python -m benchmarks jaccard dbscan --sizes full --into docs/kernels.md",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all")
    parser.add_argument("--sizes", choices=("small", "full"), default="full")
    parser.add_argument(
        "--into",
        type=Path,
        help="replace the marked part of this document, or what is named of it",
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]}; there are: {', '.join(NAMES)}")
    where = f"{machine()}; {date.today():%Y-%m-%d}."
    sections = []
    for name in arguments.names or NAMES:
        sections.append(importlib.import_module(f"benchmarks.{name}").report(arguments.sizes))
        print(sections[-1], flush=True)
    if arguments.into and arguments.names:
        replace_sections(arguments.into, sections, where)
    elif arguments.into:
        text = "\n".join([f"{where} Ratios travel, seconds do not.\n", *sections])
        _rewrite(arguments.into, lambda old: text)


def replace_sections(document: Path, sections: Sequence[str], where: str) -> None:
    """Put sections in the place of those of the same heading; each says where it was measured.

    Raises SystemExit for a document without the marked part, or without one of the headings.
    """

    def changed(old: str) -> str:
        for section in sections:
            heading = section.partition("\n")[0] + "\n"
            before, found, rest = old.partition(heading)
            if not found:
                raise SystemExit(f"{document} has no section '{heading.strip()}': write all once.")
            _, more, following = rest.partition("\n## ")
            body = section.removeprefix(heading).strip("\n")
            old = f"{before}{heading}\nMeasured apart: {where}\n\n{body}\n"
            old += f"\n## {following}" if more else ""
        return old

    _rewrite(document, changed)


def _rewrite(document: Path, change: Callable[[str], str]) -> None:
    before, found, rest = document.read_text().partition(BEGIN)
    marked, closed, after = rest.partition(END)
    if not found or not closed:
        raise SystemExit(f"{document} lacks the lines {BEGIN.strip()} and {END.strip()}.")
    document.write_text(before + BEGIN + change(marked) + END + after)


if __name__ == "__main__":
    main()
