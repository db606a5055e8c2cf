"""Parameters of components in content files: what is wrong is named with file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from gclbench.content import Content, load_profile, load_recipe, load_study
from gclbench.errors import ContentError, UnknownNameError
from gclbench.schema import Model

STUDY = """\
study: mine
title: Mine
recipe: gcl_plus
report: mine
tasks:
  - {name: market1501, setting: usl, label: Market, target: market1501}
rows:
  - key: plain
    label: Plain
    set:
      joint.augmentations:
        - name: stripes
          probability: 0.3
        - mixup
      warmup: {method: {name: stripes, probability: 1}}
  - {key: other, label: Other, set: {joint.augmentations: [{name: stripes, count: 3}]}}
sweeps:
  - axes:
      - name: probability
        settings: [joint.augmentations]
        values:
          - [{name: stripes, probability: 0.1}]
          - [{name: stripes, probability: 0.9}]
        key: "p{0[0][probability]}"
"""
RECIPE = """\
recipe: mine
title: Mine
reference: none
setting: usl
runs_here: true
set:
  joint.augmentations: [stripes]
  joint.losses:
    - l_vi
    - {name: stripes, probability: 0.2}
"""


class Stripes(Model):
    probability: float = Field(default=0.5, ge=0, le=1)
    count: int = Field(default=4, ge=2)


def components(kind: str, name: str) -> type[Model] | None:
    if name not in ("stripes", "mixup", "l_vi"):
        raise UnknownNameError(kind, name, [])
    return Stripes if name == "stripes" else None


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_right_parameters_pass_and_sweeps_make_rows_of_them(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, STUDY), components)
    assert [row.key for row in study.rows] == ["plain", "other", "p0.1", "p0.9"]
    assert study.rows[-1].set == {"joint.augmentations": [{"name": "stripes", "probability": 0.9}]}
    recipe = load_recipe(write(tmp_path, RECIPE), components)
    assert recipe.set["joint.losses"][1] == {"name": "stripes", "probability": 0.2}


@pytest.mark.parametrize(
    "right, wrong, line, words",
    [
        (
            "          probability: 0.3",
            "          probabilty: 0.3",
            13,
            [
                "rows[1].set.joint.augmentations[1].probabilty: stripes has no parameter",
                "Did you mean 'probability'? Allowed: count, probability.",
            ],
        ),
        (
            "probability: 0.3",
            "probability: 1.3",
            13,
            ["rows[1].set.joint.augmentations[1].probability: 1.3: ", "less than or equal to 1"],
        ),
        (
            "        - mixup",
            "        - {name: mixup, alpha: 1}",
            14,
            ["rows[1].set.joint.augmentations[2].alpha: mixup takes no parameters"],
        ),
        (
            "{method: {name: stripes, probability: 1}}",
            "{method: {name: stripes, count: 1}}",
            15,
            ["rows[1].set.warmup.method.count: 1: input should be greater than or equal to 2"],
        ),
        ("name: stripes, count: 3", "nmae: stripes, count: 3", 16, ["has no name"]),
        ("probability: 0.9}", "probability: -9}", 23, ["joint.augmentations[1].probability: -9"]),
    ],
)
def test_a_wrong_parameter_of_a_study_is_named_with_its_line(
    tmp_path: Path, right: str, wrong: str, line: int, words: list[str]
) -> None:
    assert right in STUDY
    path = write(tmp_path, STUDY.replace(right, wrong))
    with pytest.raises(ContentError) as caught:
        load_study(path, components)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_wrong_parameter_of_a_recipe_or_a_profile_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, RECIPE.replace("probability: 0.2", "probability: 2"))
    with pytest.raises(ContentError, match=r"mine.yaml:10: set.joint.losses\[2\].probability: 2"):
        load_recipe(path, components)
    profile = "profile: mine\ntitle: Mine\nset:\n  joint.sampler: {name: stripes, cuont: 2}\n"
    with pytest.raises(ContentError, match=r"mine.yaml:4: set.joint.sampler.cuont: .*'count'"):
        load_profile(write(tmp_path, profile), components)


def test_content_checks_parameters_where_it_is_given_the_models(tmp_path: Path) -> None:
    (tmp_path / "ablations").mkdir()
    write(tmp_path / "ablations", STUDY.replace("probability: 0.3", "probability: 3"))
    values: dict[str, Any] = {"environment": {}}
    assert len(Content([tmp_path], **values).study("mine").rows) == 4
    with pytest.raises(ContentError, match="less than or equal to 1"):
        Content([tmp_path], components=components, **values).study("mine")
