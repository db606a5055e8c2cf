"""DukeMTMC-reID (Ristani et al., 2016; Zheng et al., ICCV 2017)."""

from __future__ import annotations

import re

from gclbench.datasets.counts import Expected
from gclbench.datasets.layout import Rules
from gclbench.datasets.reader import ImageReader, Parsed
from gclbench.registry import register

_NAME = re.compile(r"^(\d{4})_c([1-9])_f(\d{7})\.jpg\Z", re.ASCII)


def _parse(match: re.Match[str]) -> Parsed:
    pid, cam, frame = (int(match.group(k)) for k in (1, 2, 3))
    return Parsed(pid, cam - 1, 0, frame)


@register("datasets", "dukemtmc_reid", revision=1)
def dukemtmc_reid() -> ImageReader:
    """DukeMTMC-reID: 36,411 boxes, 1,812 people, 8 cameras; 408 gallery ids are distractors."""
    return ImageReader(
        role="dukemtmc_reid",
        title="DukeMTMC-reID",
        pattern=_NAME,
        parse=_parse,
        folders=("", "DukeMTMC-reID", "dukemtmc_reid", "dukemtmc-reid", "dukemtmc"),
        expected={
            "train": Expected(
                16_522, 702, cameras=(2809, 3009, 1088, 1395, 1685, 3700, 1330, 1506)
            ),
            "query": Expected(2_228, 702, cameras=(413, 383, 190, 155, 216, 369, 239, 263)),
            "gallery": Expected(
                17_661, 1_110, cameras=(2704, 2798, 828, 1139, 1209, 3308, 1255, 4420)
            ),
        },
        on_disk={"bounding_box_train": 16_522, "query": 2_228, "bounding_box_test": 17_661},
        source="whoever may share it with you (its authors withdrew it)",
        rules=Rules(cameras=8),
    )
