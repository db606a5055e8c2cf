"""Where templates run: data in, text out, at a bounded cost.

jinja2's immutable sandbox keeps `_` attributes and unsafe methods away. Beyond it, what a layout
does not need is not there (most methods and filters, powers, includes), and steps and lengths are
counted, so that no template takes more than a few seconds or a few megabytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.visitor import NodeTransformer

# A report of 1,000 rows and 40 columns takes about 100,000 steps and 5 million letters.
MAX_STEPS = 1_000_000
MAX_LETTERS = 50_000_000
MAX_TEXT = 1_000_000  # of one value
MAX_SECONDS = 30.0
MAX_RANGE = 10_000
MAX_NUMBER = 2**63

# What filters of jinja2 a layout may use, besides `e`: all give no more than they get.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items"),
    *("last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse"),
    *("select", "selectattr", "sort", "string", "title", "trim", "unique", "upper"),
)
_OF_TEXT = ("capitalize", "float", "int", "lower", "string", "title", "trim", "upper")
# Filters that are put in while a template is read; no template can name them.
COUNTED, FLAT, JOINED, WRITTEN = " counted", " flat", " joined", " written"
_METHODS = {
    dict: {"get", "items", "keys", "values"},
    LoopContext: {"changed", "cycle"},
    str: {"endswith", "lower", "lstrip", "rstrip", "split", "startswith", "strip", "upper"},
}
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.AssignBlock: "a block set",
    nodes.Extends: "extends",
    nodes.FilterBlock: "a filter block",
    nodes.FromImport: "import",
    nodes.Import: "import",
    nodes.Include: "include",
    nodes.Mul: "*",
    nodes.Pow: "**",
}


def run(source: str, name: str, escape: Callable[[str], str], values: Mapping[str, Any]) -> str:
    """Return a filled template; `name` stands as file in tracebacks.

    Raises TemplateSyntaxError, or whatever the template raises while it runs.
    """
    sandbox = Sandbox(escape)
    code = sandbox.compile(source, name, name)
    template = jinja2.Template.from_code(sandbox, code, dict(sandbox.globals))
    return "".join(template.generate(values))


def unknown_names(source: str, known: Iterable[str]) -> list[str]:
    """Names that a template asks for and that are neither its own nor in `known`."""
    sandbox = Sandbox(str)
    asked = find_undeclared_variables(sandbox.parse(source))
    return sorted(asked - {*known, *sandbox.globals})


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of one run; it counts what the run costs."""

    intercepted_binops = frozenset({"+", "-", "/", "//", "%"})

    def __init__(self, escape: Callable[[str], str]) -> None:
        self.steps, self.letters, self.began = 0, 0, time.monotonic()
        super().__init__(
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
            optimized=False,  # nothing is reckoned before it can be counted
            finalize=self.printed,
            cache_size=0,
        )
        self.globals = {"namespace": self.globals["namespace"], "range": bounded_range}
        known = {name: self._counting(name, self.filters[name]) for name in _FILTERS}
        self.filters = known | {
            "e": escape,
            "join": self.join,
            "replace": self.replace,
            COUNTED: self.counted,
            FLAT: self.flat,
            JOINED: self.join,
            WRITTEN: self.written,
        }

    def spend(self, steps: int) -> None:
        """Count steps. Raises SecurityError when there were too many, or they took too long."""
        self.steps += steps
        if self.steps > MAX_STEPS or time.monotonic() - self.began > MAX_SECONDS:
            raise SecurityError(f"it does more than a report takes ({MAX_STEPS:,} steps)")

    def write(self, letters: int) -> None:
        """Count letters of the file. Raises SecurityError when there are too many."""
        self.letters += letters
        if self.letters > MAX_LETTERS:
            raise SecurityError(f"it writes more than a report has ({MAX_LETTERS:,} letters)")

    @jinja2.pass_context
    def written(self, _: Context, letters: int) -> str:
        """Count letters that stand in the template."""
        self.write(letters)
        return ""

    @jinja2.pass_context  # so that nothing is reckoned before it runs
    def printed(self, _: Context, value: Any) -> Any:
        """What may be written: text and numbers, counted."""
        self.write(len(self.plain(value)))
        return value

    def plain(self, value: Any) -> str:
        """A text or a number as text. Raises SecurityError for lists and other objects."""
        if isinstance(value, Undefined):
            return str(value)  # says which name is not there
        if value is not None and not isinstance(value, str | int | float):
            raise SecurityError(
                f"'{type(value).__name__}' is no text; text and numbers are written"
            )
        return str(self.sized(value))

    def sized(self, value: Any) -> Any:
        """Count a value's length. Raises SecurityError for a text or number that is too long."""
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise SecurityError(f"a text of more than {MAX_TEXT:,} letters")
        if isinstance(value, int) and abs(value) >= MAX_NUMBER:
            raise SecurityError("a number of more than 63 bits")
        if isinstance(value, str | list | tuple | dict):
            self.spend(len(value) // 64)
        return value

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        found: nodes.Template = _Guarded().visit(tree)
        return found

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Data only: nothing with `_`, and of what can be called the few harmless methods."""
        if attr.startswith("_") or not super().is_safe_attribute(obj, attr, value):
            return False
        return not callable(value) or self._is_method(value)

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, range, namespace and the few harmless methods."""
        if isinstance(obj, Macro) or any(obj is each for each in self.globals.values()):
            return True
        return self._is_method(obj)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """As jinja2's sandbox, counted."""
        self.spend(1)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """As jinja2's sandbox, counted: `sort(attribute="a.a.a ...")` asks for each part here."""
        self.spend(1)
        return super().getitem(obj, argument)

    def call_filter(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """A filter that `map` or `select` names by a text: never one of those that count."""
        if name.startswith(" "):
            raise SecurityError(f"no filter named '{name}'")
        return super().call_filter(name, *args, **kwargs)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what may be called, counted."""
        self.spend(10)
        return self.sized(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Reckon with numbers, and put texts together; no `%` on text."""
        self.spend(1)
        texts = isinstance(left, str) and isinstance(right, str) and operator == "+"
        if not texts and not all(isinstance(each, int | float) for each in (left, right)):
            raise SecurityError(f"'{operator}' is for numbers")
        return self.sized(super().call_binop(context, operator, left, right))

    def counted(self, items: Iterable[Any]) -> Iterable[Any]:
        """What a loop goes through, each item a step; what has a length keeps it."""
        if isinstance(items, Undefined):
            return items
        return _Counted(items, self)

    def flat(self, items: Any) -> Any:
        """A list that a template writes down: of texts and numbers, so that it cannot explode."""
        for each in items.values() if isinstance(items, dict) else items:
            self.plain(each)
        return items

    def join(self, parts: Iterable[Any], between: str = "") -> str:
        """Texts in one; also the operator `~`."""
        texts = [self.plain(part) for part in self.counted(parts)]
        if sum(map(len, texts)) + len(between) * len(texts) > MAX_TEXT:
            raise SecurityError(f"a text of more than {MAX_TEXT:,} letters")
        return str(self.sized(between.join(texts)))

    def replace(self, text: str, old: str, new: str) -> str:
        """As in jinja2."""
        text, old, new = map(self.plain, (text, old, new))
        if len(text) + text.count(old) * len(new) > MAX_TEXT:
            raise SecurityError(f"a text of more than {MAX_TEXT:,} letters")
        return str(self.sized(text.replace(old, new)))

    def _is_method(self, obj: Any) -> bool:
        owner = type(getattr(obj, "__self__", None))
        return getattr(obj, "__name__", "") in _METHODS.get(owner, ())

    def _counting(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        """A filter of jinja2 whose input and output are counted."""
        given = getattr(plain, "jinja_pass_arg", None)

        def counting(*args: Any, **kwargs: Any) -> Any:
            place = 0 if given is None else 1
            value = args[place]
            if name in _OF_TEXT:
                self.plain(value)
            elif not isinstance(value, str | int | float | Mapping | Undefined | None):
                value = list(self.counted(value))
            self.sized(value)
            result = plain(*args[:place], value, *args[place + 1 :], **kwargs)
            if isinstance(result, Iterator):
                result = list(self.counted(result))
            return self.sized(result)

        if given is not None:
            counting.jinja_pass_arg = given  # type: ignore[attr-defined]
        return counting


class _Counted:
    """Items that cost a step each."""

    def __init__(self, items: Iterable[Any], sandbox: Sandbox) -> None:
        self.items, self.sandbox = items, sandbox

    def __iter__(self) -> Iterator[Any]:
        for item in self.items:
            self.sandbox.spend(1)
            yield item

    def __len__(self) -> int:
        return len(self.items)  # type: ignore[arg-type]


class _Guarded(NodeTransformer):
    """Refuses what a layout does not need, and lets loops, macros, lists and `~` be counted."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        word = next((text for kind, text in _REFUSED.items() if isinstance(node, kind)), None)
        if word is not None:
            raise jinja2.TemplateSyntaxError(f"'{word}' is not for templates", node.lineno)
        return super().visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        if node.recursive:
            raise jinja2.TemplateSyntaxError("'recursive' is not for templates", node.lineno)
        node.body.insert(0, _written(node))
        self.generic_visit(node)
        node.iter = _filtered(node.iter, COUNTED)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        node.body.insert(0, _written(node))
        return self.generic_visit(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        node.body.insert(0, _written(node))
        return self.generic_visit(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), JOINED)

    def visit_List(self, node: nodes.List) -> nodes.Node:
        return _filtered(self.generic_visit(node), FLAT)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        return _filtered(self.generic_visit(node), FLAT)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, FLAT) if node.ctx == "load" else node

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        # Lists of whatever a macro was given: lists of lists would double at each call.
        if node.name in ("varargs", "kwargs"):
            raise jinja2.TemplateSyntaxError(f"'{node.name}' is not for templates", node.lineno)
        return node

    def visit_Const(self, node: nodes.Const) -> nodes.Node:
        if isinstance(node.value, int) and abs(node.value) >= MAX_NUMBER:
            raise jinja2.TemplateSyntaxError("a number of more than 63 bits", node.lineno)
        return node


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _written(node: nodes.Node) -> nodes.Output:
    """What counts the letters that stand in a body, each time that it is gone through."""
    letters = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
    count = _filtered(nodes.Const(letters, lineno=node.lineno), WRITTEN)
    return nodes.Output([count], lineno=node.lineno)


def bounded_range(*bounds: int) -> range:
    """`range` of at most 10,000 numbers."""
    found = range(*bounds)
    if len(found) > MAX_RANGE:
        raise SecurityError(f"a range of more than {MAX_RANGE:,} numbers")
    return found
