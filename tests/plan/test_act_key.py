from __future__ import annotations

from typing import Any

from gclbench.plan.graph import stage_settings
from gclbench.schema import Settings, Stage


def warmup_part(**warmup: Any) -> dict[str, Any]:
    settings = Settings.model_validate({"warmup": warmup})
    read: dict[str, Any] = stage_settings(Stage.WARMUP, settings, "market1501", generative=False)[
        "warmup"
    ]
    return read


def test_act_reads_its_own_section_alone() -> None:
    plain = warmup_part(method="act")
    assert set(plain) == {"method", "act"}
    assert warmup_part(method="act", epochs=3, k1=7) == plain
    assert warmup_part(method="act", act={"epochs": 3}) != plain


def test_other_methods_do_not_read_it() -> None:
    assert "act" not in warmup_part()
    assert warmup_part(act={"epochs": 3}) == warmup_part()
