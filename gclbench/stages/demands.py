"""What a warm-up demands of its task, by two attributes of its class; one without any takes all.

`needs_source = True`      a labelled source beside the target, as UDA tasks have
`takes_tracklets = False`  images alone, of the target and of the source

They are read where a plan is made, before pre-training is paid for, and again by stage 1. A plan
imports no shipped warm-up for it: both must be plain values.
"""

from __future__ import annotations

from collections.abc import Sequence

from gclbench.errors import UsageError
from gclbench.registry import REGISTRY


def check_demands(method: str, task: str, *, sourced: bool, tracklets: Sequence[str]) -> None:
    """Raise UsageError where a task does not give the warm-up `method` what it demands.

    `task` is what the error calls it; `sourced`: it has a labelled source; `tracklets` names its
    datasets whose samples are tracklets. Raises UnknownNameError for an unknown method.
    """
    if REGISTRY.lookup("warmups", method).trait("needs_source", False) and not sourced:
        raise UsageError(
            f"warmup.method={method} needs a labelled source, and {task} has none.",
            "Run it on a uda task (for example task=duke2market), or choose another method: "
            "gclbench list warmups.",
        )
    if tracklets and not _takes_tracklets(method):
        others = [name for name in REGISTRY.names("warmups") if _takes_tracklets(name)]
        raise UsageError(
            f"warmup.method={method} runs on images, and {tracklets[0]} holds tracklets.",
            f"Choose a task of images, or another method: {', '.join(others)}.",
        )


def _takes_tracklets(method: str) -> bool:
    return bool(REGISTRY.lookup("warmups", method).trait("takes_tracklets", True))
