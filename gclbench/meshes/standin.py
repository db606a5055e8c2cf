"""The stand-in body: an SMPL-format model built by code, so that nothing licensed is needed.

Axes as SMPL: y up, the body faces +z, its left side is +x, T-pose, pelvis at the origin, metres.
It has SMPL's 24 joints and kinematic tree, 10 shape directions (ours, named in `SHAPE_NAMES`; one
unit is about one standard deviation) and zero pose blend shapes. Clothing and accessories follow
the body's vertices and faces as groups skinned to the same joints.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.meshes.shapes import Surface, ellipsoid, mirrored, tube

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
PARTS = ("torso", "neck", "head", "arm", "hand", "leg", "foot")
SHAPE_NAMES = (
    "stature",
    "girth",
    "leg_length",
    "shoulder_width",
    "hip_width",
    "arm_length",
    "arm_thickness",
    "leg_thickness",
    "head_size",
    "belly",
)
_LEFT_JOINTS = {
    1: (0.085, -0.08, 0.0),
    4: (0.095, -0.48, 0.0),
    7: (0.10, -0.88, -0.02),
    10: (0.105, -0.93, 0.08),
    13: (0.07, 0.42, -0.02),
    16: (0.18, 0.44, -0.02),
    18: (0.44, 0.44, -0.03),
    20: (0.69, 0.44, -0.03),
    22: (0.77, 0.44, -0.03),
}
_MIDDLE_JOINTS = {
    0: (0.0, 0.0, 0.0),
    3: (0.0, 0.11, -0.01),
    6: (0.0, 0.22, -0.01),
    9: (0.0, 0.32, -0.01),
    12: (0.0, 0.50, -0.02),
    15: (0.0, 0.60, 0.0),
}

Array = NDArray[np.float64]


def joints() -> Array:
    """Return the 24 joints of the T-pose, (24, 3) metres."""
    place = np.zeros((24, 3))
    for index, value in _MIDDLE_JOINTS.items():
        place[index] = value
    for index, (x, y, z) in _LEFT_JOINTS.items():
        place[index] = (x, y, z)
        place[index + 1] = (-x, y, z)
    return place


def standin_model() -> dict[str, Any]:
    """Return the model as a dict with SMPL's keys, and three of ours.

    SMPL's: v_template (V, 3), f (F, 3), weights (V, 24), J_regressor (24, V), shapedirs
    (V, 3, 10), posedirs (V, 3, 207), kintree_table (2, 24). Ours: `body_vertices` and `body_faces`
    (how many of V and F are the body), `groups` name -> (first vertex, end, first face, end) and
    `parts` (V,) index into PARTS, -1 for accessories.
    """
    pieces = [(name, part, surface) for name, part, surface in _body_pieces()]
    body_count = len(pieces)
    pieces += [(name, "", surface) for name, surface in _accessories()]
    template = np.concatenate([surface.vertices for _, _, surface in pieces])
    centres = np.concatenate([surface.centres for _, _, surface in pieces])
    faces, weights, parts, groups = [], [], [], {}
    vertex = face = body_vertices = body_faces = 0
    for index, (name, part, surface) in enumerate(pieces):
        faces.append(surface.faces + vertex)
        weights.append(_weights(name, surface))
        parts.append(np.full(len(surface.vertices), PARTS.index(part) if part else -1))
        if index >= body_count:
            groups[name] = (
                vertex,
                vertex + len(surface.vertices),
                face,
                face + len(surface.faces),
            )
        vertex += len(surface.vertices)
        face += len(surface.faces)
        if index == body_count - 1:
            body_vertices, body_faces = vertex, face
    skin = np.concatenate(weights)
    regressor = np.zeros((24, vertex))
    regressor[:, :body_vertices] = _regressor(template[:body_vertices])
    return {
        "v_template": template,
        "f": np.concatenate(faces).astype(np.uint32),
        "weights": skin,
        "J_regressor": regressor,
        "shapedirs": _shape_directions(template, centres, skin),
        "posedirs": np.zeros((vertex, 3, 207)),
        "kintree_table": np.array([np.array(PARENTS, dtype=np.int64), np.arange(24)]),
        "body_vertices": body_vertices,
        "body_faces": body_faces,
        "groups": groups,
        "parts": np.concatenate(parts),
    }


def _body_pieces() -> list[tuple[str, str, Surface]]:
    """Name, part and surface of every body piece. Tubes along y give radii as (z, x)."""
    torso: list[tuple[float, ...]] = [
        (-0.165, 0.03, 0.03),
        (-0.15, 0.075, 0.10),
        (-0.10, 0.112, 0.155),
        (-0.02, 0.120, 0.168, -0.012),
        (0.10, 0.100, 0.138),
        (0.20, 0.105, 0.146),
        (0.32, 0.118, 0.166),
        (0.40, 0.108, 0.176, -0.01),
        (0.45, 0.085, 0.158, -0.015),
        (0.485, 0.062, 0.095, -0.02),
        (0.52, 0.045, 0.05, -0.02),
        (0.53, 0.02, 0.02, -0.02),
    ]
    neck: list[tuple[float, ...]] = [
        (0.44, 0.05, 0.055, -0.02),
        (0.52, 0.052, 0.052, -0.015),
        (0.61, 0.05, 0.048, 0.0),
    ]
    head = [
        (0.545, 0.015, 0.015, 0.03),
        (0.555, 0.045, 0.035, 0.028),
        (0.59, 0.078, 0.058, 0.018),
        (0.65, 0.097, 0.073, 0.01),
        (0.70, 0.100, 0.077, 0.002),
        (0.745, 0.085, 0.067, 0.0),
        (0.775, 0.050, 0.040, 0.0),
        (0.788, 0.012, 0.010, 0.0),
    ]
    arm: list[tuple[float, ...]] = [
        (0.115, 0.03, 0.03, 0.435, -0.02),
        (0.15, 0.058, 0.058, 0.437, -0.02),
        (0.20, 0.062, 0.060, 0.438, -0.02),
        (0.30, 0.050, 0.052, 0.44, -0.025),
        (0.43, 0.039, 0.041, 0.44, -0.03),
        (0.50, 0.041, 0.042, 0.44, -0.03),
        (0.66, 0.027, 0.031, 0.44, -0.03),
        (0.70, 0.026, 0.028, 0.44, -0.03),
        (0.705, 0.01, 0.01, 0.44, -0.03),
    ]
    hand: list[tuple[float, ...]] = [
        (0.685, 0.016, 0.02, 0.44, -0.03),
        (0.72, 0.020, 0.040, 0.44, -0.028),
        (0.77, 0.020, 0.044, 0.437, -0.024),
        (0.83, 0.015, 0.034, 0.432, -0.026),
        (0.86, 0.008, 0.014, 0.428, -0.028),
    ]
    leg: list[tuple[float, ...]] = [
        (-0.915, 0.02, 0.02, -0.018, 0.10),
        (-0.90, 0.038, 0.036, -0.018, 0.10),
        (-0.80, 0.042, 0.040, -0.016, 0.10),
        (-0.62, 0.060, 0.056, -0.012, 0.098),
        (-0.48, 0.058, 0.056, 0.0, 0.096),
        (-0.30, 0.078, 0.074, 0.0, 0.092),
        (-0.14, 0.096, 0.088, -0.005, 0.086),
        (-0.05, 0.090, 0.080, -0.005, 0.082),
        (-0.02, 0.03, 0.03, 0.0, 0.08),
    ]
    foot = [
        (-0.078, 0.012, 0.012, 0.10, -0.935),
        (-0.065, 0.033, 0.034, 0.10, -0.926),
        (0.0, 0.037, 0.044, 0.102, -0.916),
        (0.08, 0.044, 0.032, 0.106, -0.928),
        (0.14, 0.041, 0.022, 0.108, -0.938),
        (0.17, 0.012, 0.010, 0.108, -0.948),
    ]
    pieces = [
        ("torso", "torso", tube(1, _wider(torso, 1.08), 34, 32, 0.85)),
        ("neck", "neck", tube(1, _wider(neck, 1.08), 6, 16)),
        ("head", "head", _with_face(tube(1, head, 18, 20))),
    ]
    for name, surface in (
        ("arm", tube(0, _wider(arm, 1.12), 22, 14)),
        ("hand", tube(0, _wider(hand, 1.1), 7, 10)),
        ("leg", tube(1, _wider(leg, 1.12), 26, 16)),
        ("foot", tube(2, foot, 9, 12)),
    ):
        pieces.append((f"{name}_left", name, surface))
        pieces.append((f"{name}_right", name, mirrored(surface)))
    return pieces


def _wider(stations: list[tuple[float, ...]], factor: float) -> list[tuple[float, ...]]:
    return [(row[0], factor * row[1], factor * row[2], *row[3:]) for row in stations]


def _with_face(head: Surface) -> Surface:
    """Push a nose out of the head's front."""
    x, y, z = head.vertices.T
    bump = np.exp(-((x / 0.018) ** 2) - ((y - 0.645) / 0.03) ** 2) * (z > 0.05)
    return Surface(
        head.vertices + np.stack([0 * x, 0 * x, 0.024 * bump], 1), head.faces, head.centres
    )


