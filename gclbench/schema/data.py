"""What is trained and tested on: the rendered world or real datasets, meshes, tracklets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from gclbench.schema.model import Model, setting
from gclbench.schema.numbers import Count, NonNegative

# Datasets whose samples are tracklets.
VIDEO_ROLES = ("mars", "dukemtmc_videoreid")
_Four = Annotated[int, Field(ge=4)]


class WorldSettings(Model):
    """Sizes of the built-in rendered world, per twin; twins of tracklets have a share of these."""

    seed: Count = setting(0, "which world: people, cameras and walks; pre-training's people too")
    people_train: _Four = setting(100, "identities of the training set", unit="people")
    people_test: _Four = setting(75, "identities of query and gallery", unit="people")
    images_per_person: _Four = setting(10, "images of an identity, all cameras together")
    distractor_people: Count = setting(
        12, "people of the gallery whom no query shows; MSMT17's twin has none", unit="people"
    )


class MeshSettings(Model):
    """Where the meshes that guide generation come from, and who draws their projections."""

    source: Literal["oracle", "params", "archive", "hmr"] = setting(
        "oracle", "true bodies of the world, a file of SMPL parameters, GCL's renders, or HMR"
    )
    noise_deg: NonNegative = setting(
        4.0, "oracle: sd of each joint's error, about every axis", unit="degrees"
    )
    root: str | None = setting(None, "params and archive: the file or folder that holds them")
    weights: str | None = setting(None, "hmr: SPIN's checkpoint of the network")
    body_model: str | None = setting(
        None, "params and hmr: the SMPL file that is posed; none: the stand-in"
    )
    renderer: Literal["auto", "pyrender", "raster"] = setting(
        "auto", "who draws projections; auto: pyrender where a GPU does OpenGL, else raster"
    )


class VideoSettings(Model):
    """Tracklets of MARS and DukeMTMC-VideoReID: the frames that are kept, and those of a step.

    Of each training tracklet evenly spaced frames are kept, because every one costs 8 projections
    (all of MARS: 4 million); of test tracklets all, as the paper pools.
    """

    train_frames_kept: Count = setting(
        16, "frames kept of a training tracklet, evenly spaced; 0: all", unit="frames"
    )
    test_frames_kept: Count = setting(
        0, "frames kept of a query or gallery tracklet; 0: all", unit="frames"
    )
    mars_frames: PositiveInt = setting(
        2, "frames of a MARS tracklet that a step of stage 3 sees", unit="frames"
    )
    dukemtmc_videoreid_frames: PositiveInt = setting(
        8, "frames of a DukeMTMC-VideoReID tracklet that a step of stage 3 sees", unit="frames"
    )
    mars_gallery: Literal["official", "without_queries"] = setting(
        "official", "whether MARS's gallery holds the query tracklets too, as the official one"
    )

    def step_frames(self, role: str) -> int:
        """Return how many frames of a sample a step of stage 3 sees; 1 for image datasets."""
        return int(getattr(self, f"{role}_frames")) if role in VIDEO_ROLES else 1


class DataSettings(Model):
    """Datasets and the size of their images."""

    root: str | None = setting(
        None, "folder of the real datasets; none: each is played by its rendered twin"
    )
    validation_share: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.0,
        "share of the training identities that are held out: not trained on, but ranked by "
        "evaluate.split=validation and stage 3's curve",
    )
    height_px: PositiveInt = setting(256, "height that images are resized to", unit="px")
    width_px: PositiveInt = setting(128, "width that images are resized to", unit="px")
    world: WorldSettings = WorldSettings()
    mesh: MeshSettings = MeshSettings()
    video: VideoSettings = VideoSettings()
