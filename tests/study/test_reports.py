"""The report that a run ends with is looked at when its plan is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.cli.app import main
from gclbench.content import Content
from gclbench.errors import ContentError, UnknownNameError
from gclbench.plan import Cell, build_cells
from gclbench.reporting.render import check_templates
from gclbench.schema import Study
from gclbench.study.reports import check_report

STUDY = """
study: mine
title: Mine
recipe: gcl_plus
report: mine
tasks:
  - {name: market1501, setting: usl, label: Market, target: market1501}
rows:
  - {key: a, label: A, columns: {word: x}}
sweeps:
  - axes:
      - {name: eps, settings: [joint.pseudo_labels.eps], values: [0.4, 0.5], key: "eps_{}"}
      - {name: rule, settings: [joint.pseudo_labels.eps_rule], values: [rho], key: "{}"}
"""
LAYOUT = """report: mine
title: Mine
caption: Words.
panels: [{title: P, tasks: [market1501]}]
"""
PUBLISHED = "table,row_key,setting,dataset,metric,value,word\nmine,a,usl,market1501,mAP,1.0,x\n"


def write(folder: Path, layout: str, published: str = PUBLISHED) -> Content:
    files = {
        "ablations/mine.yaml": STUDY,
        "reports/mine.yaml": layout,
        "baselines/published/mine.csv": published,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return Content([folder], environment={})


def parts(content: Content, name: str = "mine") -> tuple[Study, list[Cell]]:
    study = content.study(name)
    cells = build_cells(
        study, content.recipe(study.recipe), None, searching=study.search is not None
    )
    return study, cells


@pytest.mark.parametrize("name", Content(environment={}).names("ablations"))
def test_every_report_that_is_shipped_can_be_made(name: str) -> None:
    content = Content(environment={})
    check_report(content, *parts(content, name))


def test_a_layout_that_fits_is_fine(tmp_path: Path) -> None:
    layout = LAYOUT + (
        "published: mine\ntexts: [{column: word, label: W}]\nrow_groups: {a: G}\n"
        "plots: [{axis: eps, label: e, metrics: [mAP]}, {axis: epoch, label: e, metrics: [N]}]\n"
    )
    content = write(tmp_path, layout)
    check_report(content, *parts(content))


@pytest.mark.parametrize(
    ("layout", "line", "says"),
    [
        (LAYOUT.replace("caption: Words.\n", ""), 1, "caption: this key is missing"),
        (LAYOUT.replace("caption", "captoin"), 3, "Did you mean 'caption'"),
        (LAYOUT.replace("market1501", "msmt17"), 4, "no panel shows the task 'market1501'"),
        (
            LAYOUT + "published: mine\nflags: [{column: wrod, label: W}]\n",
            6,
            "unknown column 'wrod'. Did you mean 'word'",
        ),
        (LAYOUT + "texts:\n  - {column: gone, label: W}\n", 6, "unknown column 'gone'"),
        (LAYOUT + "row_groups:\n  a: G\n  b: G\n", 7, "unknown row 'b'"),
        (
            LAYOUT + "plots: [{axis: esp, label: e, metrics: [mAP]}]\n",
            5,
            "unknown axis 'esp'. Did you mean 'eps'",
        ),
        (LAYOUT + "plots: [{axis: rule, label: e, metrics: [mAP]}]\n", 5, "are no numbers"),
        (
            LAYOUT + "plots: [{axis: epoch, label: e, metrics: [R5]}]\n",
            5,
            "unknown metric of an epoch 'R5'",
        ),
    ],
)
def test_a_layout_that_does_not_fit_is_named_with_its_line(
    tmp_path: Path, layout: str, line: int, says: str
) -> None:
    content = write(tmp_path, layout)
    with pytest.raises(ContentError) as caught:
        check_report(content, *parts(content))
    assert f"mine.yaml:{line}: " in str(caught.value)
    assert says in str(caught.value)


def test_published_numbers_are_read(tmp_path: Path) -> None:
    content = write(tmp_path, f"{LAYOUT}published: mine\n", PUBLISHED.replace("1.0", "one"))
    with pytest.raises(ContentError, match=r"mine\.csv:2: value: 'one' is not a number"):
        check_report(content, *parts(content))


def test_a_table_that_nobody_published(tmp_path: Path) -> None:
    content = write(tmp_path, f"{LAYOUT}published: other\n")
    with pytest.raises(UnknownNameError, match="published table 'other'"):
        check_report(content, *parts(content))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<% for t in tables %>", "Unexpected end of template"),
        ("ok\n<< tables|shout >>", "No filter named 'shout'"),
        ("<< tabels >>", "there is no 'tabels', only tables"),
    ],
)
def test_a_template_is_translated_and_not_run(tmp_path: Path, text: str, says: str) -> None:
    folder = tmp_path / "reports" / "templates"
    folder.mkdir(parents=True)
    (folder / "table.html.jinja").write_text(text, encoding="utf-8")
    folders = [tmp_path, *Content(environment={}).folders]
    with pytest.raises(ContentError, match=r"table\.html\.jinja") as caught:
        check_templates(folders)
    assert says in str(caught.value)


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_wrong_layout_ends_a_verb_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    write(tmp_path / "mine", LAYOUT.replace("caption: Words.\n", ""))
    home, content = tmp_path / "results", str(tmp_path / "mine")
    words = ["ablation=mine", "profile=smoke", f"home={home}", "--content", content]
    assert main([verb, *words]) == 2
    assert "mine.yaml:1: caption: this key is missing" in capsys.readouterr().err
    assert not home.exists()