def _accessories() -> list[tuple[str, Surface]]:
    """Clothing and accessories, in the order in which their vertices follow the body."""
    skirt: list[tuple[float, ...]] = [
        (-0.52, 0.10, 0.10),
        (-0.515, 0.19, 0.225),
        (-0.30, 0.165, 0.205),
        (-0.08, 0.135, 0.182, -0.01),
        (0.08, 0.110, 0.150),
        (0.10, 0.05, 0.05),
    ]
    coat: list[tuple[float, ...]] = [
        (-0.42, 0.09, 0.10),
        (-0.415, 0.160, 0.200),
        (-0.20, 0.146, 0.192),
        (-0.02, 0.142, 0.188, -0.01),
        (0.12, 0.124, 0.164),
        (0.32, 0.136, 0.182),
        (0.41, 0.122, 0.186, -0.01),
        (0.46, 0.096, 0.160, -0.015),
        (0.50, 0.072, 0.085, -0.02),
        (0.51, 0.05, 0.05, -0.02),
    ]
    long_hair = [
        (0.34, 0.012, 0.04, -0.135),
        (0.37, 0.034, 0.088, -0.120),
        (0.48, 0.045, 0.100, -0.085),
        (0.60, 0.070, 0.096, -0.045),
        (0.70, 0.092, 0.092, -0.018),
        (0.76, 0.085, 0.075, -0.010),
        (0.80, 0.03, 0.03, -0.005),
    ]
    brim = ellipsoid((0.0, 0.722, 0.10), (0.075, 0.010, 0.085), 5, 14)
    return [
        ("long_hair", tube(1, long_hair, 16, 18)),
        ("short_hair", ellipsoid((0.0, 0.705, -0.016), (0.084, 0.096, 0.104), 9, 18)),
        ("bun", ellipsoid((0.0, 0.715, -0.125), (0.045, 0.045, 0.045), 7, 12)),
        ("hat", ellipsoid((0.0, 0.745, 0.0), (0.088, 0.062, 0.112), 7, 18)),
        ("brim", brim),
        ("skirt", tube(1, _wider(skirt, 1.08), 18, 28)),
        ("coat", tube(1, _wider(coat, 1.08), 30, 32, 0.85)),
        ("backpack", ellipsoid((0.0, 0.265, -0.195), (0.145, 0.20, 0.095), 11, 22, 0.6)),
        ("handbag", ellipsoid((0.235, -0.10, 0.0), (0.052, 0.115, 0.135), 9, 16, 0.55)),
    ]


