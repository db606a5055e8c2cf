"""`gclbench export` and `gclbench import` as a user meets them, over real plans."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gclbench.study.opened import OpenStudy, open_study
from gclbench.study.question import Question
from gclbench.testing.artifacts import rewrite
from gclbench.tracking import RunStore

Cli = Callable[..., tuple[int, str, str]]
SCORES = {"mAP": 40.0, "R1": 60.0, "R5": 80.0, "R10": 90.0}
WORDS = ("profile=smoke", "rows=none", "tasks=market1501")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home where one cell is finished for seeds 0 and 1."""
    folder = tmp_path / "home"
    request = Question(("table6",), folder, "smoke", (0, 1), ("none",), ("market1501",))
    opened = open_study(request)
    for node in opened.plan.nodes:
        with opened.artifacts.workspace(node) as space:
            scores = {name: value + node.seed for name, value in SCORES.items()}
            ap = scores["mAP"] / 100 + np.array([-0.1, 0.1])
            np.savez(space.folder / "per_query.npz", ap=ap)
            space.commit(node.record(metrics=scores))
    remember(opened)
    return folder


def remember(opened: OpenStudy) -> None:
    store = RunStore(opened.store_url)
    place = {"study": "table6", "profile": "smoke", "overrides": {}, "task": "market1501"}
    for cell in opened.cells:
        key = opened.plan.evaluate_key(cell)
        store.remember([{**place, "row": cell.row.key, "seed": cell.seed, "node_key": key}])
    store.close()


def test_there_and_back(cli: Cli, home: Path, tmp_path: Path) -> None:
    out, new = tmp_path / "p.tar.gz", tmp_path / "new"
    code, text, err = cli("export", "table6", f"out={out}", f"home={home}", *WORDS)
    assert (code, err) == (0, "")
    assert text.startswith(f"wrote {out}: 8 of 8 stage runs, ")
    code, text, err = cli("import", str(out), f"home={new}")
    assert (code, err) == (0, "")
    assert text == "8 artifacts added, 0 already there; 0 runs added.\n"
    reports = [cli("report", "table6", *WORDS, f"home={place}") for place in (home, new)]
    assert reports[0] == reports[1]
    assert "Seeds: 0, 1" in reports[0][1]
    code, text, err = cli("run", "ablation=table6", "seeds=0,1", *WORDS, f"home={new}")
    assert (code, err) == (0, "")
    assert code == 0
    assert "Everything was reused" in text
    assert cli("import", str(out), f"home={new}")[1].startswith("0 artifacts added, 8 already")


def test_an_artifact_with_other_bytes_is_kept_and_named(
    cli: Cli, home: Path, tmp_path: Path
) -> None:
    out, new = tmp_path / "p.tar", tmp_path / "new"
    cli("export", f"out={out}", "ablation=table6", f"home={home}", *WORDS, "seeds=0")
    cli("import", str(out), f"home={new}")
    path = next(new.glob("artifacts/joint/*/manifest.json"))
    other = json.loads(path.read_text())
    rewrite(path.parent, files={}, label="joint \x1b[2J")
    code, text, err = cli("import", str(out), f"home={new}")
    assert code == 5
    assert "0 artifacts added, 3 already there" in text
    assert err == (
        f"error: joint none market1501 seed 0 ({other['key'][:12]}) differs from the one that is "
        "here; it was left out.\n"
    )
    assert json.loads(path.read_text())["files"] == {}


def test_a_damaged_artifact_is_replaced_and_it_is_said(
    cli: Cli, home: Path, tmp_path: Path
) -> None:
    out, new = tmp_path / "p.tar", tmp_path / "new"
    cli("export", f"out={out}", "ablation=table6", f"home={home}", *WORDS, "seeds=0")
    cli("import", str(out), f"home={new}")
    path = next(new.glob("artifacts/joint/*/per_query.npz"))
    path.write_bytes(b"changed")
    code, text, err = cli("import", str(out), f"home={new}")
    assert code == 0
    assert "1 artifacts added, 3 already there" in text
    assert err.startswith("note: joint none market1501 seed 0")
    assert "takes the place of a damaged one, which is set aside" in err
    kept = path.parent.with_name(f"{path.parent.name}.damaged-1")
    assert (kept / path.name).read_bytes() == b"changed"


@pytest.mark.parametrize(
    "words,code,part",
    [
        (("export", "out=p.tar"), 2, "no study is named"),
        (("export", "table6", "profile=smoke"), 2, "out=table6.tar.gz"),
        (("export", "tabel6", "out=p.tar"), 2, "Did you mean 'table6'"),
        (("export", "table6", "out=p.zip"), 2, "not the name of a parcel"),
        (("export", "table6", "ablation=table4", "out=p.tar"), 2, "both given"),
        (("export", "table6", "out=p.tar", "format=csv"), 2, "unknown word 'format'"),
        (("export", "table6", "out=p.tar", "profile=smoke"), 3, "nothing of table6 is finished"),
        (("import",), 2, "gclbench import table6.tar.gz"),
        (("import", "a.tar", "b.tar"), 2, "2 values of file="),
        (("import", "none.tar"), 3, "no file none.tar"),
        (("import", "none.tar", "seeds=0"), 2, "unknown word 'seeds'"),
    ],
)
def test_wrong_words_are_one_line(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int, part: str
) -> None:
    found, out, err = cli(*words, f"home={tmp_path / 'empty'}")
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert part in err
    assert not (tmp_path / "empty").exists()


def test_a_file_that_is_no_parcel_is_one_line_and_exit_3(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "p.tar.gz"
    path.write_bytes(b"a letter")
    code, _, err = cli("import", str(path), f"home={tmp_path / 'new'}")
    assert code == 3
    assert str(path) in err
    assert err.count("\n") == 1
