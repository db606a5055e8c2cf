"""What a table says of the question that it answers."""

from __future__ import annotations

from gclbench.results.tables import settings_given


def test_what_was_set_for_every_row_is_named_but_where_data_lies() -> None:
    assert settings_given({"data.root": "/data/reid", "joint.lr": 0.1, "data.height_px": 64}) == [
        "Set for every row: data.height_px=64, joint.lr=0.1."
    ]
    assert settings_given({"data.root": "/data/reid"}) == []
