"""`gclbench data`: look a dataset over before a run, or write a twin of it to disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gclbench.cli.arguments import AsJson, ContentFolders, NamedKeyValues, read_words, worded
from gclbench.cli.exit import ExitCode
from gclbench.cli.output import SPINNER, say, say_json, screen
from gclbench.errors import UsageError
from gclbench.words.groups import SizesWords
from gclbench.words.verbs import CheckDataWords, MakeDataWords

if TYPE_CHECKING:
    from gclbench.content import Content
    from gclbench.schema.settings import DataSettings

Report = Callable[[str, int, int], None]

data = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look a dataset over, or write a rendered twin of it to disk.",
)


@worded(data, CheckDataWords)
def check(
    words: NamedKeyValues = None,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every image.")] = False,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Compare a dataset on disk with what it should be; name everything that is wrong.

    Counts per split, folders, names, empty files, swapped or mixed splits; with --deep every
    image is decoded. Also: its terms, and which studies it takes part in. Exit code 1 on faults.

    \b
    Examples:
      gclbench data check market1501 data.root=/data/reid
      gclbench data check mars data.root=/data/mars --deep --json
      gclbench data check dukemtmc_videoreid
    """
    parsed = read_words(CheckDataWords, words, content)
    from gclbench.content import Content
    from gclbench.runtime.data import check_data, terms_of, unlocked

    role = parsed.dataset
    folders = Content(parsed.content)
    terms = terms_of(role)
    with _progress(as_json) as report:
        settings = _settings(parsed, folders)
        found = check_data(role, settings, parsed.home, deep=deep or parsed.deep, progress=report)
    facts = as_object(role, found, terms, unlocked(folders, role))
    if as_json:
        say_json(facts)
    else:
        for line in lines(facts):
            say(line)
    raise typer.Exit(ExitCode.OK if facts["ok"] else ExitCode.FAILED)


@worded(data, MakeDataWords)
def make(
    words: NamedKeyValues = None,
    content: ContentFolders = None,
) -> None:
    """Render a twin into a folder of its own, in the real layout of the dataset whose role it has.

    `data.root=FOLDER` then reads it as it would read the real dataset; reports go on calling it
    synthetic.

    \b
    Examples:
      gclbench data make mars
      gclbench data make market1501 out=/data/toy data.world.people_train=20
    """
    parsed = read_words(MakeDataWords, words, content)
    from gclbench.content import Content
    from gclbench.runtime.data import make_data

    out = parsed.out or parsed.home / "data" / f"synthetic_{parsed.dataset}"
    settings = _settings(parsed, Content(parsed.content))
    if settings.root is not None:
        raise UsageError(
            "data.root= says where real images lie, and this renders a twin.",
            "Name the folder to write to: out=FOLDER.",
        )
    with _progress(quiet=False) as report:
        world = make_data(parsed.dataset, settings, out, report)
    say(f"wrote {world.spec.name} to {out}: {len(world.shots)} images")
    say(f"read it with data.root={out}")
    bodies = out / "train_bodies.npz"
    say(f"its bodies: data.mesh.source=params data.mesh.root={bodies}")


def as_object(role: str, found: Any, terms: dict[str, str], studies: list[Any]) -> dict[str, Any]:
    """The contract of `gclbench data check --json`."""
    return {
        "role": role,
        "title": found.title,
        "label": found.label,
        "root": str(found.root),
        "layout": found.layout,
        "deep": found.deep,
        "ok": not found.faults,
        "splits": {
            split: _counts(here, published) for split, (here, published) in found.splits.items()
        },
        "faults": [_finding(each) for each in found.faults],
        "remarks": [_finding(each) for each in found.remarks],
        "terms": terms,
        "unlocks": [
            {
                "study": each.study,
                "title": each.title,
                "tasks": list(each.tasks),
                "also_needs": list(each.also),
            }
            for each in studies
        ],
    }


def lines(facts: dict[str, Any]) -> Iterator[str]:
    """What a reader of the terminal sees of `as_object`: the verdict first."""
    faults = facts["faults"]
    many = f"{len(faults)} fault{'s' * (len(faults) != 1)}"
    decoded = "all images decoded" if facts["deep"] else "images not decoded (--deep does)"
    yield f"sound; {decoded}" if facts["ok"] else f"NOT sound: {many}; {decoded}"
    for each in faults:
        yield f"fault: {_described(each)}"
    if facts["layout"]:
        yield f"{facts['title']} ({facts['label']}) in {facts['root']}, layout: {facts['layout']}"
    for split, counts in facts["splits"].items():
        yield f"  {split}: {', '.join(_amounts(counts))}"
    for each in facts["remarks"]:
        yield f"remark: {_described(each)}"
    terms = facts["terms"]
    yield f"source: {terms['source']}"
    yield f"terms: {terms['terms']}"
    if terms["withdrawn"]:
        yield f"withdrawn: {terms['withdrawn']}"
    for study in facts["unlocks"] if facts["layout"] else ():
        also = f"; also needs {', '.join(study['also_needs'])}" if study["also_needs"] else ""
        yield f"takes part in {study['study']} ({', '.join(study['tasks'])}{also})"


def _counts(here: Any, published: Any) -> dict[str, Any]:
    fields = ("images", "tracklets", "identities")
    expected = None
    if published is not None:
        expected = {name: getattr(published, name) for name in fields}
        expected["cameras"] = list(published.cameras) or None
    found = {name: getattr(here, name) for name in fields}
    return {**found, "cameras": list(here.cameras), "published": expected}


def _amounts(counts: dict[str, Any]) -> Iterator[str]:
    published = counts["published"] or {}
    for name in ("tracklets", "images", "identities"):
        if counts[name] is not None:
            known = published.get(name)
            yield f"{counts[name]} {name}" + ("" if known is None else f" (published {known})")
    yield f"{sum(number > 0 for number in counts['cameras'])} cameras"


def _finding(found: Any) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "text": found.text,
        "count": found.count,
        "examples": list(found.examples),
    }


def _described(found: dict[str, Any]) -> str:
    if not found["examples"]:
        return str(found["text"])
    more = found["count"] - len(found["examples"])
    rest = f" and {more} more" if more else ""
    return f"{found['text']}: {', '.join(found['examples'])}{rest}"


def _settings(parsed: SizesWords, content: Content) -> DataSettings:
    from gclbench.content import resolve_settings

    profile = content.profile(parsed.profile)
    return resolve_settings(profile, None, None, None, parsed.settings).data


@contextmanager
def _progress(quiet: bool) -> Iterator[Report]:
    """Give what shows slow work on stderr while it lasts."""
    with screen(stderr=True, quiet=quiet).status("", spinner=SPINNER) as status:

        def report(what: str, done: int, total: int) -> None:
            status.update(f"{what}: {done} of {total}")

        yield report
