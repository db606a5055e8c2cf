"""How many people and images a twin has, before anybody is drawn."""

from __future__ import annotations

from gclbench.datasets.synthetic.spec import TrackletSpec
from gclbench.schema.settings import WorldSettings

DISTRACTOR_IMAGES = 5
_LEAST_PEOPLE = 4


def scaled(sizes: WorldSettings, spec: TrackletSpec) -> WorldSettings:
    """Return the sizes of a twin of tracklets: fewer people, because each has more images.

    Its `images_per_person` are the tracklets of a person.
    """
    share = spec.people_share
    return sizes.model_copy(
        update={
            "people_train": max(_LEAST_PEOPLE, round(share * sizes.people_train)),
            "people_test": max(_LEAST_PEOPLE, round(share * sizes.people_test)),
            "distractor_people": round(share * sizes.distractor_people),
            "images_per_person": max(2, round(spec.tracklets_share * sizes.images_per_person)),
        }
    )
