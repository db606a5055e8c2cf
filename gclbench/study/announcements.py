"""What the built-in rooms register, read from their source text: none of them is imported.

A registration is read where it is a decorator of plain values:
`@register("kind", "name", revision=N, parameters=Model)`. `tests/study/test_announcements.py`
holds what is read here equal to what importing registers.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import gclbench
from gclbench.registry import Facts

_DECORATOR = "@register("
_PACKAGE = Path(gclbench.__file__).parent
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def announcements(rooms: tuple[str, ...]) -> Iterator[Facts]:
    """The facts of every component that a module of these rooms registers."""
    for room in rooms:
        for file in sorted((_PACKAGE / room).glob("*.py")):
            if _DECORATOR in file.read_text(encoding="utf-8"):
                yield from _source(f"gclbench.{room}.{file.stem}").facts()


@cache
def _source(module: str) -> _Source:
    path = _PACKAGE.parent.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return _Source(module, ast.parse(file.read_text(encoding="utf-8")))


class _Source:
    """A module by its syntax tree; names lead on to the modules that they come from."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module, self.tree = module, tree

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        return {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def origins(self) -> dict[str, tuple[str, str]]:
        """Imported name -> the module and the name there, for names of the package."""
        return {
            alias.asname or alias.name: (node.module, alias.name)
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gclbench.")
            for alias in node.names
            if node.module
        }

    def facts(self) -> Iterator[Facts]:
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                for call in filter(_is_register, node.decorator_list):
                    yield self._facts_of(call, node)

    def _facts_of(self, call: Any, node: ast.ClassDef | ast.FunctionDef) -> Facts:
        kind, name = (ast.literal_eval(argument) for argument in call.args)
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        model = given.get("parameters")
        return Facts(
            kind,
            name,
            revision=ast.literal_eval(given["revision"]) if "revision" in given else 1,
            module=self.module,
            docstring=inspect.cleandoc(ast.get_docstring(node, clean=False) or ""),
            parameters_from=None if model is None else self._origin(ast.unparse(model)),
            settings=self._settings(node),
            traits=self._traits(node) if isinstance(node, ast.ClassDef) else {},
            reads=() if isinstance(node, ast.ClassDef) else _types(node),
        )

    def _origin(self, name: str) -> tuple[str, str]:
        return self.origins.get(name, (self.module, name))

    def _bases(self, node: ast.ClassDef) -> Iterator[tuple[_Source, ast.ClassDef]]:
        """The base classes that stand in the package, with the module of each."""
        for base in node.bases:
            module, name = self._origin(ast.unparse(base))
            source = self if module == self.module else _source(module)
            if name in source.classes:
                yield source, source.classes[name]

    def _traits(self, node: ast.ClassDef) -> dict[str, Any]:
        """Class attributes of plain values, those of bases too."""
        found: dict[str, Any] = {}
        for source, base in reversed(list(self._bases(node))):
            found |= source._traits(base)
        for name, value in _assigned(node):
            try:
                found[name] = ast.literal_eval(value)
            except ValueError:
                continue
        return found

    def _settings(self, node: ast.ClassDef | ast.FunctionDef) -> dict[str, str]:
        if isinstance(node, ast.FunctionDef):
            return _arguments(node)
        if any(ast.unparse(each).startswith("dataclass") for each in node.decorator_list):
            return self._fields(node)
        made = self._initialiser(node)
        return _arguments(made, skip=1) if made is not None else {}

    def _fields(self, node: ast.ClassDef) -> dict[str, str]:
        found: dict[str, str] = {}
        for source, base in reversed(list(self._bases(node))):
            found |= source._fields(base)
        for each in node.body:
            if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation):
                found[ast.unparse(each.target)] = _default(each.value)
        return {name: text for name, text in found.items() if name != "parameters"}

    def _initialiser(self, node: ast.ClassDef) -> _Function | None:
        for each in node.body:
            if isinstance(each, _Function) and each.name == "__init__":
                return each
        inherited = (source._initialiser(base) for source, base in self._bases(node))
        return next((made for made in inherited if made is not None), None)


def _is_register(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "register"


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and each.value is not None:
            yield ast.unparse(each.target), each.value
        elif isinstance(each, ast.Assign):
            yield from ((ast.unparse(target), each.value) for target in each.targets)


def _arguments(function: _Function, skip: int = 0) -> dict[str, str]:
    """Arguments with their defaults as text; the first `skip` are left out, and `parameters`."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults: dict[str, ast.expr | None] = dict.fromkeys((each.arg for each in plain), None)
    late = plain[len(plain) - len(given.defaults) :]
    defaults |= {each.arg: value for each, value in zip(late, given.defaults, strict=True)}
    defaults |= {given.vararg.arg: None} if given.vararg else {}
    defaults |= {a.arg: v for a, v in zip(given.kwonlyargs, given.kw_defaults, strict=True)}
    defaults |= {given.kwarg.arg: None} if given.kwarg else {}
    kept: Mapping[str, ast.expr | None] = dict(list(defaults.items())[skip:])
    return {name: _default(value) for name, value in kept.items() if name != "parameters"}


def _default(value: ast.expr | None) -> str:
    if value is None:
        return "required"
    try:
        return repr(ast.literal_eval(value))
    except ValueError:
        return ast.unparse(value)


def _types(function: _Function) -> tuple[str, ...]:
    """The last part of the names of the arguments' types, `parameters` aside."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return tuple(
        ast.unparse(each.annotation).rpartition(".")[-1]
        for each in every
        if each.annotation is not None and each.arg != "parameters"
    )
