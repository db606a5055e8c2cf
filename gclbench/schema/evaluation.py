"""Settings of evaluation: the protocol, and JVTC+'s ranking by look, cameras and times."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from gclbench.schema.model import Model


class CameraTimeSettings(Model):
    """JVTC+'s model of when people walk from one camera to another (docs/specs/jvtc.md, 3.5).

    `rho`: the share of training pairs that is taken for the same person when the model's
    pseudo identities are clustered; `frame_bin`: frames in a bin.
    """

    rho: PositiveFloat = 1.6e-3
    frame_bin: PositiveInt = 100
    smoothing_bins: PositiveFloat = 50.0


class EvaluateSettings(Model):
    """Market-1501 single-query protocol; see docs/specs/evaluation.md, section 1.

    `camera_time` ranks by look, cameras and times together, as JVTC+ does; `camera_time_model` is
    read then only.
    """

    split: Literal["test", "validation"] = "test"
    average_precision: Literal["step", "trapezoid"] = "step"
    batch_size: PositiveInt = 64
    camera_time: bool = False
    camera_time_model: CameraTimeSettings = CameraTimeSettings()
