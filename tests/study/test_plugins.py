"""Users' packages: what they registered is remembered until a file of theirs changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gclbench

MODULE = '''
"""Components."""
import pathlib
from gclbench.registry import register
from gclbench.schema import Model

class Size(Model):
    size: int = 2

pathlib.Path(__file__).parents[1].joinpath("imports.txt").open("a").write("x")

@register("augmentations", "theirs", revision=3, parameters=Size)
class Theirs:
    """Theirs: an augmentation.

    More of it.
    """
    role = "view"
    space = "oracle"

    def __init__(self, parameters: Size, angles: int = 7) -> None:
        self.parameters = parameters

@register("losses", "their_loss")
def their_loss(terms: "ViewTerms") -> float:
    """Their loss."""
'''
LIST = """
import json, sys
from gclbench.study.catalog import everything
entries = [e for k in ("augmentations", "losses") for e in everything().entries(k)]
print(json.dumps([[e.name, e.revision, e.summary, e.module, e.takes_parameters, dict(e.settings)]
                  for e in entries if not e.module.startswith("gclbench.")]))
"""
SPACE = "from gclbench.study.catalog import everything, space; everything(); print(space('{}'))"


class Package:
    """A package with an entry point, in a folder of its own that is on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "site" / "theirs").mkdir(parents=True)
        (folder / "site" / "theirs" / "__init__.py").touch()
        self.source = folder / "site" / "theirs" / "things.py"
        self.source.write_text(MODULE)
        info = folder / "site" / "theirs-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[gclbench.components]\nt = theirs.things\n")

    @property
    def imports(self) -> int:
        note = self.folder / "site" / "imports.txt"
        return len(note.read_text()) if note.exists() else 0

    @property
    def cache(self) -> list[Path]:
        return list((self.folder / "cache").rglob("*.json"))

    def python(self, code: str) -> tuple[str, str]:
        paths = [str(self.folder / "site"), str(Path(gclbench.__file__).parents[1])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "GCLBENCH_CACHE": str(self.folder / "cache"),
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout, done.stderr


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path)


def test_a_list_imports_a_package_once_and_again_when_it_changed(package: Package) -> None:
    first = json.loads(package.python(LIST)[0])
    settings = {"angles": "7"}
    assert [
        "theirs", 3, "Theirs: an augmentation.", "theirs.things", True, settings
    ] in first  # fmt: skip
    assert package.imports == 1
    assert json.loads(package.python(LIST)[0]) == first
    assert package.imports == 1
    # Of another length: Python's own bytecode is told apart by whole seconds and the size.
    package.source.write_text(MODULE.replace("revision=3", "revision=14"))
    assert [row[1] for row in json.loads(package.python(LIST)[0]) if row[0] == "theirs"] == [14]
    assert package.imports == 2


def test_a_plan_imports_it_for_a_name_that_is_theirs_alone(package: Package) -> None:
    package.python(LIST)
    assert package.python(SPACE.format("rotation"))[0] == "structure\n"
    assert package.imports == 1
    assert package.python(SPACE.format("theirs"))[0] == "oracle\n"
    assert package.imports == 2


def test_what_is_remembered_badly_counts_as_nothing(package: Package) -> None:
    whole = package.python(LIST)[0]
    (file,) = package.cache
    for text in ("{}", "[]", file.read_text()[:-9], file.read_text().replace('"kind"', '"king"')):
        file.write_text(text)
        assert package.python(LIST)[0] == whole
    assert package.imports == 5


def test_a_package_that_cannot_be_imported_is_not_remembered(package: Package) -> None:
    package.source.write_text("import no_such_module\n")
    for _ in range(2):
        out, err = package.python(LIST)
        assert json.loads(out) == []
        assert "component plug-in 't' is left out: No module named 'no_such_module'" in err
    assert package.cache == []