def _step(value: Array, middle: float, half: float) -> Array:
    """A smooth step from 0 below `middle - half` to 1 above `middle + half`."""
    t = np.clip((value - middle + half) / (2 * half), 0, 1)
    return t * t * (3 - 2 * t)


def _chain(value: Array, names: list[int], borders: list[tuple[float, float]]) -> Array:
    """Weights (V, 24) of a chain of joints along `value`, blended at each (middle, half width)."""
    weights = np.zeros((len(value), 24))
    rest = np.ones(len(value))
    for joint, (middle, half) in zip(names[:-1], borders, strict=True):
        beyond = _step(value, middle, half)
        weights[:, joint] += rest * (1 - beyond)
        rest = rest * beyond
    weights[:, names[-1]] += rest
    return weights


def _weights(name: str, surface: Surface) -> Array:
    """Skinning weights (V, 24) of a piece; each row sums to 1."""
    x, y, z = surface.vertices.T
    kind, _, side = name.partition("_")
    right = int(side == "right")
    if kind == "arm" or kind == "hand":
        joint_names = [9 if kind == "arm" else 18 + right, 16 + right, 18 + right]
        chain = [13 + right, *joint_names[1:], 20 + right, 22 + right]
        borders = [(0.15, 0.03), (0.44, 0.05), (0.69, 0.03), (0.77, 0.03)]
        return _chain(np.abs(x), chain, borders)
    if kind == "leg":
        return _chain(-y, [1 + right, 4 + right, 7 + right], [(0.48, 0.07), (0.88, 0.03)])
    if kind == "foot":
        return _chain(z, [7 + right, 10 + right], [(0.09, 0.03)])
    spine = [(0.08, 0.05), (0.17, 0.05), (0.28, 0.05), (0.50, 0.03), (0.60, 0.03)]
    if name in ("long_hair", "short_hair", "bun", "hat", "brim", "head"):
        return _chain(y, [9, 12, 15], [(0.40, 0.06), (0.56, 0.08)])
    if name == "backpack":
        return _chain(y, [9, 9], [(0.0, 0.1)])
    if name == "handbag":
        return _chain(y, [0, 0], [(0.0, 0.1)])
    weights = _chain(y, [0, 3, 6, 9, 12, 15], spine)
    if name in ("skirt", "coat"):
        below = 0.75 * _step(-y, 0.15, 0.12)
        left = _step(x, 0.0, 0.10)
        weights *= (1 - below)[:, None]
        weights[:, 1] += below * left
        weights[:, 2] += below * (1 - left)
    return weights


