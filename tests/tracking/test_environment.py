"""Whose components were at work: distributions by entry point, with their checkout's state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gclbench.tracking import environment
from gclbench.tracking.environment import component_packages, conditions

GROUP = "gclbench.test_components"
Install = Callable[..., Path]


@pytest.fixture(autouse=True)
def asked_anew() -> None:
    component_packages.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package and its metadata on the path, as an editable install does."""

    def make(name: str, module: str, folder: str = "src") -> Path:
        source, info = (
            tmp_path / folder,
            tmp_path / "meta" / f"{name.replace('-', '_')}-1.2.dist-info",
        )
        (source / module).mkdir(parents=True)
        (source / module / "__init__.py").write_text("")
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\nmine = {module}.inside\n")
        for path in (source, info.parent):
            monkeypatch.syspath_prepend(path)
        return source

    return make


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", "-C", folder, *name, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_package_in_a_checkout_names_its_commit_and_whether_files_differ(
    install: Install,
) -> None:
    source = install("my-parts", "gcl_test_parts")
    git(source, "init", "-q")
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "first")
    commit = git(source, "rev-parse", "HEAD")
    clean = {"version": "1.2", "commit": commit, "dirty": "false"}
    assert component_packages(GROUP) == {"my-parts": clean}
    (source / "gcl_test_parts" / "__init__.py").write_text("changed = True\n")
    component_packages.cache_clear()
    assert component_packages(GROUP) == {"my-parts": {**clean, "dirty": "true"}}
    assert "gcl_test_parts" not in sys.modules


def test_an_installed_copy_has_a_version_only(install: Install, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")  # an environment may lie inside of somebody's checkout
    install("my-parts", "gcl_test_copy", "lib/site-packages")
    assert component_packages(GROUP) == {"my-parts": {"version": "1.2"}}


def test_a_package_outside_of_a_checkout_and_one_that_is_broken(install: Install) -> None:
    install("b-plain", "gcl_test_plain")
    broken = install("a-broken", "gcl_test_broken", "other")
    (broken / "gcl_test_broken" / "__init__.py").unlink()
    (broken / "gcl_test_broken").rmdir()
    found = component_packages(GROUP)
    assert list(found) == ["a-broken", "b-plain"]
    assert found == {"a-broken": {"version": "1.2"}, "b-plain": {"version": "1.2"}}


def test_conditions_name_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "cpu_model", lambda: "a CPU")
    monkeypatch.setattr(environment, "instruction_set", lambda: "avx2")
    monkeypatch.setattr(environment.platform, "node", lambda: "bench")
    monkeypatch.setattr(environment, "git_state", lambda: {"commit": "c", "dirty": "false"})
    found = conditions(threads=3, device="cpu", engine="local", group=GROUP)
    assert found.model_dump(exclude_defaults=True) == {
        "cpu_model": "a CPU",
        "instruction_set": "avx2",
        "threads": 3,
        "device": "cpu",
        "host": "bench",
        "engine": "local",
        "git": {"commit": "c", "dirty": "false"},
    }
