from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.content import Content, load_layout, load_profile, load_recipe, load_study, read_yaml
from gclbench.errors import ContentError, DataMissingError, UnknownNameError
from gclbench.schema import Stage

STUDY = """\
study: mini
title: A study
recipe: gcl_plus
report: mini
seeds: [0, 1]
set:
  joint.epochs: 3
  joint: {pseudo_labels: {eps: 0.4}}
tasks:
  - {name: market1501, setting: usl, label: Market, target: market1501}
  - {name: duke2market, setting: uda, label: D2M, target: market1501, source: dukemtmc_reid}
rows:
  - {key: base, label: Base, stop: warmup}
  - key: full
    label: Full
    set:
      joint.augmentations: [rotation, d_mixup]
criteria:
  - {name: gain, row: full, minus: base, at_least: 0}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def study_with(tmp_path: Path, old: str, new: str) -> Path:
    assert old in STUDY
    return write(tmp_path, "ablations/mini.yaml", STUDY.replace(old, new))


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(STUDY.splitlines(), 1) if text in line)


def test_a_study_is_read_with_its_rows_tasks_and_settings(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, "ablations/mini.yaml", STUDY))
    assert [row.key for row in study.rows] == ["base", "full"]
    assert study.rows[0].stop is Stage.WARMUP
    assert study.rows[1].set == {"joint.augmentations": ["rotation", "d_mixup"]}
    assert study.tasks[1].source == "dukemtmc_reid"
    assert study.seeds == (0, 1)


# Lists of nine aliases of lists of nine aliases ...: a few hundred letters, 86 million values.
BOMB = (
    "[&a0 [x, x], "
    + ", ".join(f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))
    + "]"
)


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        ("seeds:", "seds:", 5, ["seds: unknown key", "Did you mean 'seeds'?"]),
        ("seeds: [0, 1]", "seeds: [0, one]", 5, ["seeds[2]", "valid integer"]),
        ("title: A study\n", "", 1, ["title: this key is missing"]),
        ("stop: warmup", "stop: warmpu", 13, ["rows[1].stop", "'warmup'"]),
        ("label: Full", "lable: Full", 15, ["rows[2].lable", "Did you mean 'label'?"]),
        ("joint.epochs: 3", "joint.epoch: 3", 7, ["Did you mean 'joint.epochs'?"]),
        ("eps: 0.4", "eps: 1.4", 8, ["pseudo_labels.eps", "1.4: input should be less than 1"]),
        ("joint.epochs: 3", "joint.epochs: three", 7, ["'three'", "valid integer"]),
        ("joint.epochs: 3", "joint.epochs: true", 7, ["not a switch"]),
        (
            "Market, target: market1501",
            "M, target: market1501, set: {joint.epoch: 3}",
            10,
            ["tasks[1].set.joint.epoch", "Did you mean 'joint.epochs'?"],
        ),
        (
            "label: Full",
            "label: Full\n    tasks: [market1502]",
            16,
            ["rows[2].tasks: unknown task 'market1502'", "Did you mean 'market1501'?"],
        ),
        ("joint.epochs: 3", "joint.lr: .inf", 7, ["must be finite"]),
        ("joint.epochs: 3", "joint.pseudo_labels.eps: 0.3", 8, ["is set twice"]),
        ("[rotation, d_mixup]", "[rotation, rotation]", 17, ["twice: rotation, rotation"]),
        ("row: full", "row: fill", 19, ["unknown row 'fill'", "Did you mean 'full'?"]),
        ("study: mini", "study: maxi", 1, ["does not match the file's name 'mini'"]),
        ("title: A study", "title: A study\ntitle: B", 3, ["this key stands twice"]),
        ("title: A study", "title: !!python/name:os.system x", 2, ["are not allowed"]),
        ("title: A study", "title: 2020-01-01", 2, ["'timestamp' are not allowed"]),
        ("title: A study", "title: &t [*t]", 2, ["nested too deeply"]),
        ("title: A study", f"title: {BOMB}", 2, ["over 100000 values"]),
        ("title: A study", "title: [", 2, ["syntax"]),
        ("title: A study", "<<: {title: A}", 2, ["keys must be plain words"]),
        ("key: full", "key: base", 12, ["two rows have the same name"]),
    ],
)
def test_a_wrong_study_names_file_line_key_and_the_nearest_word(
    tmp_path: Path, old: str, new: str, line: int, words: list[str]
) -> None:
    path = study_with(tmp_path, old, new)
    with pytest.raises(ContentError) as caught:
        load_study(path)
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    if "same name" not in words[0] and "syntax" not in words[0]:
        assert text.startswith(f"{path}:{line}: ")


SWEPT = """\
study: mini
title: A study
recipe: gcl_plus
report: mini
tasks:
  - {name: market1501, setting: usl, label: Market, target: market1501}
