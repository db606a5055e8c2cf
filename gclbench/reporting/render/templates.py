"""Templates are content: layout without arithmetic; a user's folder may replace them.

They run in a sandbox (`sandbox.py`): whatever a template says, it reads the tables that it is
given, writes text, and ends.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gclbench.content_folders import check_place, read_content
from gclbench.errors import ContentError, DataMissingError

KEY = "template"


@dataclass(frozen=True)
class Template:
    """The text of a template, and the file that it stands in."""

    path: Path
    text: str


def find_template(name: str, content: Sequence[Path]) -> Template:
    """Read the first `<folder>/reports/templates/<name>`.

    Raises DataMissingError for none, ContentError for one that is no text file of its folder.
    """
    for folder in content:
        path = folder / "reports" / "templates" / name
        if path.is_symlink() or path.exists():
            check_place(path, folder)
            return Template(path, read_content(path, KEY))
    searched = ", ".join(str(folder) for folder in content) or "no folder"
    raise DataMissingError(
        f"no template 'reports/templates/{name}' in {searched}.",
        "Install gclbench anew, or put the file there.",
    )


def check_template(template: Template, names: Sequence[str]) -> None:
    """Raise ContentError where a template uses a name that is not among `names`, even if unasked.

    It is translated, not run.
    """
    from gclbench.reporting.render.sandbox import unknown_names

    try:
        unknown = unknown_names(template.text, names)
    except Exception as error:
        raise _fault(template, error) from None
    if unknown:
        text = f"there is no '{unknown[0]}', only {', '.join(names)}"
        raise ContentError(str(template.path), None, KEY, text)


def fill(template: Template, escape: Callable[[str], str], **values: Any) -> str:
    """Fill a template, whose marks `<< >>`, `<% %>` and `<# #>` leave LaTeX's braces free.

    `escape` is offered as the filter `e`. Raises ContentError with file and line for whatever goes
    wrong in it: syntax, a name that is not there, an escape from the sandbox, more work than a
    report takes.
    """
    from gclbench.reporting.render.sandbox import run

    try:
        return run(template.text, str(template.path), escape, values)
    except Exception as error:
        raise _fault(template, error) from None


def _fault(template: Template, error: Exception) -> ContentError:
    line = _line(error, template.path)
    return ContentError(str(template.path), line, KEY, _problem(error))


def _line(error: BaseException, path: Path) -> int | None:
    """The line of the template: of its syntax, or the last one that was running."""
    from jinja2 import TemplateSyntaxError

    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno for f in reversed(frames) if f.filename == str(path)), None)


def _problem(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it calls itself without end"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    text = str(getattr(error, "message", None) or error)
    return text or type(error).__name__
