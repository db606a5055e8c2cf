"""`gclbench doctor`: each check tells found and remedy, and none raises."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.cli import doctor

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GL probe in a process of its own."""
    done = subprocess.CompletedProcess([], 1, "", "ImportError: no EGL")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *a, **k: done)


@pytest.mark.usefixtures("quick")
def test_every_check_has_a_status_and_what_is_wrong_a_remedy(tmp_path: Path) -> None:
    findings = doctor.examine(tmp_path / "results")
    assert {f.check for f in findings} >= {
        *("python", "packages", "sacred", "torch", "faiss", "gl egl", "gl osmesa"),
        *("results folder", "disk", "content"),
    }
    for finding in findings:
        assert finding.status in ("ok", "warn", "fail")
        assert finding.found
        assert bool(finding.remedy) == (finding.status != "ok")


@pytest.mark.usefixtures("quick")
def test_json_is_a_list_of_checks(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("doctor", f"home={tmp_path / 'results'}", "--json")
    checks = json.loads(out)
    assert code == (1 if any(check["status"] == "fail" for check in checks) else 0)
    assert set(checks[0]) == {"check", "status", "found", "remedy"}


@pytest.mark.usefixtures("quick")
def test_a_results_folder_that_cannot_be_written_fails(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    code, out, _ = cli("doctor", f"home={tmp_path / 'file' / 'results'}")
    assert code == 1
    line = next(line for line in out.splitlines() if "results folder" in line)
    assert line.startswith("fail")


@pytest.mark.usefixtures("quick")
def test_missing_gl_is_a_warning_because_our_rasteriser_needs_none() -> None:
    finding = doctor._gl("egl")
    assert (finding.status, finding.found) == ("warn", "ImportError: no EGL")
    assert "libegl1" in finding.remedy


def test_a_missing_package_fails_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "smplx" else real(name))
    assert [f.status for f in doctor._packages()] == ["ok", "fail"]
    assert "smplx" in doctor._packages()[1].found


def test_both_faiss_packages_at_once_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "1.0")
    monkeypatch.setattr(doctor.importlib, "import_module", lambda name: object())
    assert doctor._faiss().status == "fail"


def test_little_disk_space_warns_and_none_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Usage:
        free = 2e9

    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: Usage)
    assert doctor._disk(tmp_path / "not yet").status == "warn"
    Usage.free = 1e6
    assert doctor._disk(tmp_path).status == "fail"
