"""Identities, drawn in look-alike families: shape, skin, hair, clothes, bags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.synthetic.spec import Colour, TwinSpec

RGB = NDArray[np.float64]

_SKIN: tuple[Colour, ...] = (
    (244, 208, 180),
    (226, 180, 146),
    (196, 146, 110),
    (150, 104, 76),
    (104, 72, 54),
)
_HAIR: tuple[Colour, ...] = (
    (30, 26, 26),
    (70, 48, 36),
    (122, 86, 54),
    (190, 158, 100),
    (150, 148, 146),
)
_SHOES: tuple[Colour, ...] = ((34, 34, 36), (226, 226, 224), (112, 78, 54), (150, 40, 44))
_ACCENTS: tuple[Colour, ...] = (
    (236, 236, 232),
    (32, 34, 40),
    (206, 60, 52),
    (240, 196, 60),
    (60, 120, 190),
    (70, 150, 90),
)
PRINTS = ("none", "square", "disc", "band", "bars")


@dataclass(frozen=True)
class Person:
    """What makes one identity. Colours RGB 0-255; `bag_side` +1 left, -1 right; betas (10,)."""

    betas: NDArray[np.float64]
    gait: NDArray[np.float64]  # stride, arm swing, lean, knee: factors around 1
    skin: RGB
    hair: RGB
    hair_style: str  # bald, short, bun, long
    hat: RGB | None
    upper: RGB
    sleeves_long: bool
    stripes: RGB | None
    front_print: str
    back_print: str
    front_colour: RGB
    back_colour: RGB
    inner: RGB | None  # the shirt under an open jacket
    coat: bool
    lower: RGB
    lower_kind: str  # trousers, shorts, skirt
    shoes: RGB
    backpack: RGB | None
    handbag: RGB | None
    strap: RGB | None
    bag_side: int


def make_people(count: int, spec: TwinSpec, rng: np.random.Generator) -> list[Person]:
    """Draw `count` identities; a family shares the palette colours of shirt and trousers."""
    people: list[Person] = []
    while len(people) < count:
        upper, lower = _choice(rng, spec.upper), _choice(rng, spec.lower)
        for _ in range(min(spec.family_size, count - len(people))):
            people.append(_person(upper, lower, spec, rng))
    return people


def _choice(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _near(rng: np.random.Generator, colour: Colour, sd: float) -> RGB:
    return np.clip(np.array(colour) + rng.normal(0, sd, 3) + rng.normal(0, sd), 6, 250)


def _maybe(
    rng: np.random.Generator, share: float, colours: tuple[Colour, ...], sd: float
) -> RGB | None:
    wanted, colour = rng.random() < share, _near(rng, _choice(rng, colours), sd)
    return colour if wanted else None


def _person(upper: Colour, lower: Colour, spec: TwinSpec, rng: np.random.Generator) -> Person:
    # Every draw happens whether it is used or not, so that one share does not move the others.
    sd = spec.palette_sd
    style = str(rng.choice(["short", "short", "long", "long", "bun", "bald"]))
    kind_draw, front, back = rng.random(), rng.random(), rng.random()
    front_print = str(rng.choice(PRINTS[1:])) if front < spec.front_print_share else "none"
    back_print = str(rng.choice(PRINTS[1:])) if back < spec.back_print_share else "none"
    inner = _maybe(rng, spec.open_jacket_share, _ACCENTS, sd)
    stripes = _maybe(rng, spec.stripes_share, _ACCENTS, sd)
    kind = "trousers"
    if kind_draw < spec.skirt_share:
        kind = "skirt"
    elif kind_draw < spec.skirt_share + spec.shorts_share:
        kind = "shorts"
    coat = bool(rng.random() < spec.coat_share) and kind != "skirt"
    return Person(
        betas=np.clip(rng.normal(0, 1.0, 10), -2, 2),
        gait=np.clip(rng.normal(1, 0.15, 4), 0.6, 1.4),
        skin=_near(rng, _choice(rng, _SKIN), 4),
        hair=_near(rng, _choice(rng, _HAIR), 5),
        hair_style=style,
        hat=_maybe(rng, spec.hat_share, _ACCENTS, sd),
        upper=_near(rng, upper, sd),
        sleeves_long=bool(rng.random() < 0.5) or coat or inner is not None,
        stripes=stripes,
        front_print=front_print if inner is None else "none",
        back_print=back_print,
        front_colour=_near(rng, _choice(rng, _ACCENTS), sd),
        back_colour=_near(rng, _choice(rng, _ACCENTS), sd),
        inner=inner,
        coat=coat,
        lower=_near(rng, lower, sd),
        lower_kind=kind,
        shoes=_near(rng, _choice(rng, _SHOES), 5),
        backpack=_maybe(rng, spec.backpack_share, _ACCENTS + spec.upper, sd),
        handbag=_maybe(rng, spec.handbag_share, _ACCENTS, sd),
        strap=_maybe(rng, spec.strap_share, _ACCENTS, sd),
        bag_side=1 if rng.random() < 0.5 else -1,
    )
