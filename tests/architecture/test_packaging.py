"""The wheel carries the content folders; the settings of every tool stand in pyproject.toml."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_wheel_takes_every_content_folder() -> None:
    wheel = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert wheel == {
        folder: f"gclbench/_content/{folder}" for folder in ("ablations", "baselines", "reports")
    }
    assert all((ROOT / folder).is_dir() for folder in wheel)


def test_the_sdist_takes_the_examples_and_only_what_is_there() -> None:
    taken = SETTINGS["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert "/examples" in taken
    assert [path for path in taken if not list(ROOT.glob(path.removeprefix("/")))] == []


def test_content_folders_hold_no_python() -> None:
    found = [path for folder in ("ablations", "baselines", "reports")
             for path in (ROOT / folder).rglob("*.py")]  # fmt: skip
    assert found == []


def test_the_packages_the_bench_is_built_on_are_required() -> None:
    project = SETTINGS["project"]
    required = {entry.split(">")[0].split("<")[0] for entry in project["dependencies"]}
    asked = {
        "torch", "sacred", "optuna", "pandas", "seaborn", "smplx", "pyrender", "scikit-learn",
        "rich", "setuptools",
    }  # fmt: skip
    assert asked <= required
    assert project["optional-dependencies"]["cpu"][0].startswith("faiss-cpu")
    assert project["optional-dependencies"]["gpu"][0].startswith("faiss-gpu")


def test_the_console_script_leads_to_a_function() -> None:
    module, _, function = SETTINGS["project"]["scripts"]["gclbench"].partition(":")
    text = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert f"def {function}(" in text


def test_coverage_has_a_floor() -> None:
    assert SETTINGS["tool"]["coverage"]["report"]["fail_under"] >= 85


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wheel_builder = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    return Path(next(wheel_builder.WheelBuilder(str(ROOT)).build(directory=str(folder))))


def test_a_wheel_carries_the_migrations_of_the_store(built: Path) -> None:
    scripts = (ROOT / "gclbench" / "tracking" / "migrations" / "versions").glob("*.py")
    with zipfile.ZipFile(built) as wheel:
        packed = wheel.namelist()
    wanted = [path.relative_to(ROOT).as_posix() for path in scripts]
    assert len(wanted) >= 2
    assert set(wanted) <= set(packed)


def test_a_wheel_holds_exactly_the_content_of_the_checkout(built: Path) -> None:
    with zipfile.ZipFile(built) as wheel:
        packed = {
            name.removeprefix("gclbench/_content/"): wheel.read(name)
            for name in wheel.namelist()
            if name.startswith("gclbench/_content/")
        }
    folders = ("ablations", "baselines", "reports")
    here = {
        file.relative_to(ROOT).as_posix(): file.read_bytes()
        for folder in folders
        for file in sorted((ROOT / folder).rglob("*"))
        if file.is_file()
    }
    assert packed == here
