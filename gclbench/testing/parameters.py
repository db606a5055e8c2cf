"""What every component with parameters promises. A user's joins with one fixture:

class TestParameters(ParametersContract):
    @pytest.fixture
    def entry(self):
        return REGISTRY.lookup("augmentations", "mine")

`made` gives a component as settings would choose it, for the contract of its kind.
"""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel

from gclbench.digest import canonical_json
from gclbench.registry import REGISTRY, Entry
from gclbench.schema.choice import Choice, settled


def made(kind: str, name: str, **parameters: Any) -> Any:
    """A component to be called, bound to `parameters` where it takes any."""
    return REGISTRY.lookup(kind, name).bound(parameters)


def _model(entry: Entry) -> type[BaseModel]:
    assert entry.parameters is not None, f"{entry.name} is registered without parameters"
    return entry.parameters


def _defaults(entry: Entry) -> dict[str, Any]:
    """Every parameter that need not be given, at its default."""
    fields = _model(entry).model_fields
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in fields.items()
        if not field.is_required()
    }


class ParametersContract:
    """Inherit, and give the fixture `entry`: what the registry holds of the component."""

    def test_every_parameter_says_what_it_is(self, entry: Entry) -> None:
        fields = _model(entry).model_fields
        assert fields
        assert [name for name, field in fields.items() if not field.description] == []

    def test_it_cannot_be_changed_and_refuses_what_it_does_not_know(self, entry: Entry) -> None:
        config = _model(entry).model_config
        assert config.get("frozen")
        assert config.get("extra") == "forbid"

    def test_the_component_takes_them(self, entry: Entry) -> None:
        assert "parameters" in inspect.signature(entry.component).parameters

    def test_defaults_that_are_written_out_are_the_plain_name(self, entry: Entry) -> None:
        needed = {
            name for name, field in _model(entry).model_fields.items() if field.is_required()
        }
        if needed:
            return  # such a component has no plain name
        written = Choice(name=entry.name, parameters=_defaults(entry))
        assert not settled(written, _model(entry)).parameters

    def test_they_are_plain_data_that_a_key_can_hold(self, entry: Entry) -> None:
        full = _model(entry).model_construct(**_defaults(entry))
        assert canonical_json(full.model_dump(mode="json"))