def _regressor(template: Array) -> Array:
    """Joint regressor (24, V): least-norm weights over 48 near vertices, exact at the template."""
    regressor = np.zeros((24, len(template)))
    for index, joint in enumerate(joints()):
        near = np.argsort(((template - joint) ** 2).sum(1), kind="stable")[:48]
        system = np.concatenate([template[near].T, np.ones((1, len(near)))])
        regressor[index, near] = np.linalg.lstsq(system, np.append(joint, 1.0), rcond=None)[0]
    return regressor


def _shape_directions(template: Array, centres: Array, skin: Array) -> Array:
    """The ten shape directions, (V, 3, 10) metres per unit; see SHAPE_NAMES."""
    x, y, _ = template.T
    radial = template - centres
    arms, legs = skin[:, 16:24].sum(1), skin[:, [1, 2, 4, 5, 7, 8, 10, 11]].sum(1)
    head = skin[:, 15]
    out = np.zeros((len(template), 3, 10))
    out[..., 0] = 0.03 * template
    out[..., 1] = 0.07 * radial * (1 - 0.7 * head)[:, None]
    out[:, 1, 2] = 0.04 * np.minimum(y + 0.08, 0)
    out[:, 0, 3] = 0.014 * np.sign(x) * np.maximum(arms, _step(y, 0.3, 0.1) * np.abs(x) / 0.18)
    out[..., 4] = 0.06 * radial * np.exp(-(((y + 0.08) / 0.12) ** 2) * (1 - arms))[:, None]
    out[:, 0, 5] = 0.03 * np.sign(x) * np.maximum(np.abs(x) - 0.18, 0) * (arms > 0.5)
    out[..., 6] = 0.10 * radial * arms[:, None]
    out[..., 7] = 0.08 * radial * legs[:, None]
    out[..., 8] = 0.05 * (template - np.array([0.0, 0.66, 0.0])) * head[:, None]
    front = np.clip(radial[:, 2] / 0.11, 0, 1) * (1 - arms) * (1 - head)
    out[:, 2, 9] = 0.022 * front * np.exp(-(((y - 0.06) / 0.11) ** 2))
    return out
