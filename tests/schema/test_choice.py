"""Components in settings: both spellings, what is wrong with parameters, and the form in keys."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from gclbench.digest import canonical_json
from gclbench.errors import OverrideError, UnknownNameError
from gclbench.schema import Model, Settings
from gclbench.schema.choice import AugmentationChoice, parameter_problems, settled
from gclbench.schema.choice_words import write_choice
from gclbench.schema.overrides import (
    flatten,
    parse_overrides,
    problems,
    resolve_settings,
)


class Stripes(Model):
    probability: float = Field(default=0.5, ge=0, le=1)
    count: int = Field(default=4, ge=2)
    order: Literal["random", "reverse"] = "random"
    sizes: tuple[float, ...] = (1, 2.5)
    exact: bool = False


class Needy(Model):
    weight: float

    @model_validator(mode="after")
    def _is_not_thirteen(self) -> Needy:
        if self.weight == 13:
            raise ValueError("13 brings bad luck")
        return self


MODELS = {
    ("augmentations", "stripes"): Stripes,
    ("augmentations", "needy"): Needy,
    ("augmentations", "plain"): None,
    ("warmups", "stripes"): Stripes,
}


def components(kind: str, name: str) -> type[Model] | None:
    if (kind, name) not in MODELS:
        raise UnknownNameError(kind, name, [])
    return MODELS[kind, name]


def choice(value: Any) -> AugmentationChoice:
    return AugmentationChoice.model_validate(value)


def key(settings: Settings) -> bytes:
    return canonical_json(settings.model_dump(mode="json"))


@pytest.mark.parametrize(
    "value, written",
    [
        ("plain", "plain"),
        ({"name": "plain"}, "plain"),
        ({"name": "stripes", "count": 3}, {"name": "stripes", "count": 3}),
        ({"name": "stripes", "parameters": {"count": 3}}, {"name": "stripes", "count": 3}),
        (AugmentationChoice(name="plain"), "plain"),
    ],
)
def test_a_choice_is_written_as_the_shorter_of_its_spellings(value: Any, written: Any) -> None:
    for mode in ("json", "python"):
        assert choice(value).model_dump(mode=mode) == written
    assert choice(choice(value).model_dump()) == choice(value)


def test_choices_are_values_that_can_be_hashed_copied_and_sent() -> None:
    one, other = choice({"name": "stripes", "sizes": [1, 2]}), choice("stripes")
    assert one != other
    assert len({one, other, copy.deepcopy(one), pickle.loads(pickle.dumps(one))}) == 2
    assert (str(one), str(other)) == ("stripes(sizes=[1, 2])", "stripes")


@pytest.mark.parametrize(
    "value, text",
    [
        (3, "write a name, or a mapping"),
        ({"nmae": "stripes"}, "has no name"),
        ({"name": 3}, "valid string"),
        ({"name": ""}, "at least 1 character"),
        ({"name": "stripes", "count": float("nan")}, "count: nan is not allowed"),
        ({"name": "stripes", "count": {"deep": [float("inf")]}}, "count.deep: inf is not"),
        ({"name": "stripes", "count": object()}, "count: values of type object"),
        ({"name": "stripes", 3: 4}, "values of type dict are not allowed"),
    ],
)
def test_what_is_no_choice_is_refused(value: Any, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        choice(value)


@pytest.mark.parametrize(
    "value, inside, text",
    [
        (
            {"name": "stripes", "probabilty": 0.3},
            ("probabilty",),
            "stripes has no parameter 'probabilty'. Did you mean 'probability'? "
            "Allowed: count, exact, order, probability, sizes.",
        ),
        (
            {"name": "stripes", "probability": 1.5},
            ("probability",),
            "1.5: input should be less than or equal to 1",
        ),
        (
            {"name": "stripes", "count": "many"},
            ("count",),
            "'many': input should be a valid integer, unable to parse string as an integer",
        ),
        (
            {"name": "stripes", "count": True},
            ("count",),
            "true is not allowed: this is not a switch",
        ),
        (
            {"name": "stripes", "order": "up"},
            ("order",),
            "'up': input should be 'random' or 'reverse'",
        ),
        (
            {"name": "stripes", "sizes": [1, "x"]},
            ("sizes", 1),
            "'x': input should be a valid number, unable to parse string as a number",
        ),
        ({"name": "plain", "count": 3}, ("count",), "plain takes no parameters"),
        ("needy", ("weight",), "needy needs the parameter 'weight'"),
        ({"name": "needy", "weight": 13}, (), "13 brings bad luck"),
    ],
)
def test_a_wrong_parameter_is_named_with_the_allowed_words(
    value: Any, inside: tuple[Any, ...], text: str
) -> None:
    wrong = choice(value)
    model = components("augmentations", wrong.name)
    assert list(parameter_problems(wrong, model)) == [(inside, text)]


@pytest.mark.parametrize(
    "given, left",
    [
        ({}, {}),
        ({"probability": 0.5, "count": 4, "order": "random", "sizes": [1, 2.5]}, {}),
        ({"exact": False, "sizes": [1.0, 2.5], "count": 4.0}, {}),
        ({"probability": 1}, {"probability": 1.0}),
        ({"probability": "0.3", "count": 3}, {"probability": 0.3, "count": 3}),
        ({"exact": True}, {"exact": True}),
        ({"sizes": (3,)}, {"sizes": [3.0]}),
    ],
)
def test_settled_parameters_have_their_fields_type_and_no_default(
    given: dict[str, Any], left: dict[str, Any]
) -> None:
    found = settled(choice({"name": "stripes", **given}), Stripes)
    assert found.parameters == left
    assert [type(value) for value in found.parameters.values()] == [
        type(value) for value in left.values()
    ]
    assert settled(found, Stripes) == found


def test_a_required_parameter_always_stays() -> None:
    assert settled(choice({"name": "needy", "weight": 0}), Needy).parameters == {"weight": 0.0}


def resolved(*values: Any) -> Settings:
    over = {"joint.augmentations": list(values)}
    return resolve_settings(None, None, None, None, over, components=components)


def test_equal_meaning_gives_equal_keys_and_another_value_another_one() -> None:
    plain = key(resolved("stripes"))
    assert key(resolved({"name": "stripes", "probability": 0.5})) == plain
    assert key(resolved({"name": "stripes", "count": 4.0})) == plain
    one = key(resolved({"name": "stripes", "probability": 1}))
    assert one != plain
    assert one == key(resolved({"name": "stripes", "probability": 1.0}))


def test_resolving_again_changes_nothing() -> None:
    once = resolved({"name": "stripes", "count": 3, "probability": 0.5})
    again = resolve_settings(
        None, None, None, None, flatten(once.model_dump(mode="json")), components=components
    )
    assert again == once


def test_a_component_of_one_value_is_settled_too() -> None:
    settings = resolve_settings(
        None,
        None,
        None,
        None,
        {"warmup": {"method": {"name": "stripes", "count": 4, "exact": True}}},
        components=components,
    )
    assert settings.warmup.method.model_dump() == {"name": "stripes", "exact": True}


def test_without_models_parameters_are_taken_as_they_come() -> None:
    flat = {"joint.augmentations": [{"name": "stripes", "probabilty": 7}]}
    assert problems(flat) == []
    assert [(p.key, p.inside) for p in problems(flat, components)] == [
        ("joint.augmentations", (0, "probabilty"))
    ]


def test_a_name_that_nobody_registered_is_left_to_the_plan() -> None:
    assert problems({"joint.augmentations": [{"name": "unknown", "a": 1}]}, components) == []


WORDS = [
    ("joint.augmentations=[{name: stripes, count: 3}]", [{"name": "stripes", "count": 3}]),
    ("joint.augmentations={name: a, p: 0.7},plain", [{"name": "a", "p": 0.7}, "plain"]),
    ("joint.augmentations=[plain, 'stripes']", ["plain", "stripes"]),
    ("joint.augmentations=[{name: a, p: [1, 2]}, b]", [{"name": "a", "p": [1, 2]}, "b"]),
    ("warmup.method={name: stripes, count: 3}", {"name": "stripes", "count": 3}),
    ("warmup.method=mmcl", "mmcl"),
    ("gan.view={name: stripes, exact: true}", {"name": "stripes", "exact": True}),
    ("gan.view=none", None),
    ("joint.sampler=identities", "identities"),
]


@pytest.mark.parametrize("word, value", WORDS)
def test_a_command_line_takes_both_spellings(word: str, value: Any) -> None:
    ((setting, parsed),) = parse_overrides([word]).items()
    assert parsed == value
    assert parse_overrides([f"{setting}={write_choice(parsed)}"]) == {setting: value}


def test_text_that_yaml_would_read_as_something_else_is_written_in_quotes() -> None:
    value = {"name": "x", "a": "true", "b": "1", "c": "a: b", "d": None, "e": "plain/word"}
    word = write_choice(value)
    assert word == '{name: x, a: "true", b: "1", c: "a: b", d: null, e: plain/word}'
    assert parse_overrides([f"warmup.method={word}"]) == {"warmup.method": value}


@pytest.mark.parametrize(
    "word, text",
    [
        ("joint.augmentations=[{name: stripes]", "cannot be read"),
        ("joint.augmentations=[{name: a, p: 1, p: 2}]", "this key stands twice"),
        ("joint.augmentations=[{name: a, p: !!python/name:os.system x}]", "not allowed"),
        ("joint.augmentations=[{p: 1}]", r"joint.augmentations\[1\]: this component has no name"),
        ("joint.augmentations=[a, {name: a, p: 1}]", "names one component twice: a, a"),
        ("warmup.method={name: 3}", "valid string"),
    ],
)
def test_a_wrong_word_is_one_clear_line(word: str, text: str) -> None:
    with pytest.raises(OverrideError, match=text) as caught:
        parse_overrides([word])
    assert "\n" not in str(caught.value)


def test_a_wrong_parameter_on_the_command_line_names_the_word_and_the_place() -> None:
    chosen = parse_overrides(["joint.augmentations=[plain, {name: stripes, cuont: 3}]"])
    with pytest.raises(
        OverrideError,
        match=r"^joint.augmentations\[2\].cuont: stripes has no .*Did you mean 'count'",
    ):
        resolve_settings(None, None, None, None, chosen, components=components)


def test_a_mapping_that_a_setting_holds_is_not_opened() -> None:
    nested = {"warmup": {"method": {"name": "mine", "momentum": 0.3}, "epochs": 3}}
    assert flatten(nested) == {
        "warmup.method": {"name": "mine", "momentum": 0.3},
        "warmup.epochs": 3,
    }
