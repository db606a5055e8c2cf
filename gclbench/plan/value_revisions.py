"""Values of settings whose numbers were changed: nodes that have one are made anew, no others.

A stage's revision would retrain every node of it. Where only a value other than the default means
something else now, that value has a revision of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gclbench.schema import Stage
from gclbench.schema.dotted import flatten

# (setting, value) -> stages whose numbers rest on it, and the revision since.
_CHANGED: Mapping[tuple[str, str], tuple[tuple[Stage, ...], int]] = {
    ("gan.adversarial", "nsgan"): ((Stage.GAN, Stage.JOINT), 2),  # R1 of sigmoid(D)
    ("gan.recon_feature_pair", "code"): ((Stage.JOINT,), 2),  # the order of E_id's passes
}


def value_revisions(stage: Stage, read: Mapping[str, Any]) -> dict[str, int]:
    """Return "setting/value" -> revision of the changed values among what a stage reads."""
    flat = flatten(read)
    return {
        f"{setting}/{value}": revision
        for (setting, value), (stages, revision) in _CHANGED.items()
        if stage in stages and flat.get(setting) == value
    }
