"""Templates are content: layout without arithmetic; a user's folder may replace them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gclbench.errors import DataMissingError


def read_template(name: str, content: Sequence[Path]) -> str:
    """Return the text of the first `<folder>/reports/templates/<name>`."""
    for folder in content:
        path = folder / "reports" / "templates" / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    searched = ", ".join(str(folder) for folder in content) or "no folder"
    raise DataMissingError(
        f"no template 'reports/templates/{name}' in {searched}.",
        "Install gclbench anew, or put the file there.",
    )


def fill(template: str, escape: Callable[[str], str], **values: Any) -> str:
    """Fill a template, whose marks `<< >>`, `<% %>` and `<# #>` leave LaTeX's braces free.

    `escape` is offered as the filter `e`.
    """
    import jinja2

    environment = jinja2.Environment(
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # every format escapes in its own way, through the filter
    )
    environment.filters["e"] = escape
    return environment.from_string(template).render(**values)
