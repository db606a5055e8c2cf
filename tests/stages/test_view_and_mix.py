"""Which augmentations and losses of stage 3 go together; a plan asks without making any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from gclbench.errors import UnknownNameError, UsageError
from gclbench.registry import REGISTRY
from gclbench.schema.settings import JointSettings
from gclbench.stages.view_and_mix import build_augmentations, check_augmentations, check_losses

Tiny = Callable[..., Any]


@pytest.mark.parametrize(
    "names,message",
    [
        (["mixup"], "names no view augmentation"),
        ([], "names no view augmentation"),
        (["multi", "rotation"], "names two view augmentations: multi, rotation"),
        (["multi", "mixup", "f_mixup"], "names two mix augmentations: multi, mixup, f_mixup"),
    ],
)
def test_one_view_and_at_most_one_mix_are_wanted(
    tiny: Tiny, names: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        build_augmentations(tiny(joint={"augmentations": names}))


@pytest.mark.parametrize("view", ["multi", "none", "oracle_rotation"])
def test_only_g_can_draw_a_mixed_identity(tiny: Tiny, view: str) -> None:
    with pytest.raises(UsageError, match=f"pairs {view} and d_mixup: a mix of identities"):
        build_augmentations(tiny(joint={"augmentations": [view, "d_mixup"]}))


def test_an_unknown_augmentation_gets_the_nearest_name(tiny: Tiny) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'rotation'"):
        build_augmentations(tiny(joint={"augmentations": ["rotatoin"]}))


def test_augmentations_take_their_options_from_the_settings(tiny: Tiny) -> None:
    settings = tiny(
        joint={"augmentations": ["rotation", "d_mixup"], "mix_alpha": 0.9}, gan={"angles": 6}
    )
    view, mix = build_augmentations(settings)
    assert (view.angles, mix.alpha) == (6, 0.9)


def test_a_row_without_mix_cannot_have_a_mix_loss() -> None:
    check_losses(JointSettings(losses=("l_vi", "l_proto")), mixes=False)
    check_losses(JointSettings(), mixes=True)
    with pytest.raises(UsageError, match=r"l_mix, but joint\.augmentations mixes nothing: multi"):
        check_losses(JointSettings(augmentations=("multi",)), mixes=False)
    with pytest.raises(UsageError, match=r"joint\.losses is empty"):
        check_losses(JointSettings(losses=()), mixes=True)
    with pytest.raises(UnknownNameError, match="Did you mean 'l_vi_prime'"):
        check_losses(JointSettings(losses=("l_vi_prme",)), mixes=True)


@pytest.mark.parametrize("check", [build_augmentations, check_augmentations])
def test_what_stage_3_would_refuse_a_plan_refuses(tiny: Tiny, check: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="names two view augmentations"):
        check(tiny(joint={"augmentations": ["multi", "rotation"]}))
    with pytest.raises(UsageError, match="mixes nothing: rotation"):
        check(tiny(joint={"augmentations": ["rotation"]}))
    check(tiny(joint={"augmentations": ["rotation", "mixup"]}))


def test_a_users_component_may_refuse_its_own_values_when_it_is_planned(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Picky:
        role: ClassVar[str] = "view"
        space: ClassVar[str] = "image"
        angles: int = 7

        def __post_init__(self) -> None:
            raise UsageError(f"picky takes no {self.angles} angles.")

    kinds = {kind: dict(names) for kind, names in REGISTRY._entries.items()}
    monkeypatch.setattr(REGISTRY, "_entries", kinds)
    REGISTRY.register("augmentations", "picky")(Picky)
    with pytest.raises(UsageError, match="picky takes no 6 angles"):
        check_augmentations(tiny(joint={"augmentations": ["picky", "mixup"]}, gan={"angles": 6}))
