"""A study that sweeps the parameters of a package's own components, as its user runs it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Install = Callable[..., Any]
SMALL = (
    "profile=smoke",
    *("data.world.people_train=8", "data.world.people_test=6", "pretrain.epochs=1"),
    *("pretrain.people=8", "warmup.epochs=1", "joint.epochs=1", "joint.batch_size=4"),
)
RUN = ("run", "ablation=stripes", *SMALL)
STRIPES = "joint.augmentations=[{name: stripe_shuffle, probability: 0.7}]"
LOSSES = "joint.losses=[l_vi, {name: view_hinge, power: 2}]"
ONE = ("recipe=gcl_plus", "task=market1501", *SMALL, LOSSES)


@pytest.fixture(scope="module")
def own(install: Install, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The study after its first run, in worker processes as the profile says."""
    installed = install(tmp_path_factory.mktemp("own"))
    return installed, installed.cli(*RUN, f"home={installed.home}")


def joint(manifests: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [m["settings"]["joint"] for m in manifests.values() if m["stage"] == "joint"]


def test_the_sweep_prints_a_row_for_every_value(own: Any) -> None:
    installed, answer = own
    assert answer.returncode == 0, answer.stderr
    assert not re.search("^(error|warning|failed)", answer.stderr, re.MULTILINE)
    labels = ["p 0.3", "p 0.5", "p 0.7", "p 0.9", "p 0.3 + view hinge"]
    for label in labels:
        assert f"Stripes, {label}" in answer.stdout
    path = installed.latest("stripes") / "stripes.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    keys = {"p3", "p5", "p0.7", "p0.9", "p3_hinge", "slow_memory"}
    assert {(row["row_key"], row["metric"]) for row in rows} == {
        (key, metric) for key in keys for metric in ("mAP", "R1")
    }


PYTHON = """
import sys
import gclbench as g
from gclbench.errors import OverrideError
home, content = sys.argv[1:3]
settings = dict(pair.split("=") for pair in sys.argv[3:])
settings = {name: int(value) for name, value in settings.items()}
study = g.open("stripes", profile="smoke", content=[content], home=home, settings=settings)
assert study.plan().stages.loc["all", "to_run"] == 0, study.plan()
frame = study.run().frame()
print(*sorted(set(frame["row"])), "Stripes, p 0.7" in str(study.results().table()))
given = {**settings, "joint.augmentations": [{"name": "stripe_shuffle", "probability": 2}]}
try:
    g.open(recipe="gcl_plus", tasks="market1501", profile="smoke", home=home, settings=given)
except OverrideError as error:
    print(error)
"""


def test_python_finds_the_same_results_and_refuses_the_same_values(own: Any) -> None:
    installed, _ = own
    given = [word for word in SMALL if not word.startswith("profile=")]
    code = ("-c", PYTHON, str(installed.home), str(installed.content), *given)
    answer = installed.python(*code)
    assert answer.returncode == 0, answer.stderr
    rows, refused = answer.stdout.splitlines()
    assert rows == "p0.7 p0.9 p3 p3_hinge p5 slow_memory True"
    assert "probability" in refused
    assert "less than or equal to 1" in refused


def test_manifests_say_what_each_component_was_told(own: Any) -> None:
    trained = joint(own[0].manifests())
    views = sorted(json.dumps(settings["augmentations"]) for settings in trained)
    told = [{"name": "stripe_shuffle", "probability": p} for p in (0.3, 0.3, 0.7, 0.9)]
    # One half is the default, and says nothing.
    assert views == sorted(json.dumps([each]) for each in (*told, "stripe_shuffle"))
    hinged = [s["losses"][-1] for s in trained if isinstance(s["losses"][-1], dict)]
    assert hinged == [{"name": "view_hinge", "cosine": 0.9}]
    methods = [
        m["settings"]["warmup"]["method"]
        for m in own[0].manifests().values()
        if m["stage"] == "warmup"
    ]
    assert {"name": "instance", "old_row": 0.8} in methods


def test_a_value_on_the_command_line_is_the_row_of_the_same_value(own: Any) -> None:
    installed, _ = own
    words = ("recipe=gcl_plus", "task=market1501", *SMALL, "joint.losses=[l_vi,l_vi_prime]")
    plan = installed.cli("plan", *words, STRIPES, "--json", f"home={installed.home}")
    assert plan.returncode == 0, plan.stderr
    same = installed.cli(
        *("plan", "recipe=gcl_plus", "task=market1501", *SMALL, STRIPES, "--json"),
        *("joint.losses=[l_vi,l_vi_prime,l_vi_dprime]", f"home={installed.home}"),
    )
    assert json.loads(plan.stdout)["cached"]["joint"] == 0
    assert json.loads(same.stdout)["cached"]["joint"] == 1


def test_both_components_run_from_the_command_line(own: Any) -> None:
    installed, _ = own
    before = installed.manifests()
    home = f"home={installed.home}"
    answer = installed.cli("run", *ONE, STRIPES, "executor=inline", home)
    assert answer.returncode == 0, answer.stderr
    new = {key: m for key, m in installed.manifests().items() if key not in before}
    (trained,) = joint(new)
    assert trained["augmentations"] == [{"name": "stripe_shuffle", "probability": 0.7}]
    assert trained["losses"] == ["l_vi", {"name": "view_hinge", "power": 2}]
    assert sorted(m["stage"] for m in new.values()) == ["evaluate", "joint"]


@pytest.mark.parametrize(
    "word, text",
    [
        (
            "joint.augmentations=[{name: stripe_shuffle, probabilty: 0.7}]",
            "joint.augmentations[1].probabilty: stripe_shuffle has no parameter 'probabilty'. "
            "Did you mean 'probability'?",
        ),
        (
            "joint.augmentations=[{name: stripe_shuffle, probability: 7}]",
            "joint.augmentations[1].probability: 7: input should be less than or equal to 1",
        ),
        ("warmup.method={name: instance, old_row: 1}", "warmup.method.old_row: 1: input should"),
        ("warmup.method={name: jvtc, old_row: 1}", "jvtc takes no parameters"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_2(own: Any, word: str, text: str) -> None:
    answer = own[0].cli("plan", *ONE, word)
    assert answer.returncode == 2
    assert text in " ".join(answer.stderr.split())


def test_a_wrong_parameter_in_the_file_is_named_with_its_line(
    install: Install, tmp_path: Path
) -> None:
    installed = install(tmp_path)
    content = tmp_path / "content"
    file = content / "ablations" / "stripes.yaml"
    text = installed.content.joinpath("ablations", "stripes.yaml").read_text(encoding="utf-8")
    assert text.count("          cosine: 0.9") == 1
    line = text[: text.index("          cosine: 0.9")].count("\n") + 1
    file.parent.mkdir(parents=True)
    file.write_text(text.replace("cosine: 0.9", "cosin: 0.9"), encoding="utf-8")
    answer = installed.cli("plan", "ablation=stripes", "profile=smoke", content=content)
    assert answer.returncode == 2
    said = " ".join(answer.stderr.split())
    assert f"{file}:{line}: rows[3].set.joint.losses[4].cosin: view_hinge has no" in said
    assert "Did you mean 'cosine'?" in said


def test_show_prints_parameters_with_ranges_and_descriptions(own: Any) -> None:
    answer = own[0].cli("show", "augmentations", "stripe_shuffle", "--json")
    shown = json.loads(answer.stdout)
    assert shown["parameters"]["probability"] == {
        "default": 0.5,
        "type": "number",
        "range": "at least 0, at most 1",
        "description": "share of shuffled images",
    }
    assert shown["settings"] == {}
    assert "stripes:" in own[0].cli("show", "augmentations", "stripe_shuffle").stdout
