"""What is read of registrations without importing them is what importing them registers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gclbench
from gclbench.registry import Facts, Registry
from gclbench.study import announcements as reading
from gclbench.study.announcements import announcements
from gclbench.study.catalog import ROOMS, load_catalog

READ = {(facts.kind, facts.name): facts for facts in announcements(ROOMS)}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_catalog()


def test_all_that_the_built_in_rooms_register_is_announced(registry: Registry) -> None:
    ours = {
        (kind, entry.name)
        for kind in registry.kinds()
        for entry in registry.entries(kind)
        if entry.module.startswith("gclbench.")
    }
    assert set(READ) == ours


@pytest.mark.parametrize("kind, name", READ)
def test_what_is_announced_is_what_is_registered(registry: Registry, kind: str, name: str) -> None:
    facts, entry = READ[kind, name], registry.registered(kind, name)
    assert entry is not None
    assert (facts.revision, facts.module) == (entry.revision, entry.module)
    assert facts.docstring == entry.docstring != ""
    assert facts.reads == entry.reads
    assert dict(facts.settings) == dict(entry.settings)
    assert (facts.parameters_from is not None) == entry.takes_parameters
    for trait, value in (facts.traits or {}).items():
        assert entry.trait(trait) == value, trait


@pytest.mark.parametrize("kind, name", [key for key in READ if READ[key].parameters_from])
def test_models_of_parameters_are_found_where_no_torch_is_needed(
    registry: Registry, kind: str, name: str
) -> None:
    module, model = READ[kind, name].parameters_from or ("", "")
    entry = registry.registered(kind, name)
    assert entry is not None
    assert getattr(sys.modules[module], model) is entry.parameters
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    folder = Path(gclbench.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=folder, check=False).returncode == 0


def test_attributes_that_plans_ask_for_are_plain_values() -> None:
    spaces = {n: (f.traits or {}) for (k, n), f in READ.items() if k == "augmentations"}
    assert all({"role", "space", "control"} <= set(traits) for traits in spaces.values())
    act = READ["warmups", "act"].traits or {}
    assert (act["needs_source"], act["takes_tracklets"]) == (True, False)
    assert READ["losses", "l_mix"].reads == ("MixTerms",)


SOURCE = '''
"""A module."""
import torch
from gclbench.registry import register

class Base:
    role = "view"
    space: str = "image"
    computed = torch.zeros(2)

    def __init__(self, images, *rest, share: float = 0.5, parameters=None, **more):
        pass

@register("augmentations", "mine", revision=4, parameters=Mine)
class Mine(Base):
    """Mine.

    More.
    """
    space = "oracle"

@register("losses", "one")
@register("losses", "two", revision=2)
def loss(terms: mix.MixTerms, /, weight: float = 1 / 3, *, parameters: Mine) -> Tensor:
    pass
'''


def test_a_module_is_read_as_python_would_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PACKAGE", tmp_path / "gclbench")
    (tmp_path / "gclbench" / "room").mkdir(parents=True)
    (tmp_path / "gclbench" / "room" / "mine.py").write_text(SOURCE)
    (tmp_path / "gclbench" / "room" / "broken.py").write_text("what is this\n")
    reading._source.cache_clear()
    mine, one, two = announcements(("room",))
    reading._source.cache_clear()
    assert mine == Facts(
        "augmentations",
        "mine",
        4,
        "gclbench.room.mine",
        "Mine.\n\nMore.",
        parameters_from=("gclbench.room.mine", "Mine"),
        settings={"images": "required", "rest": "required", "share": "0.5", "more": "required"},
        traits={"role": "view", "space": "oracle"},
    )
    assert (one.name, one.revision, two.name, two.revision) == ("one", 1, "two", 2)
    assert one.settings == {"terms": "required", "weight": "1 / 3"}
    assert one.reads == ("MixTerms", "float")
    assert (one.docstring, one.parameters_from) == ("", None)
