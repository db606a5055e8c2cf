"""A component that nobody registered: the message says how one comes in, and how none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.cli.app import main

STUDY = (
    "study: mine\ntitle: T\nrecipe: gcl_plus\nreport: table6\n"
    "tasks: [{name: market1501, setting: usl, label: M, target: market1501}]\n"
    "rows: [{key: baseline, label: B, set: {joint.augmentations: [mixupp]}}]\n"
)


@pytest.mark.parametrize("with_code", [False, True])
def test_the_message_says_how_a_package_announces_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], with_code: bool
) -> None:
    (tmp_path / "ablations").mkdir()
    (tmp_path / "ablations" / "mine.yaml").write_text(STUDY, encoding="utf-8")
    code = tmp_path / "components" / "mine.py"
    if with_code:
        code.parent.mkdir()
        code.write_text("raise SystemExit(9)\n", encoding="utf-8")
    words = ["ablation=mine", "profile=smoke", f"home={tmp_path / 'home'}"]
    assert main(["plan", *words, "--content", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "unknown augmentations 'mixupp'. Did you mean 'mixup'?" in err
    assert '[project.entry-points."gclbench.components"]' in err
    assert "pip install" in err
    said = f"{code} is not loaded: content never runs code"
    assert (said in err) is with_code
