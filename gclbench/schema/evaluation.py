"""Settings of evaluation: the protocol, and JVTC+'s ranking by look, cameras and times."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from gclbench.schema.model import Model, setting


class CameraTimeSettings(Model):
    """JVTC+'s model of when people walk from one camera to another (docs/specs/jvtc.md, 3.5)."""

    rho: PositiveFloat = setting(
        1.6e-3, "share of training pairs taken for the same person when they are clustered"
    )
    frame_bin: PositiveInt = setting(
        100, "frames in a bin of the histograms of travel times", unit="frames"
    )
    smoothing_bins: PositiveFloat = setting(
        50.0, "sd of the Gaussian that smooths those histograms", unit="bins"
    )


class EvaluateSettings(Model):
    """Market-1501 single-query protocol; see docs/specs/evaluation.md, section 1.

    `camera_time_model` is read with `camera_time` only.
    """

    split: Literal["test", "validation"] = setting(
        "test", "who is ranked: the test set, or held-out training identities"
    )
    average_precision: Literal["step", "trapezoid", "grouped"] = setting(
        "step",
        "how the area under a query's precision is taken; grouped: step with equal distances as "
        "one place, as scikit-learn does",
    )
    batch_size: PositiveInt = setting(64, "images of a batch of features", unit="images")
    camera_time: bool = setting(
        False, "whether to rank by look, cameras and times together, as JVTC+ does"
    )
    camera_time_model: CameraTimeSettings = CameraTimeSettings()
