"""Templates are content: layout without arithmetic; a user's folder may replace them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gclbench.errors import ContentError, DataMissingError
from gclbench.user_text import read_user_text

if TYPE_CHECKING:
    import jinja2


def find_template(name: str, content: Sequence[Path]) -> Path:
    """Return the first `<folder>/reports/templates/<name>`. Raises DataMissingError."""
    for folder in content:
        path = folder / "reports" / "templates" / name
        if path.is_file():
            return path
    searched = ", ".join(str(folder) for folder in content) or "no folder"
    raise DataMissingError(
        f"no template 'reports/templates/{name}' in {searched}.",
        "Install gclbench anew, or put the file there.",
    )


def read_template(name: str, content: Sequence[Path]) -> str:
    """Return the text of a template. Raises DataMissingError, ContentError for no text."""
    return _text(find_template(name, content))


def _text(path: Path) -> str:
    def problem(line: int | None, what: str) -> ContentError:
        return ContentError(str(path), line, "template", what)

    return read_user_text(path, problem)


def check_template(path: Path, known: Sequence[str] = ("tables",)) -> None:
    """Raise ContentError for a template that cannot be filled with the names in `known`.

    It is translated, not run.
    """
    import jinja2
    from jinja2.meta import find_undeclared_variables

    environment = _environment(str)
    try:
        text = _text(path)
        environment.from_string(text)
        asked = find_undeclared_variables(environment.parse(text))
    except jinja2.TemplateSyntaxError as error:
        raise ContentError(str(path), error.lineno, "template", str(error.message)) from None
    for name in sorted(asked.difference(known)):
        text = f"there is no '{name}', only {', '.join(known)}"
        raise ContentError(str(path), None, "template", text)


def fill(template: str, escape: Callable[[str], str], **values: Any) -> str:
    """Fill a template, whose marks `<< >>`, `<% %>` and `<# #>` leave LaTeX's braces free.

    `escape` is offered as the filter `e`.
    """
    return _environment(escape).from_string(template).render(**values)


def _environment(escape: Callable[[str], str]) -> jinja2.Environment:
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
    return environment
