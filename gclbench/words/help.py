"""The words of a verb as its help shows them, and as the documentation lists them."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence

from gclbench.words.kinds import SETTINGS
from gclbench.words.model import Words
from gclbench.words.word import Word

COLUMN = 22
WIDTH = 78
_EXAMPLES = "\b\nExamples:"


def help_of(verb: Callable[..., object], model: type[Words]) -> str:
    """The docstring of a verb, with its words before the examples."""
    text = inspect.cleandoc(verb.__doc__ or "")
    before, found, examples = text.partition(_EXAMPLES)
    return f"{before}{word_block(model)}\n\n{found}{examples}"


def word_block(model: type[Words]) -> str:
    """`NAME=VALUE  what it is` for each word; settings last. \\b keeps its lines apart."""
    declared = sorted(model.declared().items(), key=lambda item: item[1].kind is SETTINGS)
    lines = [line for name, word in declared if not word.option for line in _lines(name, word)]
    return "\n".join(["\b", "Words:", *lines])


def written(name: str, word: Word) -> str:
    """A word as it is typed: `seeds=0,1,2`, `--content DIR`, `section.setting=VALUE`."""
    if word.option:
        return f"{word.option} {word.shows}"
    return f"section.setting={word.shows}" if word.kind is SETTINGS else f"{name}={word.shows}"


def _lines(name: str, word: Word) -> Iterator[str]:
    head = f"  {written(name, word)}"
    told = textwrap.wrap(word.help, WIDTH - COLUMN - 4)
    if len(head) > COLUMN + 2:
        yield head
        head = ""
    for line in told:
        yield f"{head:<{COLUMN + 2}}  {line}"
        head = ""


def word_table(models: Sequence[type[Words]]) -> str:
    """Markdown: each word with what it means, the verbs that take it, and its other names."""
    taken: dict[tuple[str, str], tuple[Word, list[str]]] = {}
    for model in models:
        for name, word in model.declared().items():
            taken.setdefault((name, word.help), (word, []))[1].append(model.verb)
    lines = ["| Word | Means | Taken by | The same | Old name |", "|---|---|---|---|---|"]
    for (name, _), (word, verbs) in sorted(taken.items(), key=lambda item: item[0][0]):
        cells = (f"`{written(name, word)}`", word.help, ", ".join(verbs))
        lines.append(_row(*cells, _code(word.also), _code(word.old)))
    return "\n".join(lines)


def verb_table(models: Sequence[type[Words]]) -> str:
    """Markdown: each verb with its words; in bold the one that may stand without its name."""
    lines = ["| Verb | Words |", "|---|---|"]
    for model in models:
        words = [
            f"**`{name}`**" if word.bare else f"`{word.option or name}`"
            for name, word in model.declared().items()
        ]
        lines.append(_row(f"`gclbench {model.verb}`", " ".join(words)))
    return "\n".join(lines)


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}=`" for name in names)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
