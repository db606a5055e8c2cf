"""What one side alone of a person shows, and where people face: the world's true factors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gclbench.datasets.synthetic.people import Person
from gclbench.datasets.synthetic.sides import Appearance, one_sided, train_appearances
from gclbench.schema.settings import WorldSettings


@pytest.fixture(scope="module")
def known() -> dict[str, Appearance]:
    sizes = WorldSettings(people_train=40, people_test=4, images_per_person=4)
    return train_appearances("market1501", sizes)


def test_appearances_are_named_by_the_images_paths(known: dict[str, Appearance]) -> None:
    assert all(path.startswith("bounding_box_train/") for path in known)
    assert len({id(each.person) for each in known.values()}) == 40


def test_one_sided_things_are_the_true_factors(known: dict[str, Appearance]) -> None:
    people: list[Person] = [each.person for each in known.values()]
    for person in people:
        found = one_sided(person)
        assert ("backpack" in found) == (person.backpack is not None)
        assert ("open jacket" in found) == (person.inner is not None)
        plain = person.front_print == person.back_print == "none"
        assert any("print" in thing for thing in found) <= (not plain)
    assert any("back print" in " ".join(one_sided(person)) for person in people)
    assert any(one_sided(person) == () for person in people)


@pytest.mark.parametrize("yaw, aside", [(0, 0), (350, 10), (90, 90), (180, 0), (200, 20)])
def test_turned_away_counts_from_the_nearest_of_front_and_back(
    known: dict[str, Appearance], yaw: float, aside: float
) -> None:
    anybody = next(iter(known.values()))
    assert replace(anybody, yaw_deg=yaw).turned_away_deg == aside
