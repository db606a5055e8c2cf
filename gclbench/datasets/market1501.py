"""Market-1501 (Zheng et al., ICCV 2015)."""

from __future__ import annotations

import re

from gclbench.datasets.counts import Expected
from gclbench.datasets.layout import Rules
from gclbench.datasets.reader import ImageReader, Parsed
from gclbench.registry import register

_NAME = re.compile(r"^(-1|\d{4})_c([1-9])s(\d)_(\d{6})_(\d{2})\.jpg(\.jpg)?\Z", re.ASCII)


def _parse(match: re.Match[str]) -> Parsed:
    pid, cam, sequence, frame = (int(match.group(k)) for k in (1, 2, 3, 4))
    return Parsed(pid, cam - 1, sequence - 1, frame)


@register("datasets", "market1501", revision=1)
def market1501() -> ImageReader:
    """Market-1501: 32,668 boxes of 1,501 people from 6 cameras; id 0 distractor, -1 junk."""
    return ImageReader(
        role="market1501",
        title="Market-1501",
        pattern=_NAME,
        parse=_parse,
        folders=("", "Market-1501-v15.09.15", "market1501", "market1501/Market-1501-v15.09.15"),
        expected={
            "train": Expected(12_936, 751, cameras=(2017, 1709, 2707, 920, 2338, 3245)),
            "query": Expected(3_368, 750, cameras=(668, 530, 717, 248, 622, 583)),
            "gallery": Expected(15_913, 751, cameras=(2738, 2224, 3199, 1365, 2762, 3625)),
        },
        source="its authors (Liang Zheng)",
        rules=Rules(cameras=6),
        on_disk={"bounding_box_train": 12_936, "query": 3_368, "bounding_box_test": 19_732},
    )
