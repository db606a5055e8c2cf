"""Print the benchmarks as Markdown, or put them into a document: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import importlib
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
    parser.add_argument("--into", type=Path, help="replace the marked part of this document")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]}; there are: {', '.join(NAMES)}")
    sections = [f"{machine()}; {date.today():%Y-%m-%d}. Ratios travel, seconds do not.\n"]
    for name in arguments.names or NAMES:
        sections.append(importlib.import_module(f"benchmarks.{name}").report(arguments.sizes))
        print(sections[-1], flush=True)
    if arguments.into:
        _replace(arguments.into, "\n".join(sections))


def _replace(document: Path, text: str) -> None:
    before, found, rest = document.read_text().partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise SystemExit(f"{document} lacks the lines {BEGIN.strip()} and {END.strip()}.")
    document.write_text(before + BEGIN + text + END + after)


if __name__ == "__main__":
    main()
