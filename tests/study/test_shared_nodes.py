"""What the shipped studies share: rows that mean the same are the same node, on all profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.content import Content
from gclbench.reporting import build_published_table, printed_rows, rows_of
from gclbench.schema.overrides import flatten
from gclbench.study.opened import OpenStudy, open_study
from gclbench.study.question import Question

# Tables that print other papers' systems too, of which some are no rows of ours.
WITH_LITERATURE = ("table8", "table9", "table10")
STUDIES = (
    *("table4", "table5", "table6", "table7"),
    *("fig5", "fig6", "fig7", "fig8", "deviations"),
)
BOTH, ONE = ("duke2market", "market2duke"), ("duke2market",)
# Settings that state what the default is already.
SAME_AS_FULL = (
    ("fig5", "alpha_0.6", BOTH),
    ("table4", "mesh_rotation", BOTH),
    ("table5", "eps_0.50", BOTH),
    ("table7", "vi_vi1_vi2_proto_mix", BOTH),
    ("fig6", "beta_0.2", ONE),
    ("fig6", "tau_0.04", ONE),
    ("fig7", "lambda_recon_5", ONE),
    ("fig7", "lambda_vi_1", ONE),
    ("fig7", "lambda_mix_1", ONE),
    ("deviations", "default", ONE),
)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> OpenStudy:
    """All studies in one plan, at laptop sizes; nothing runs."""
    home = tmp_path_factory.mktemp("plan") / "results"
    return open_study(Question(STUDIES, home, profile="laptop"))


def chain(opened: OpenStudy, study: str, row: str, task: str) -> tuple[str, ...]:
    return opened.plan.chains[f"{study}/{row}/{task}/0"]


@pytest.mark.parametrize("study, row, tasks", SAME_AS_FULL)
def test_the_papers_choice_in_every_study_is_table_6s_last_row(
    every: OpenStudy, study: str, row: str, tasks: tuple[str, ...]
) -> None:
    for task in tasks:
        assert chain(every, study, row, task) == chain(every, "table6", "rotation_dmixup", task)


@pytest.mark.parametrize("task", BOTH)
def test_table_7s_third_row_is_table_6s_rotation(every: OpenStudy, task: str) -> None:
    ours = chain(every, "table7", "vi_vi1_vi2", task)
    assert ours == chain(every, "table6", "rotation", task)


@pytest.mark.parametrize(
    "row, other", [("trad", "multi"), ("rot", "rotation"), ("full", "rotation_dmixup")]
)
def test_figure_8s_rows_are_table_6s_on_market(every: OpenStudy, row: str, other: str) -> None:
    ours = chain(every, "fig8", row, "market1501")
    assert ours == chain(every, "table6", other, "market1501")


def test_rows_share_a_run_only_where_they_mean_the_same(every: OpenStudy) -> None:
    groups: dict[str, set[tuple[str, str]]] = {}
    for cell in every.cells:
        groups.setdefault(every.plan.evaluate_key(cell), set()).add((cell.study, cell.row.key))
    full = {("table6", "rotation_dmixup"), *((study, row) for study, row, _ in SAME_AS_FULL)}
    shared = {frozenset(group - full) for group in groups.values() if len(group) > 1}
    assert shared - {frozenset(), frozenset({("fig8", "full")})} == {
        frozenset({("table6", "rotation"), ("table7", "vi_vi1_vi2")}),
        frozenset({("table6", "rotation"), ("fig8", "rot")}),
        frozenset({("table6", "multi"), ("fig8", "trad")}),
        frozenset({("table5", "eps_0.55"), ("deviations", "d15_eps_055")}),
    }


def test_sharing_leaves_about_a_third_of_the_stage_runs(every: OpenStudy) -> None:
    unique, requested = every.plan.unique, every.plan.requested
    assert (sum(unique.values()), sum(requested.values())) == (204, 626)
    assert sum(unique.values()) / sum(requested.values()) <= 0.55
    assert (unique["pretrain"], unique["source"], unique["warmup"]) == (1, 2, 4)


def test_figure_5_and_table_5_train_no_generator_of_their_own(every: OpenStudy) -> None:
    gans = {study: set() for study in STUDIES}
    by_key = {node.key: node for node in every.plan.nodes}
    for cell in every.cells:
        gans[cell.study] |= {key for key in every.plan.chain(cell) if by_key[key].stage == "gan"}
    assert gans["fig5"] == gans["table5"] == gans["table7"] <= gans["table6"]
    assert len(gans["fig7"] - gans["table6"]) == 3  # lambda_recon weighs L_gan in stage 2 too
    assert len(gans["table4"] - gans["table6"]) == 4  # two switches, two tasks


def test_every_deviation_is_one_setting_away_from_the_default(every: OpenStudy) -> None:
    cells = {cell.row.key: cell for cell in every.cells if cell.study == "deviations"}
    default = cells.pop("default")
    before = flatten(default.settings.model_dump(mode="json"))
    for key, cell in cells.items():
        after = flatten(cell.settings.model_dump(mode="json"))
        moved = [name for name in after if after[name] != before[name]]
        assert len(moved) == 1, (key, moved)
        assert moved == list(cell.row.set), key
        assert every.plan.evaluate_key(cell) != every.plan.evaluate_key(default), key
    assert len(cells) == 14


def test_no_two_deviations_are_the_same_run(every: OpenStudy) -> None:
    keys = [every.plan.evaluate_key(c) for c in every.cells if c.study == "deviations"]
    assert len(set(keys)) == len(keys) == 15


STATE_OF_THE_ART = (
    *(("table8", "jvtc", task, "table6", "baseline") for task in ("market1501", "dukemtmc-reid")),
    *(("table9", "jvtc", task, "table6", "baseline") for task in BOTH),
    ("table8", "gcl_jvtc", "market1501", "table6", "rotation"),
    ("table8", "gclplus_jvtc", "market1501", "table6", "rotation_dmixup"),
    *(("table9", "gclplus_jvtc", task, "table6", "rotation_dmixup") for task in BOTH),
    ("table8", "jvtc", "msmt17", "msmt17", "baseline"),
    ("table8", "gcl_jvtc", "msmt17", "msmt17", "rotation"),
    ("table8", "gclplus_jvtc", "msmt17", "msmt17", "rotation_dmixup"),
)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> OpenStudy:
    """Tables 8 and 9 beside the studies that they share rows with."""
    home = tmp_path_factory.mktemp("plan") / "results"
    return open_study(Question(("table6", "table8", "table9", "msmt17"), home, seeds=(0,)))


@pytest.mark.parametrize("study, row, task, other, its_row", STATE_OF_THE_ART)
def test_tables_8_and_9_take_their_rows_from_other_studies(
    compared: OpenStudy, study: str, row: str, task: str, other: str, its_row: str
) -> None:
    assert chain(compared, study, row, task) == chain(compared, other, its_row, task)


def test_a_plus_behind_jvtc_is_another_evaluation_of_the_same_encoder(compared: OpenStudy) -> None:
    plain = {"jvtc_plus": "jvtc", "gcl_jvtc_plus": "gcl_jvtc", "gclplus_jvtc_plus": "gclplus_jvtc"}
    timed = [cell for cell in compared.cells if cell.row.key in plain]
    assert len(timed) == 3 * (3 + 4)
    for cell in timed:
        ours = compared.plan.chain(cell)
        alone = chain(compared, cell.study, plain[cell.row.key], cell.task.name)
        assert ours[:-1] == alone[:-1]
        assert ours[-1] != alone[-1]
        bins = compared.plan.node(ours[-1]).settings["evaluate"]["camera_time_model"]["frame_bin"]
        assert bins == (1 if cell.task.target == "msmt17" else 100)


def shipped() -> list[str]:
    content = Content(environment={}, shipped=Path(__file__).resolve().parents[2])
    return [name for name in content.names("ablations") if content.study(name).report is not None]


@pytest.mark.parametrize("name", shipped())
def test_a_layout_shows_the_studys_tasks_and_the_papers_rows(name: str) -> None:
    content = Content(environment={}, shipped=Path(__file__).resolve().parents[2])
    study = content.study(name)
    layout = content.layout(str(study.report))
    tasks = [task.name for task in study.tasks]
    assert sorted(task for panel in layout.panels for task in panel.tasks) == sorted(tasks)
    axes = {axis.name for sweep in study.sweeps for axis in sweep.axes} | {"epoch"}
    assert {plot.axis for plot in layout.plots} <= axes
    if layout.published is None:
        return
    numbers = content.published(layout.published)
    rows = {row.key for row in study.rows if not row.control and not row.columns}
    printed_keys = {number.row_key for number in numbers}
    assert rows < printed_keys if name in WITH_LITERATURE else rows == printed_keys
    assert {number.dataset for number in numbers} == set(tasks)
    assert set(layout.metrics) == {number.metric for number in numbers}
    known = printed_rows(rows_of(study.rows, numbers), numbers, {row.key for row in study.rows})
    table = build_published_table(layout, known, study.tasks, numbers)
    assert table is not None
    printed = [e.text for panel in table.panels for line in panel.lines for e in line.entries]
    assert sorted(printed) == sorted(number.printed for number in numbers)
