"""A folder of content that means harm: no code runs, nothing hangs, one clear line says where."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gclbench.cli.app import main
from gclbench.content import Content, load_layout, load_published, load_recipe, load_study
from gclbench.content_folders import MAX_BYTES
from gclbench.errors import ContentError, GclbenchError
from gclbench.plain_yaml import MAX_BYTES as MAX_YAML
from gclbench.plain_yaml import read_text
from tests.mutations import mutations

ROOT = Path(__file__).resolve().parents[1]
STUDY = (
    "study: mine\ntitle: T\nrecipe: gcl_plus\nreport: table6\n"
    "tasks: [{name: market1501, setting: usl, label: M, target: market1501}]\n"
    "rows: [{key: baseline, label: B}]\n"
)
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
BOMBS = {
    "a billion laughs": LAUGHS,
    "an alias of itself": "a: &a [*a]\n",
    "a mapping of itself": "a: &a {b: *a}\n",
    "deep lists": "a: " + "[" * 5000 + "]" * 5000,
    "deep mappings": "a: " + "{b: " * 3000 + "1" + "}" * 3000,
    "deep blocks": "".join(" " * i + "a:\n" for i in range(800)),
    "a giant whole number": "seeds: [" + "9" * 5000 + "]\n",
    "more than 64 bits": f"seeds: [{2**64}]\n",
    "a hex giant": "seeds: [0x" + "f" * 5000 + "]\n",
    "python code": "study: !!python/object/apply:os.system ['touch owned']\n",
    "a python name": "study: !!python/name:os.system\n",
    "a tagged mapping": "study: !!python/object:os.system {a: 1}\n",
    "a set": "study: !!set {a, b}\n",
    "an own tag": "study: !owned 1\n",
    "a wrong whole number": "study: !!int abc\n",
    "a wrong switch": "study: !!bool maybe\n",
    "a wrong number": "study: !!float [1]\n",
    "bytes": "study: !!binary aGVsbG8=\n",
    "a date": "study: 2024-01-01\n",
    "a key twice": "study: a\nstudy: b\n",
    "a merge": "a: &a {b: 1}\nc: {<<: *a}\n",
    "a merge of itself": "a: &a {<<: *a}\n",
    "a list as key": "? [a, b]\n: c\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "zeros": "a: \x00\n",
    "an anchor of none": "a: *nobody\n",
    "open quotes": 'a: "b\n',
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_yaml_goes_off(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    began = time.process_time()
    with pytest.raises(ContentError) as caught:
        read_text(BOMBS[name], "mine.yaml")
    assert time.process_time() - began < 20
    assert str(caught.value).startswith("mine.yaml")
    assert len(str(caught.value)) < 400
    assert list(tmp_path.iterdir()) == []


def study_with(line: str) -> str:
    return STUDY.replace("rows: [{key: baseline, label: B}]", line)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('rows: [{key: "a,b", label: B}]', r"mine\.yaml:6: rows\[1\]\.key: .*cannot have ,"),
        ("rows: [{key: a/../b, label: B}]", r":6: rows\[1\]\.key: .*cannot have /"),
        ("rows: [{key: 'a:b', label: B}]", r":6: rows\[1\]\.key: .*cannot have :"),
        ('rows: [{key: "", label: B}]', r":6: rows\[1\]\.key: .*no name"),
        ('rows: [{key: "\\e[2J", label: B}]', r":6: rows\[1\]\.key"),
        ("rows: [{key: ..a, label: B}]", r":6: rows\[1\]\.key: .*no name"),
        (
            "sweeps: [{axes: [{name: e, settings: [joint.temperature], values: [1], "
            "key: 'a,{}'}]}]",
            r":6: sweeps\[1\]\.axes\[1\]: .*cannot have ,",
        ),
        (
            "sweeps: [{axes: [{name: e, settings: [joint.temperature], values: [1], "
            "key: '{:>999999999}'}]}]",
            r":6: sweeps\[1\]\.axes\[1\]: .*wider than 50",
        ),
        (
            "sweeps: [{axes: [{name: e, settings: [joint.temperature], values: [1], "
            "key: '{0.__class__}'}]}]",
            r":6: sweeps\[1\]\.axes\[1\]: .*neither a value nor an item",
        ),
        (
            "sweeps: [{axes: ["
            + ", ".join(
                f"{{name: {n}, settings: [joint.{n}], values: {list(range(50))}, key: '{n}{{}}'}}"
                for n in ("temperature", "epochs", "momentum", "batch_size")
            )
            + "]}]",
            r":6: sweeps\[1\]: .*at most 10,000 rows",
        ),
    ],
)  # fmt: skip
def test_names_that_words_cannot_say_and_bombs_of_sweeps(
    tmp_path: Path, line: str, says: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(study_with(line), encoding="utf-8")
    with pytest.raises(ContentError, match=says):
        load_study(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine" / "ablations").mkdir(parents=True)
    (tmp_path / "mine" / "ablations" / "mine.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path / "mine"


def linked(file: Path) -> None:
    outside = file.parents[2] / "secret.yaml"
    outside.write_text("password: x\n")
    file.symlink_to(outside)


def huge(file: Path) -> None:
    with file.open("wb") as handle:
        handle.truncate(3 * max(MAX_BYTES, MAX_YAML))


STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link out": (linked, "a link that leads out of the content folder"),
    "a broken link out": (lambda file: file.symlink_to("/nowhere/x"), "a link that leads out"),
    "a link to a device": (lambda file: file.symlink_to("/dev/zero"), "a link that leads out"),
    "a link in a circle": (lambda file: file.symlink_to(file), "odd.yaml"),
    "a pipe": (os.mkfifo, "no plain file"),
    "a folder": (Path.mkdir, "(Is a directory)"),
    "a huge file": (huge, "more than 300,000 bytes"),
    "no text": (lambda file: file.write_bytes(b"\xff\xfe\xfa\x00"), "odd.yaml"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_file_of_content_is_refused_by_name(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, says = STRANGE[name]
    make(folder / "ablations" / "odd.yaml")
    assert main(["show", "ablations", "odd", "--content", str(folder)]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "odd.yaml" in err
    assert "password" not in err
    assert err.count("\n") == 1


def test_links_inside_of_a_folder_are_files_of_it(folder: Path) -> None:
    (folder / "shared.yaml").write_text(STUDY.replace("mine", "twin"))
    (folder / "ablations" / "twin.yaml").symlink_to(folder / "shared.yaml")
    assert Content([folder], environment={}).study("twin").study == "twin"


def test_names_that_a_terminal_would_obey_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (b"\x1b[2J", b"a\nb", b"caf\xe9"):
        path = os.path.join(os.fsencode(folder / "ablations"), name + b".yaml")
        with open(path, "wb") as handle:
            handle.write(b"study: [\n")
    assert main(["list", "ablations", "--content", str(folder)]) == 2
    assert "\\x1b[2J.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_template_that_wants_out_ends_before_anything_runs(
    folder: Path, verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    templates = folder / "reports" / "templates"
    templates.mkdir(parents=True)
    text = "\n<< cycler.__init__.__globals__.os.popen('touch owned').read() >>"
    (templates / "table.html.jinja").write_text(text)
    home = folder / "home"
    words = ["ablation=mine", "profile=smoke", f"home={home}", "--content", str(folder)]
    assert main([verb, *words]) == 2
    assert "table.html.jinja" in capsys.readouterr().err
    assert not (folder / "owned").exists()
    assert not home.exists()


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "ablations/table5.yaml": ("study", load_study),
    "ablations/dbscan_eps.yaml": ("search", load_study),
    "baselines/gcl_plus.yaml": ("recipe", load_recipe),
    "reports/table6.yaml": ("layout", load_layout),
    "baselines/published/table6.csv": ("published", load_published),
}


def fuzz(name: str, tmp_path: Path, count: int, seed: int) -> None:
    """Every damaged copy is read, or refused by an error of ours that names the file."""
    source = ROOT / name
    file = tmp_path / source.name
    unnamed: list[str] = []
    for data in mutations(source.read_bytes(), count, seed):
        file.write_bytes(data)
        try:
            READERS[name][1](file)
        except GclbenchError as error:
            unnamed += [str(error)] if file.name not in str(error) else []
    assert unnamed == []


@pytest.mark.parametrize("name", READERS)
def test_damaged_content_is_read_or_refused(name: str, tmp_path: Path) -> None:
    fuzz(name, tmp_path, 30, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_much_damaged_content_is_read_or_refused(name: str, tmp_path: Path) -> None:
    fuzz(name, tmp_path, 300, 1)
