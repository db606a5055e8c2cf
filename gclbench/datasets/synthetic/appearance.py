"""Paint a body: one colour per vertex, and the faces of the clothes that the person wears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.synthetic.people import RGB, Person
from gclbench.meshes.bodies import Body
from gclbench.meshes.standin import PARTS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def worn_groups(person: Person) -> list[str]:
    """Names of the accessory groups that the person wears."""
    groups = []
    if person.hat is not None:
        groups += ["hat", "brim"]
    if person.hair_style == "long":
        groups.append("long_hair")
    if person.hair_style in ("short", "bun", "long") and person.hat is None:
        groups.append("short_hair")
    if person.hair_style == "bun":
        groups.append("bun")
    if person.lower_kind == "skirt":
        groups.append("skirt")
    if person.coat:
        groups.append("coat")
    if person.backpack is not None:
        groups.append("backpack")
    if person.handbag is not None:
        groups.append("handbag")
    return groups


def visible_faces(body: Body, person: Person) -> NDArray[np.int64]:
    """Faces of the body and of everything worn, (F, 3)."""
    parts = [body.faces]
    for name in worn_groups(person):
        _, _, first, end = body.groups[name]
        parts.append(body.all_faces[first:end])
    return np.concatenate(parts)


def paint(body: Body, person: Person) -> NDArray[np.float32]:
    """Colours (V, 3), 0-255, of all vertices, those of groups not worn included."""
    place = body.template.astype(np.float64)
    colours = np.tile(person.skin, (len(place), 1))
    part = {name: body.parts == index for index, name in enumerate(PARTS)}
    _paint_skin_and_hair(colours, place, part, person)
    _paint_lower(colours, place, part, person)
    # What a coat or skirt covers takes its colour: nothing shows through where it is tight.
    waist = -1.0 if person.coat else {"skirt": 0.06}.get(person.lower_kind, -0.07)
    upper = part["torso"] & (place[:, 1] > waist)
    limit = 0.66 if person.sleeves_long else 0.36
    sleeves = part["arm"] & (np.abs(place[:, 0]) < limit)
    colours[sleeves] = person.upper
    _paint_upper(colours, place, upper, person)
    colours[part["foot"]] = person.shoes
    for name in worn_groups(person):
        first, end, _, _ = body.groups[name]
        group = np.zeros(len(place), dtype=bool)
        group[first:end] = True
        _paint_group(colours, place, group, name, person)
    return colours.astype(np.float32)


def _paint_skin_and_hair(
    colours: Floats, place: Floats, part: dict[str, Flags], person: Person
) -> None:
    x, y, z = place.T
    face = part["head"] & (z > 0.06)
    eyes = face & (np.abs(y - 0.675) < 0.014) & (np.abs(np.abs(x) - 0.03) < 0.016)
    colours[eyes] = person.skin * 0.35
    colours[face & (np.abs(y - 0.598) < 0.010) & (np.abs(x) < 0.026)] = person.skin * (
        0.75,
        0.5,
        0.5,
    )
    if person.hair_style != "bald":
        scalp = part["head"] & ((y > 0.735) | ((z < 0.015) & (y > 0.60)))
        colours[scalp] = person.hair


def _paint_lower(colours: Floats, place: Floats, part: dict[str, Flags], person: Person) -> None:
    y = place[:, 1]
    end = {"trousers": -1.0, "shorts": -0.42, "skirt": -0.10}[person.lower_kind]
    colours[part["leg"] & (y > end)] = person.lower
    colours[part["torso"]] = person.lower


def _paint_upper(colours: Floats, place: Floats, upper: Flags, person: Person) -> None:
    """Shirt or jacket on the torso (or on the coat): stripes, prints, an open front, straps."""
    x, y, z = place.T
    front = upper & (z > 0.02)
    colours[upper] = person.upper
    if person.stripes is not None:
        colours[upper & (np.floor((y + 1.0) / 0.065).astype(int) % 2 == 0)] = person.stripes
    if person.inner is not None:
        opening = front & (np.abs(x) < 0.045 + 0.07 * np.clip(y - 0.05, 0, 1))
        colours[opening] = person.inner
    colours[front & _print(person.front_print, x, y)] = person.front_colour
    colours[upper & (z < -0.03) & _print(person.back_print, x, y)] = person.back_colour
    if person.backpack is not None:
        straps = upper & (z > -0.02) & (np.abs(np.abs(x) - 0.095) < 0.022) & (y > 0.12)
        colours[straps] = person.backpack * 0.85
    if person.strap is not None:
        line = (y - 0.20) - person.bag_side * 1.6 * x
        colours[upper & (np.abs(line) < 0.045)] = person.strap


def _print(kind: str, x: Floats, y: Floats) -> Flags:
    if kind == "square":
        return (np.abs(x) < 0.095) & (np.abs(y - 0.26) < 0.10)
    if kind == "disc":
        return x**2 + (y - 0.27) ** 2 < 0.085**2
    if kind == "band":
        return np.abs(y - 0.25) < 0.055
    if kind == "bars":
        return (np.abs(y - 0.33) < 0.03) | (np.abs(y - 0.20) < 0.03)
    return np.zeros(len(x), dtype=bool)


def _paint_group(colours: Floats, place: Floats, group: Flags, name: str, person: Person) -> None:
    flat: dict[str, RGB | None] = {
        "long_hair": person.hair,
        "short_hair": person.hair,
        "bun": person.hair,
        "hat": person.hat,
        "brim": person.hat,
        "skirt": person.lower,
        "handbag": person.handbag,
        "backpack": person.backpack,
    }
    if name == "coat":
        _paint_upper(colours, place, group, person)
        return
    colour = flat[name]
    if colour is None:
        return
    colours[group] = colour
    if name == "backpack":
        pocket = group & (place[:, 1] < 0.20) & (place[:, 2] < -0.2)
        colours[pocket] = colour * 0.7
