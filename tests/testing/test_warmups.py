"""Every registered warm-up keeps the contract: unsupervised, after a source, on tracklets, as far
as it runs. So does one of a file outside of the package. And the contract finds what it is for."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from gclbench.content import Content, resolve_settings
from gclbench.errors import GclbenchError
from gclbench.registry import REGISTRY
from gclbench.study.catalog import load_catalog
from gclbench.testing.tiny_set import tiny_settings
from gclbench.testing.warmups import WarmupCase, WarmupContract, start, whole

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ROOT / "examples" / "own_study" / "own_study" / "instance.py"
LOADED = "checkpoint"
SETTINGS = ("unsupervised", "sourced", "tracklets")


def shipped() -> list[str]:
    load_catalog()
    entries = REGISTRY.entries("warmups")
    return [entry.name for entry in entries if entry.module.startswith("gclbench.")]


def declared(method: str, setting: str) -> bool:
    """Whether a method says that it runs in a setting; a test below asks if it is so."""
    component = REGISTRY.lookup("warmups", method).component
    if setting == "tracklets" and not getattr(component, "takes_tracklets", True):
        return False
    return setting == "sourced" or not getattr(component, "needs_source", False)


PLACES = [(name, place) for name in shipped() for place in SETTINGS if declared(name, place)]


def smoke(method: str, **over: Any) -> Any:
    """The sizes of the smoke profile, smaller images and a smaller E_id."""
    profile = Content(environment={}, shipped=ROOT).profile("smoke")
    base = resolve_settings(profile, None, None, None)
    return tiny_settings({"warmup.method": method, **over}, base)


@cache
def refusal(case: WarmupCase) -> GclbenchError | None:
    """Why a method does not run in a setting; None where it runs."""
    try:
        whole(case)
    except GclbenchError as error:
        return error
    return None


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An E_id of another seed: what a user's file holds."""
    path = tmp_path_factory.mktemp("file") / "encoder.pth"
    state = start(smoke("jvtc"))
    generator = torch.Generator().manual_seed(5)
    for tensor in state.values():
        if tensor.is_floating_point():
            tensor.add_(0.01 * torch.rand(tensor.shape, generator=generator))
    torch.save(state, path)
    return path


def case_of(method: str, setting: str, file: Path) -> WarmupCase:
    asked = {"sourced": setting == "sourced", "tracklets": setting == "tracklets"}
    if method != LOADED:
        return WarmupCase(smoke(method), **asked)
    over = {"warmup.checkpoint.path": str(file)}
    return WarmupCase(smoke(method, **over), draws=False, **asked)


class TestShipped(WarmupContract):
    @pytest.fixture(params=PLACES, ids="-".join)
    def case(self, request: pytest.FixtureRequest, file: Path) -> WarmupCase:
        return case_of(*request.param, file)


@pytest.mark.parametrize("method", shipped())
def test_a_method_runs_where_it_does_not_declare_otherwise_and_says_why_not_elsewhere(
    method: str, file: Path
) -> None:
    refused = {setting: refusal(case_of(method, setting, file)) for setting in SETTINGS}
    assert refused["sourced"] is None
    for setting, error in refused.items():
        assert (error is None) == declared(method, setting), setting
    for error in refused.values():
        assert error is None or (f"warmup.method={method} " in str(error) and error.remedy)


@pytest.mark.parametrize("method", sorted({*shipped()} - {LOADED}))
def test_a_method_runs_alone_by_a_recipe_of_its_name(method: str) -> None:
    recipe = Content(environment={}, shipped=ROOT).recipe(method)
    assert recipe.runs_here
    assert recipe.stop == "warmup"
    assert recipe.reference
    assert dict(recipe.set) == {"warmup.method": method}


@pytest.fixture(scope="module")
def registry() -> Iterator[pytest.MonkeyPatch]:
    """A registry that forgets what is added to it."""
    kept = {
        kind: {entry.name: entry for entry in REGISTRY.entries(kind)} for kind in REGISTRY.kinds()
    }
    kept["warmups"].pop("instance", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(REGISTRY, "_entries", kept)
        yield patch


@pytest.fixture(scope="module")
def outside(registry: pytest.MonkeyPatch) -> str:
    """A sixth warm-up, of one file that no package holds."""
    spec = importlib.util.spec_from_file_location("a_warmup_from_outside", OUTSIDE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    registry.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return "instance"


class TestOneFromOutside(WarmupContract):
    @pytest.fixture(params=[False, True], ids=["unsupervised", "sourced"])
    def case(self, request: pytest.FixtureRequest, outside: str) -> WarmupCase:
        return WarmupCase(tiny_settings({"warmup.method": outside}), request.param)


class Broken:
    """A warm-up with one fault at a time: it nudges E_id's weights, faster in every epoch."""

    fault = ""

    def __init__(self, context: Any, encoder: Any) -> None:
        self.context, self.encoder = context, encoder
        self.epochs = 1 if self.fault == "one epoch" else 3
        self.target = context.datasets["target"]
        self.pace = 0.001

    def begin_epoch(self, epoch: int) -> list[int]:
        generator = (
            None if self.fault == "global" else self.context.torch_generator("nudge", epoch)
        )
        self.nudge = 1 + float(torch.rand((), generator=generator))
        if self.fault == "labels":
            self.nudge += float(self.target.train.pids.sum())
        if self.fault == "fixed":
            self.nudge = 1.0
        self.pace *= 1.5
        return [0]

    @torch.no_grad()
    def step(self, batch: int) -> dict[str, float]:
        if self.fault != "idle":
            weight = next(self.encoder.parameters())
            weight += self.pace * self.nudge
            if self.fault == "infinite":
                weight.fill_(float("inf"))
        if self.fault == "data":
            self.target.images("train")[0] = 0
        return {"loss": self.pace}

    def end_epoch(self, epoch: int) -> dict[str, float]:
        if self.fault == "renamed" and epoch == 2:
            self.encoder.register_buffer("extra", torch.zeros(1))
        return {}

    def state_dict(self) -> dict[str, Any]:
        state = {"encoder": self.encoder.state_dict()}
        return state if self.fault == "forgetful" else {**state, "pace": self.pace}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.pace = state.get("pace", self.pace)


FAULTS = {
    "one epoch": ["at_least_two_epochs"],
    "idle": ["changes_the_encoder", "another_seed"],
    "infinite": ["stays_finite", "can_encode_images", "another_seed"],
    "renamed": ["keeps_its_names", "can_encode_images"],
    "fixed": ["another_seed"],
    "global": ["one_seed", "killed_after", "labels", "global_generators"],
    "forgetful": ["killed_after"],
    "labels": ["labels"],
    "data": [""],
    "": [],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_contract_finds_each_fault(
    registry: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    name = f"broken {fault}"
    REGISTRY.register("warmups", name)(type("Faulty", (Broken,), {"fault": fault}))
    case = WarmupCase(tiny_settings({"warmup.method": name}))
    checks = [check for check in dir(WarmupContract) if check.startswith("test_")]
    failed = []
    for check in checks:
        more = (tmp_path,) if check.endswith("with_it") else ()
        try:
            getattr(WarmupContract(), check)(case, *more)
        except (AssertionError, RuntimeError, ValueError):  # ValueError: images are read-only
            failed.append(check)
    expected = [check for check in checks if any(words in check for words in FAULTS[fault])]
    assert failed == expected
