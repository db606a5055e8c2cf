"""What is told of an error: the last place in the user's code or ours, and where the trace is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from gclbench.errors import TrainingError
from gclbench.executors.failure import describe, note_run, own_frame, place
from gclbench.kernels.mixing import mix
from gclbench.registry import REGISTRY, Entry


@pytest.fixture
def component(tmp_path: Path) -> ModuleType:
    """A module of a user's that fails inside torch."""
    file = tmp_path / "shapes.py"
    text = "import torch\n\n\ndef add(x, y):\n    return torch.add(x, y)\n"
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("shapes", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def error_of(call: object, *arguments: object) -> BaseException:
    with pytest.raises(Exception) as found:
        call(*arguments)  # type: ignore[operator]
    return found.value


def test_an_error_inside_torch_is_shown_at_the_users_own_line(component: ModuleType) -> None:
    error = error_of(component.add, torch.zeros(2), torch.zeros(3))
    text, kind, trace = describe(error)
    assert kind == "RuntimeError"
    assert text.startswith("RuntimeError: The size of tensor a (2) must match")
    assert text.endswith(f"({component.__file__}:5, in add: return torch.add(x, y))")
    assert "\n" not in text
    assert "torch.add(x, y)" in trace


def test_the_last_own_frame_counts_also_where_it_is_ours() -> None:
    error = error_of(mix, None, None, None)
    frame = own_frame(error)
    assert frame is not None
    assert frame[0].endswith("kernels/mixing.py")
    assert "kernels/mixing.py:" in place(error)


def test_an_installed_package_is_the_users_where_it_has_a_component(
    tmp_path: Path, component: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysconfig.get_paths", lambda: dict.fromkeys(
        ("stdlib", "platstdlib", "purelib", "platlib"), str(tmp_path)))  # fmt: skip
    error = error_of(component.add, torch.zeros(2), torch.zeros(3))
    assert "shapes.py" not in place(error)
    monkeypatch.setitem(sys.modules, "shapes", component)
    component.add.__module__ = "shapes.inner"
    entry = Entry("losses", "mine", 1, component.add)
    monkeypatch.setitem(REGISTRY._entries.setdefault("losses", {}), "mine", entry)
    assert "shapes.py:5, in add" in place(error)


def test_code_without_a_file_is_passed_over() -> None:
    assert "test_failure.py:" in place(error_of(eval, "1 / 0"))


def test_an_error_that_explains_itself_is_its_own_message() -> None:
    assert describe(TrainingError("not finite.", "Lower lr."))[0] == "not finite. Lower lr."
    denied = PermissionError(13, "Permission denied", "/data/x.jpg")
    assert describe(denied)[:2] == ("/data/x.jpg: permission denied", "PermissionError")


def test_a_kept_trace_is_named_with_the_command_that_shows_it() -> None:
    error = ValueError("wrong")
    note_run(error, "3fb0c1d2", Path("home/errors/3fb0c1d2.txt"))
    assert describe(error)[0] == (
        "ValueError: wrong Whole trace: gclbench show run 3fb0c1d2, or home/errors/3fb0c1d2.txt"
    )
    assert describe(KeyError())[0] == "KeyError"
