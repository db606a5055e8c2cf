"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

KeyValues = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON object.")]
ContentFolders = Annotated[
    list[Path] | None, typer.Option("--content", help="A folder of content of yours.")
]
