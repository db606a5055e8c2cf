"""What `gclbench list settings` says: every setting with its meaning, and the papers' symbols."""

from __future__ import annotations

import pytest

from gclbench.errors import UnknownNameError, UsageError
from gclbench.schema.dotted import setting_types
from gclbench.schema.reference import SettingRow, rows_of, section_of, sections

ROWS = {row.name: row for row in rows_of()}
SYMBOLS = {
    "joint.temperature": "τ",
    "joint.memory_momentum": "β",
    "joint.negatives": "K",
    "joint.lambda_vi": "λ_vi",
    "joint.lambda_mix": "λ_mix",
    "joint.mix_alpha": "α",
    "gan.lambda_recon": "λ_recon",
    "gan.mix_alpha": "α",
    "network.id_encoder.component": "E_id",
    "network.generator.component": "G",
    "network.generator.structure": "E_str",
    "network.discriminator.component": "D",
    "warmup.buc.size_penalty": "λ",
    "warmup.mmcl.delta": "δ",
    "warmup.scl.lambda_c": "λ_c",
    "warmup.mmt.soft_ce_weight": "λ_id",
}


def test_every_setting_is_listed_once_in_the_schemas_order() -> None:
    assert [row.name for row in rows_of()] == list(setting_types())


def test_every_setting_says_in_one_line_what_it_is() -> None:
    silent = [row.name for row in ROWS.values() if len(row.description) < 8]
    assert silent == []
    wordy = [row.name for row in ROWS.values() if len(row.description) > 140]
    assert wordy == []
    assert [row.name for row in ROWS.values() if "\n" in row.description] == []


def test_every_section_says_what_it_is() -> None:
    assert [section.name for section in sections() if len(section.summary) < 12] == []
    inside = {section_of(name) for name in ROWS}
    assert inside <= {section.name for section in sections()}


@pytest.mark.parametrize("name", SYMBOLS)
def test_the_papers_symbols_are_named(name: str) -> None:
    assert ROWS[name].symbol == SYMBOLS[name]


@pytest.mark.parametrize(
    "name, default, kind, limits, unit",
    [
        ("joint.temperature", 0.04, "number", "above 0", ""),
        ("joint.pseudo_labels.eps", 0.5, "number", "above 0, below 1", ""),
        ("joint.epochs", 20, "whole number", "above 0", "epochs"),
        ("data.world.people_train", 100, "whole number", "at least 4", "people"),
        ("data.root", None, "text or none", "", ""),
        ("gan.angles", 7, "one of 7, 6", "", ""),
        ("gan.view", None, "one of augmentations or none", "", ""),
        ("joint.losses", None, "list of losses", "", ""),
        ("network.generator.structure_dilations", [3, 6, 9], "3 whole numbers", "above 0", ""),
        (
            "warmup.buc.result",
            "silhouette",
            "one of silhouette, last or whole number",
            "at least 0",
            "",
        ),
        ("joint.exclude_self_positive", False, "true or false", "", ""),
        ("data.mesh.noise_deg", 4.0, "number", "at least 0", "degrees"),
    ],
)
def test_type_range_and_unit_are_read_from_the_schema(
    name: str, default: object, kind: str, limits: str, unit: str
) -> None:
    row = ROWS[name]
    assert (row.kind, row.limits, row.unit) == (kind, limits, unit)
    if name == "joint.losses":
        assert row.default[0] == "l_vi"
    else:
        assert row.default == default


def test_a_section_holds_those_inside_it_and_nothing_of_its_neighbours() -> None:
    names = [row.name for row in rows_of("warmup.scl")]
    assert names
    assert all(name.startswith("warmup.scl.") for name in names)
    assert {"joint.lr", "joint.pseudo_labels.eps"} <= {row.name for row in rows_of("joint")}
    assert rows_of("joint.lr") == [ROWS["joint.lr"]]
    assert isinstance(ROWS["joint.lr"], SettingRow)
    with pytest.raises(UnknownNameError, match="Did you mean 'joint'"):
        rows_of("jiont")
    with pytest.raises(UsageError, match=r"Did you mean 'joint\.temperature'"):
        rows_of("joint.temprature")
