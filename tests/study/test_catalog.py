"""The filled registry, and plug-ins that fail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gclbench.errors import UnknownNameError
from gclbench.registry import REGISTRY
from gclbench.study import plugins
from gclbench.study.catalog import load_catalog, revision, space

KINDS = {
    "augmentations": {"multi", "rotation", "mixup", "f_mixup", "d_mixup"},
    "datasets": {"market1501", "dukemtmc_reid"},
    "losses": {"l_vi", "l_vi_prime", "l_vi_dprime", "l_proto", "l_mix"},
    "networks": {"id_encoder", "str_encoder", "generator", "discriminator"},
    "stages": {"pretrain", "source", "warmup", "gan", "joint", "evaluate"},
    "warmups": {"jvtc", "scl"},
}


def fake_points(monkeypatch: pytest.MonkeyPatch, *points: SimpleNamespace) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)


def point(name: str, load: Any) -> SimpleNamespace:
    return SimpleNamespace(name=name, load=load)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_holds_the_papers_components(kind: str) -> None:
    assert KINDS[kind] <= set(load_catalog().names(kind))


def test_every_component_has_a_summary_and_a_revision() -> None:
    registry = load_catalog()
    entries = [entry for kind in registry.kinds() for entry in registry.entries(kind)]
    assert len(entries) >= 24
    assert [entry.name for entry in entries if not entry.summary or entry.revision < 1] == []


def test_a_plug_in_that_fails_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def broken() -> None:
        raise ImportError("no module named torch_directml")

    fake_points(
        monkeypatch,
        point("zeta", lambda: loaded.append("zeta")),
        point("broken", broken),
        point("alpha", lambda: loaded.append("alpha")),
    )
    with pytest.warns(UserWarning, match=r"plug-in 'broken' is left out: .*torch_directml"):
        registry = load_catalog.__wrapped__()
    assert loaded == ["alpha", "zeta"]
    assert registry is REGISTRY


def test_a_plug_in_that_takes_a_name_is_left_out_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def clash() -> None:
        REGISTRY.register("losses", "l_vi")(type("Mine", (), {"__module__": "theirs"}))

    ours = REGISTRY.lookup("losses", "l_vi").component
    fake_points(monkeypatch, point("clash", clash))
    with pytest.warns(UserWarning, match="registered by gclbench.losses.view_invariance and by"):
        load_catalog.__wrapped__()
    assert REGISTRY.lookup("losses", "l_vi").component is ours


def test_the_revision_is_the_registered_one_and_unknown_names_get_the_nearest() -> None:
    assert revision("losses", "l_vi") == REGISTRY.lookup("losses", "l_vi").revision
    with pytest.raises(UnknownNameError, match=r"unknown losses 'l_vii'.*Did you mean 'l_vi'"):
        revision("losses", "l_vii")


def test_the_space_of_an_augmentation_is_known_by_its_name() -> None:
    spaces = {name: space(name) for name in REGISTRY.names("augmentations")}
    structural = {name for name, where in spaces.items() if where == "structure"}
    assert structural == {"rotation", "mesh_switch", "gray_switch"}
    assert spaces["d_mixup"] == "identity"
