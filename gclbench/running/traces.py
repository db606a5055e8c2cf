"""The whole trace of an error, kept as a file under HOME/errors."""

from __future__ import annotations

import traceback
from contextlib import suppress
from pathlib import Path

from gclbench.redaction import redacted

FOLDER = "errors"


def keep_trace(home: Path, name: str, error: BaseException) -> Path | None:
    """Write the trace to HOME/errors/NAME.txt and return its path; None where that cannot be."""
    file = home / FOLDER / f"{name}.txt"
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        text = redacted("".join(traceback.format_exception(error)))
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        return file
    return None
