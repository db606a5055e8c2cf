"""Every knob of the rendered world in one place: what the twins share and in what they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gclbench.errors import UnknownNameError

Colour = tuple[int, int, int]

_UPPER: tuple[Colour, ...] = (
    (232, 232, 228),
    (46, 48, 54),
    (128, 130, 134),
    (168, 44, 46),
    (44, 78, 146),
    (58, 108, 72),
    (206, 176, 92),
    (122, 84, 128),
)
_LOWER: tuple[Colour, ...] = (
    (40, 42, 50),
    (58, 78, 118),
    (118, 110, 96),
    (176, 166, 144),
    (96, 72, 58),
)


@dataclass(frozen=True)
class TwinSpec:
    """One twin of the world. Shares are probabilities 0-1, angles degrees, colours RGB 0-255.

    yaw 0 faces the camera, 90 walks towards the right edge of the image, 180 shows the back.
    """

    role: str
    name: str
    grammar: Literal["market", "duke", "msmt", "mars", "dukev"]
    # Views: one entry per camera, the direction in which most people cross its picture.
    yaw_centres_deg: tuple[float, ...]
    yaw_spread_deg: float = 14.0  # between the people whom one camera sees
    yaw_jitter_deg: float = 7.0  # between the images of one visit
    reverse_share: float = 0.06  # visits in the opposite direction
    pitch_deg: tuple[float, float] = (1.0, 5.0)  # the camera looks down by this, per camera
    # Light and colour, per camera (sd of factors) and for the whole twin.
    brightness: float = 1.0
    warmth: float = 0.0  # red up and blue down by this factor
    camera_colour_sd: float = 0.035
    camera_exposure_sd: float = 0.05
    image_exposure_sd: float = 0.03
    light_strength: float = 0.42
    noise_sd: float = 3.0
    # Background, per camera, smooth.
    ground: Colour = (150, 146, 138)
    wall: Colour = (176, 172, 164)
    background_colour_sd: float = 9.0
    background_texture: float = 12.0
    # Framing of the detector's box.
    fill: tuple[float, float] = (0.86, 0.97)  # body height over image height
    shift_sd: float = 0.018  # in image heights
    # People.
    upper: tuple[Colour, ...] = _UPPER
    lower: tuple[Colour, ...] = _LOWER
    palette_sd: float = 7.0  # difference between two garments of one palette colour
    family_size: int = 4  # people who wear the same main colours (look-alikes)
    front_print_share: float = 0.45
    back_print_share: float = 0.25
    stripes_share: float = 0.15
    open_jacket_share: float = 0.30
    coat_share: float = 0.12
    skirt_share: float = 0.15
    shorts_share: float = 0.20
    backpack_share: float = 0.30
    handbag_share: float = 0.18
    strap_share: float = 0.15
    hat_share: float = 0.12
    # Routes.
    images_per_visit: tuple[int, int] = (2, 3)  # test people
    train_images_per_visit: tuple[int, int] = (3, 4)  # more per visit: fewer views of a person
    start_span_frames: int = 120_000
    travel_frames: tuple[int, int] = (2_000, 16_000)
    travel_sd: float = 0.08
    sequence_frames: int = 70_000  # Market restarts its frame counter after this many
    # Test set.
    junk_per_person: float = 0.6  # Market: bad boxes (id -1) per test person

    @property
    def cameras(self) -> int:
        return len(self.yaw_centres_deg)


@dataclass(frozen=True)
class Slot:
    """A part of a day. `sun_deg` turns the light about the vertical, `height` scales its height.

    exposure multiplies all colours; warmth raises red and lowers blue by this factor.
    """

    name: str
    exposure: float
    warmth: float
    sun_deg: float
    height: float


def _days(weather: dict[str, tuple[float, float]]) -> tuple[Slot, ...]:
    """Return morning, noon and afternoon of each day, given its (exposure, warmth) by MMDD."""
    parts = (
        ("morning", 0.84, -0.05, -50.0, 0.7),
        ("noon", 1.12, 0.0, 0.0, 1.5),
        ("afternoon", 0.94, 0.07, 50.0, 0.6),
    )
    return tuple(
        Slot(f"{day}{part}", exposure * bright, warmth + tint, sun, height)
        for day, (exposure, warmth) in weather.items()
        for part, bright, tint, sun, height in parts
    )


@dataclass(frozen=True)
class SlottedSpec(TwinSpec):
    """A twin that is filmed in time slots, in the grammar "msmt".

    Its knobs are here because a field of TwinSpec would change the fingerprint of every twin.
    """

    # Real MSMT17's days; two are overcast.
    slots: tuple[Slot, ...] = _days(
        {"0113": (0.86, -0.04), "0114": (1.04, 0.0), "0302": (0.94, 0.03), "0303": (1.10, 0.02)}
    )
    indoor: tuple[int, ...] = (12, 13, 14)  # cameras (0-based) whose light no slot changes
    return_share: float = 0.25  # people whose later visits are in another slot
    frames_per_number: int = 25  # names count in these


@dataclass(frozen=True)
class TrackletSpec(TwinSpec):
    """A twin of tracklets, in the grammars "mars" and "dukev".

    A tracklet is a walk of a few boxes; `images_per_visit` count tracklets here.
    """

    people_share: float = 0.5  # of the people that the world's sizes ask for
    tracklets_share: float = 1.0  # tracklets of a person, per image that the sizes ask for
    boxes: tuple[int, int] = (6, 7)  # in a tracklet
    frame_step: int = 1  # video frames from one box to the next
    stride_frames: float = 24.0
    pause_frames: tuple[int, int] = (40, 160)  # between two tracklets of one visit
    # Drift from box to box (sd); image_exposure_sd and shift_sd are between tracklets.
    yaw_drift_deg: float = 1.5
    shift_drift_sd: float = 0.004
    fill_drift_sd: float = 0.004
    exposure_drift_sd: float = 0.004
    scene_drift: float = 0.012  # the scene moves by this share behind somebody who walks past
    gap_share: float = 0.0  # tracklets in which the tracker lost a box


# What the two twins of the Duke campus share: cameras' height, clothes of the season, distances.
_DUKE_CAMPUS: dict[str, Any] = {
    "pitch_deg": (2.0, 7.0),
    "coat_share": 0.25,
    "skirt_share": 0.08,
    "shorts_share": 0.08,
    "backpack_share": 0.38,
    "start_span_frames": 110_000,
    "travel_frames": (2_500, 18_000),
}
_SPECS: dict[str, TwinSpec] = {
    "market1501": TwinSpec(
        role="market1501",
        name="synthetic_market1501",
        grammar="market",
        yaw_centres_deg=(5.0, 178.0, 88.0, 272.0, 42.0, 205.0),
        brightness=1.07,
        warmth=0.05,
    ),
    "dukemtmc_reid": TwinSpec(
        role="dukemtmc_reid",
        name="synthetic_dukemtmc_reid",
        grammar="duke",
        yaw_centres_deg=(182.0, 2.0, 268.0, 92.0, 318.0, 158.0, 350.0, 225.0),
        brightness=0.66,
        warmth=-0.11,
        ground=(138, 142, 140),
        wall=(150, 157, 163),
        **_DUKE_CAMPUS,
    ),
    "msmt17": SlottedSpec(
        role="msmt17",
        name="synthetic_msmt17",
        grammar="msmt",
        yaw_centres_deg=(
            *(0.0, 175.0, 95.0, 265.0, 30.0, 210.0, 330.0, 150.0),
            *(60.0, 240.0, 120.0, 300.0, 10.0, 190.0, 80.0),
        ),
        pitch_deg=(1.0, 9.0),
        brightness=0.88,
        warmth=-0.02,
        camera_colour_sd=0.05,
        camera_exposure_sd=0.08,
        ground=(144, 140, 130),
        wall=(158, 164, 160),
        background_colour_sd=14.0,
        coat_share=0.30,
        skirt_share=0.06,
        shorts_share=0.04,
        backpack_share=0.40,
        hat_share=0.16,
        start_span_frames=60_000,
        travel_frames=(1_500, 9_000),
    ),
    "mars": TrackletSpec(
        role="mars",
        name="synthetic_mars",
        grammar="mars",
        yaw_centres_deg=(185.0, 12.0, 272.0, 95.0, 330.0, 140.0),
        brightness=1.0,
        warmth=0.06,
        ground=(158, 152, 138),
        wall=(170, 168, 166),
        skirt_share=0.20,
        backpack_share=0.34,
    ),
    "dukemtmc_videoreid": TrackletSpec(
        role="dukemtmc_videoreid",
        name="synthetic_dukemtmc_videoreid",
        grammar="dukev",
        yaw_centres_deg=(2.0, 178.0, 92.0, 266.0, 150.0, 312.0, 222.0, 40.0),
        brightness=0.70,
        warmth=-0.09,
        ground=(134, 140, 140),
        wall=(156, 160, 162),
        **_DUKE_CAMPUS,
        # A person has one tracklet in a camera: only another camera's can be matched with it.
        images_per_visit=(1, 1),
        train_images_per_visit=(1, 1),
        reverse_share=0.4,
        background_colour_sd=5.0,
        background_texture=7.0,
        family_size=2,
        people_share=0.6,
        tracklets_share=0.5,
        boxes=(8, 12),
        frame_step=12,
        stride_frames=57.0,  # DukeMTMC is filmed at 60 frames per second
        yaw_drift_deg=8.0,  # half a minute on foot
        shift_drift_sd=0.007,
        scene_drift=0.03,
        gap_share=0.15,
    ),
    "pretrain": TwinSpec(
        role="pretrain",
        name="synthetic_pretrain",
        grammar="market",
        yaw_centres_deg=(0.0, 60.0, 120.0, 180.0, 240.0, 300.0),
        yaw_spread_deg=30.0,
        brightness=1.15,
        warmth=0.0,
        ground=(168, 168, 160),
        wall=(186, 190, 190),
        upper=(
            (240, 214, 60),
            (60, 190, 190),
            (226, 120, 60),
            (226, 130, 170),
            (120, 190, 90),
            (90, 90, 200),
            (236, 236, 236),
            (70, 70, 76),
            (160, 60, 60),
            (150, 120, 200),
        ),
        lower=(
            (60, 60, 70),
            (80, 110, 170),
            (150, 130, 90),
            (200, 196, 184),
            (120, 70, 60),
            (70, 110, 80),
        ),
        palette_sd=14.0,
        family_size=1,
    ),
}


def world_spec(role: str) -> TwinSpec:
    """Return the twin of a role, or the `pretrain` set.

    Raises UnknownNameError.
    """
    if role not in _SPECS:
        raise UnknownNameError("world", role, _SPECS)
    return _SPECS[role]
