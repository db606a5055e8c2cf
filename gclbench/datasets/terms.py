"""Where the real datasets come from and on what terms, as far as is known here.

No legal advice: what the authors say counts, and may have changed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """Who gives a dataset out, on what terms, and whether it was withdrawn ("" where not)."""

    source: str
    terms: str
    withdrawn: str = ""


_DUKE_WITHDRAWN = (
    "DukeMTMC was taken down by its authors in 2019: people had been filmed outdoors and the "
    "images given out freely, which the university's review board had not approved. The sets "
    "derived from it went offline too. Consider whether you need it; reports should say so."
)
TERMS: dict[str, Terms] = {
    "market1501": Terms(
        "Liang Zheng and others (ICCV 2015)",
        "Given out by its authors for research; no licence file comes with the images.",
    ),
    "dukemtmc_reid": Terms(
        "Zhedong Zheng and others (ICCV 2017), from DukeMTMC (Ristani and others, 2016)",
        "DukeMTMC was under CC BY-NC-SA 4.0: non-commercial, attribution, share alike.",
        _DUKE_WITHDRAWN,
    ),
    "msmt17": Terms(
        "Longhui Wei and others (CVPR 2018)",
        "Given out by its authors on a signed agreement: research only, no passing on. Version 2 "
        "(blurred faces) replaces version 1. Its download page has not always been reachable.",
    ),
    "mars": Terms(
        "Liang Zheng and others (ECCV 2016)",
        "Given out by its authors for research; no licence file comes with the images.",
    ),
    "dukemtmc_videoreid": Terms(
        "Yu Wu and others (CVPR 2018), from DukeMTMC (Ristani and others, 2016)",
        "DukeMTMC was under CC BY-NC-SA 4.0: non-commercial, attribution, share alike.",
        _DUKE_WITHDRAWN,
    ),
}