rows:
  - {key: full, label: Full}
sweeps:
  - set: {joint.augmentations: [rotation]}
    axes:
      - name: memory
        settings: [joint.memory_momentum, joint.temperature]
        values:
          - [0.4, 0.06]
          - [0.6, 0.08]
        key: "memory_{0[0]}"
        label: "beta {0[0]}, tau {0[1]}"
criteria:
  - {name: gain, row: memory_0.6, minus: full, at_least: 0}
"""
SEARCH = """\
study: mini
title: A search
recipe: gcl_plus
tasks:
  - {name: market1501, setting: usl, label: Market, target: market1501}
rows:
  - {key: full, label: Full}
search:
  space:
    joint.temperature: {low: 0.01, high: 0.2, log: true}
    joint.batch_size: {choices: [8, 16]}
"""


def test_a_swept_row_can_be_named_by_a_criterion(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, "ablations/mini.yaml", SWEPT))
    assert [row.key for row in study.rows] == ["full", "memory_0.4", "memory_0.6"]
    assert study.rows[2].set == {
        "joint.augmentations": ["rotation"],
        "joint.memory_momentum": 0.6,
        "joint.temperature": 0.08,
    }


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        (
            "joint.temperature]",
            "joint.temprature]",
            15,
            ["sweeps[1].axes[1].values[1]: unknown setting", "Did you mean 'joint.temperature'?"],
        ),
        (
            "[0.6, 0.08]",
            "[0.6, warm]",
            16,
            ["sweeps[1].axes[1].values[2]: joint.temperature: 'warm'", "valid number"],
        ),
        ("[0.6, 0.08]", "[1.6, 0.08]", 16, ["values[2]: joint.memory_momentum: 1.6", "less than"]),
        ("[0.6, 0.08]", "[0.6, true]", 16, ["values[2]: joint.temperature: true", "not a switch"]),
        ("[0.6, 0.08]", "[0.6]", 12, ["sweeps[1].axes[1]: [0.6] does not set 2 settings"]),
        (
            "settings:",
            "setings:",
            13,
            ["axes[1].setings: unknown key", "mean 'settings'?"],
        ),
        ("    axes:", "    axis:", 11, ["sweeps[1].axis: unknown key", "Did you mean 'axes'?"]),
        (
            "{joint.augmentations:",
            "{joint.augmentation:",
            10,
            ["sweeps[1].set", "augmentations'?"],
        ),
        ("{joint.augmentations: [rotation]}", "{joint.temperature: 0.1}", 10, ["stands twice"]),
        ("key: full", "key: memory_0.4", 1, ["two rows have the same name, 'memory_0.4'"]),
        ('"memory_{0[0]}"', '"memory"', 12, ["two values of memory have the same key"]),
        ('"memory_{0[0]}"', '"memory_{0.x}"', 12, ["cannot be written as 'memory_{0.x}'"]),
        ("row: memory_0.6", "row: memory_06", 20, ["unknown row", "Did you mean 'memory_0.6'?"]),
    ],
)
def test_a_wrong_sweep_names_file_line_key_and_the_nearest_word(
    tmp_path: Path, old: str, new: str, line: int, words: list[str]
) -> None:
    assert SWEPT.count(old) == 1
    path = write(tmp_path, "ablations/mini.yaml", SWEPT.replace(old, new))
    with pytest.raises(ContentError) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        ("joint.temperature", "joint.temprature", 10, ["Did you mean 'joint.temperature'?"]),
        ("low: 0.01", "lwo: 0.01", 10, ["joint.temperature.lwo: unknown key", "mean 'low'?"]),
        ("low: 0.01", "low: 0.5", 10, ["joint.temperature: low must be below high"]),
        ("low: 0.01", "low: .nan", 10, ["joint.temperature.low: input should be a finite"]),
        ("log: true", "whole: true", 10, ["low must be a whole number, not 0.01"]),
        ("{choices: [8, 16]}", "{low: 8, high: 16}", 11, ["whole numbers alone: add whole"]),
        ("{choices: [8, 16]}", "{low: 8, high: 16, step: 0.5}", 11, ["add whole: true"]),
        ("[8, 16]", "[8, 8.0]", 11, ["8.0 is there twice: it equals 8"]),
        ("[8, 16]", "[]", 11, ["give either choices, or low and high"]),
        ("[8, 16]", "[8, many]", 11, ["joint.batch_size: 'many'", "valid integer"]),
        ("search:", "serach:", 8, ["serach: unknown key", "Did you mean 'search'?"]),
        ("  space:", "  spaces:", 9, ["search.spaces: unknown key", "Did you mean 'space'?"]),
    ],
)
def test_a_wrong_search_names_file_line_key_and_the_nearest_word(
    tmp_path: Path, old: str, new: str, line: int, words: list[str]
) -> None:
    assert SEARCH.count(old) == 1
    path = write(tmp_path, "ablations/mini.yaml", SEARCH.replace(old, new))
    with pytest.raises(ContentError) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    for word in words:
        assert word in str(caught.value)


def test_a_uda_task_without_a_source_is_refused(tmp_path: Path) -> None:
    path = study_with(tmp_path, ", source: dukemtmc_reid", "")
    with pytest.raises(ContentError, match=r"tasks\[2\]: a uda task names a source"):
        load_study(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="must be a mapping"):
        load_study(write(tmp_path, "ablations/mini.yaml", "# nothing\n"))


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mini.yaml"
    path.write_bytes(b"study: \xff\xfe")
    with pytest.raises(ContentError, match="syntax"):
        load_study(path)


def test_numbers_without_a_point_and_plain_words_keep_their_type(tmp_path: Path) -> None:
    data, lines = read_yaml(write(tmp_path, "x.yaml", "a: 1e-4\nb: no\nc: ~\nd: 010\ne: [true]\n"))
    assert data == {"a": 1e-4, "b": "no", "c": None, "d": 10, "e": [True]}
    assert lines[("e", 0)] == 5


def test_recipe_profile_and_layout_are_read(tmp_path: Path) -> None:
    recipe = write(
        tmp_path,
        "gcl_plus.yaml",
        "recipe: gcl_plus\ntitle: GCL+\nreference: R\nsetting: usl\nruns_here: true\n"
        "set: {joint.epochs: 2}\n",
    )
    profile = write(
        tmp_path, "tiny.yaml", "profile: tiny\ntitle: T\nthreads: 2\nset: {data.height_px: 64}\n"
    )
    layout = write(
        tmp_path,
        "mini.yaml",
        "report: mini\ntitle: T\ncaption: C\npanels: [{title: P, tasks: [market1501]}]\n",
    )
    assert load_recipe(recipe).set == {"joint.epochs": 2}
    assert load_profile(profile).threads == 2
    assert load_layout(layout).panels[0].tasks == ("market1501",)


PRINTED = "recipe: old\ntitle: Old\nreference: R\nsetting: usl\nruns_here: false\n"


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "names its published rows"),
        ("published: {table8: []}\n", "at least 1 item"),
        ("published: {table8: [ecn]}\nset: {joint.epochs: 2}\n", "has no settings"),
    ],
)
def test_a_system_known_by_numbers_names_them_and_sets_nothing(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ContentError, match=words):
        load_recipe(write(tmp_path, "old.yaml", PRINTED + text))


def test_a_link_to_a_row_that_nobody_printed_names_file_and_nearest_row(tmp_path: Path) -> None:
    folder = write(
        tmp_path, "mine/baselines/old.yaml", PRINTED + "published: {table8: [buc, softsin]}\n"
    ).parents[1]
    here = Content([folder], environment={})
    with pytest.raises(ContentError, match=r"old\.yaml.*'softsin'.*Did you mean 'softsim'"):
        here.published_of(here.recipe("old"))
    recipe = here.recipe("old").model_copy(update={"published": {"table8": ("buc",)}})
    assert {number.row_key for number in here.published_of(recipe)} == {"buc"}
    lost = recipe.model_copy(update={"published": {"table88": ("buc",)}})
    with pytest.raises(UnknownNameError, match="Did you mean 'table8'"):
        here.published_of(lost)


@pytest.fixture
def content(tmp_path: Path) -> Content:
    write(tmp_path, "shipped/ablations/mini.yaml", STUDY)
    return Content(environment={}, shipped=tmp_path / "shipped")


RECIPE = "recipe: {0}\ntitle: T\nreference: R\nsetting: usl\nruns_here: true\nstop: warmup\n"


def test_a_recipe_by_itself_is_a_study_without_a_file(tmp_path: Path) -> None:
    write(tmp_path, "baselines/mine.yaml", RECIPE.format("mine"))
    content = Content((tmp_path,), environment={}, shipped=tmp_path)
    study = content.study("recipe_mine")
    assert (study.recipe, study.rows[0].stop) == ("mine", Stage.WARMUP)
    assert content.layout("recipe_mine").report == "recipe_mine"
    assert content.names("ablations") == []
    with pytest.raises(UnknownNameError, match="Did you mean 'mine'"):
        content.study("recipe_mien")


def test_a_file_of_that_name_goes_first(tmp_path: Path) -> None:
    write(tmp_path, "baselines/mine.yaml", RECIPE.format("mine"))
    text = STUDY.replace("study: mini", "study: recipe_mine")
    write(tmp_path, "ablations/recipe_mine.yaml", text)
    content = Content((tmp_path,), environment={}, shipped=tmp_path)
    assert content.study("recipe_mine").title == "A study"


def test_names_are_sorted_file_stems(content: Content, tmp_path: Path) -> None:
    write(tmp_path, "shipped/ablations/alpha.yaml", STUDY)
    assert content.names("ablations") == ["alpha", "mini"]
    assert content.names("baselines") == []


def test_an_unknown_study_names_the_nearest_one(content: Content) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown ablation 'mni'\. Did you mean 'mini'"):
        content.study("mni")


def test_an_unknown_kind_of_content_is_refused(content: Content) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'ablations'"):
        content.names("ablation")


def test_a_users_folder_adds_studies(tmp_path: Path, content: Content) -> None:
    write(tmp_path, "mine/ablations/own.yaml", STUDY.replace("study: mini", "study: own"))
    both = Content([tmp_path / "mine"], environment={}, shipped=tmp_path / "shipped")
    assert both.names("ablations") == ["mini", "own"]
    assert both.study("own").study == "own"


def test_the_environment_names_folders_too(tmp_path: Path, content: Content) -> None:
    write(tmp_path, "mine/ablations/own.yaml", STUDY)
    environment = {"GCLBENCH_CONTENT": str(tmp_path / "mine")}
    both = Content(environment=environment, shipped=tmp_path / "shipped")
    assert both.names("ablations") == ["mini", "own"]


def test_a_name_found_twice_shows_both_files(tmp_path: Path, content: Content) -> None:
    mine = write(tmp_path, "mine/ablations/mini.yaml", STUDY)
    both = Content([tmp_path / "mine"], environment={}, shipped=tmp_path / "shipped")
    with pytest.raises(ContentError) as caught:
        both.study("mini")
    assert str(mine) in str(caught.value)
    assert str(tmp_path / "shipped/ablations/mini.yaml") in str(caught.value)


def test_one_folder_named_twice_is_no_clash(tmp_path: Path, content: Content) -> None:
    same = tmp_path / "shipped"
    twice = Content(
        [same, f"{same}/../shipped"], environment={"GCLBENCH_CONTENT": str(same)}, shipped=same
    )
    assert twice.study("mini").study == "mini"


def test_a_missing_content_folder_is_data_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="nowhere"):
        Content([tmp_path / "nowhere"], environment={})


HEADER = "table,row_key,gan,setting,dataset,metric,value\n"


def test_published_numbers_keep_their_printed_form_and_flags(tmp_path: Path) -> None:
    text = HEADER + "t6,base,0,usl,market1501,mAP,47.0\nt6,full,1,usl,market1501,mAP,\n"
    write(tmp_path, "c/baselines/published/t6.csv", text)
    write(tmp_path, "c/baselines/published/claims.csv", "id,claim\n1,x\n")
    content = Content(environment={}, shipped=tmp_path / "c")
    assert content.names("published") == ["t6"]
    first, second = content.published("t6")
    assert (first.value, first.printed, first.columns) == (47.0, "47.0", {"gan": "0"})
    assert (second.value, second.printed) == (None, "-")


@pytest.mark.parametrize(
    "row, words",
    [
        ("t6,base,0,usl,market1501,mAP,4x.0", ":2: value: '4x.0' is not a number"),
        ("t6,base,0,usl,market1501,mAP", ":2: row: has more or fewer fields"),
        ("t6,base,0,usl,market1501,mAP,1,2", ":2: row: has more or fewer fields"),
        ("t7,base,0,usl,market1501,mAP,1", ":2: table: 't7' is not 't6'"),
    ],
)
def test_a_wrong_published_row_names_its_line(tmp_path: Path, row: str, words: str) -> None:
    write(tmp_path, "c/baselines/published/t6.csv", HEADER + row + "\n")
    content = Content(environment={}, shipped=tmp_path / "c")
    with pytest.raises(ContentError) as caught:
        content.published("t6")
    assert words in str(caught.value)


def test_every_shipped_file_is_valid() -> None:
    content = Content(environment={})
    assert len(content.published("table6")) == 112
    readers = {
        "ablations": content.study,
        "baselines": content.recipe,
        "profiles": content.profile,
        "published": content.published,
        "reports": content.layout,
    }
    for kind, read in readers.items():
        for name in content.names(kind):
            assert read(name), f"{kind}/{name}"
