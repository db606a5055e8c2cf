"""Compiled kernels between processes: damaged files, other owners, two writers, a killed one."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gclbench.kernels import cache

LOOP = """if True:
    from gclbench.kernels.jit import jit
    def double(value):
        return {body}
    kernel = jit(double)
    answer = f"{{kernel({argument})}} {{dict(kernel.stats.cache_hits) != {{}}}}"
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GCLBENCH_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "loop.py"


def run(file: Path, body: str = "2 * value", argument: str = "21") -> str:
    """Compile or load the function anew, as another process would; tell the answer and which."""
    file.write_text(LOOP.format(body=body, argument=argument))
    cache._file_digest.cache_clear()
    names = {"__name__": "loop"}
    exec(compile(file.read_text(), str(file), "exec"), names)
    return names["answer"]


def kernels() -> list[Path]:
    return sorted(cache.kernel_folder().glob("*"))


def test_the_next_process_loads_what_one_has_compiled(file: Path) -> None:
    assert run(file) == "42 False"
    (kept,) = kernels()
    assert kept.name.startswith("double-")
    assert run(file) == "42 True"


def test_another_body_is_another_kernel(file: Path) -> None:
    assert run(file) == "42 False"
    assert run(file, body="3 * value") == "63 False"
    assert run(file) == "42 True"


def test_what_a_function_closes_over_is_never_another_calls(file: Path) -> None:
    file.write_text(
        "from gclbench.kernels.jit import jit\n"
        "def times(factor):\n"
        "    def kernel(value):\n"
        "        return factor * value\n"
        "    return jit(kernel)\n"
        "answers = times(2)(21), times(3)(21)\n"
    )
    for _ in range(2):
        names = {"__name__": "loop"}
        exec(compile(file.read_text(), str(file), "exec"), names)
        assert names["answers"] == (42, 63)


@pytest.mark.parametrize("damage", [b"", b"short", b"other", None])
def test_a_damaged_file_is_compiled_again(file: Path, damage: bytes | None) -> None:
    run(file)
    (kept,) = kernels()
    whole = kept.read_bytes()
    if damage is None:
        damage = whole[:-1] + bytes([whole[-1] ^ 1])
    elif damage == b"other":  # whole, but of another make
        content = pickle.dumps(("something", "else"))
        damage = hashlib.sha256(content).digest() + content
    kept.write_bytes(damage)
    assert run(file) == "42 False"
    assert run(file) == "42 True"


def test_a_file_of_other_types_counts_as_absent(file: Path) -> None:
    run(file)
    first = kernels()
    assert run(file, argument="21.0") == "42.0 False"
    (other,) = set(kernels()) - set(first)
    other.write_bytes(first[0].read_bytes())
    assert run(file, argument="21.0") == "42.0 False"


def test_two_processes_at_once_leave_whole_files(file: Path) -> None:
    run(file)
    cache.sweep(everything=True)
    file.write_text(file.read_text() + "    print(answer)\n")
    command = [sys.executable, str(file)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].split()[0] for process in both] == ["42", "42"]
    assert [path.suffix for path in kernels()] == [".kernel"]


def test_a_process_killed_while_it_writes_spoils_nothing(file: Path, tmp_path: Path) -> None:
    marker = tmp_path / "renaming"
    killed = tmp_path / "killed.py"
    killed.write_text(
        "import os, pathlib, time\n"
        f"def wait(*paths):\n    pathlib.Path({str(marker)!r}).touch()\n    time.sleep(60)\n"
        "os.replace = wait\n" + LOOP.format(body="2 * value", argument="21")
    )
    process = subprocess.Popen([sys.executable, str(killed)])
    while not marker.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (half,) = kernels()
    assert half.suffix != ".kernel"
    assert run(file) == "42 False"
    assert run(file) == "42 True"


def test_a_folder_that_others_may_write_or_own_is_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(file)
    folder = cache.kernel_folder()
    assert cache.trouble() == ""
    folder.chmod(0o775)
    assert "can be written by other users" in cache.trouble()
    assert run(file) == "42 False"
    folder.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "belongs to another user" in cache.trouble()


def test_where_nothing_can_be_written_each_process_compiles(
    file: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert f"{place.parent} cannot be written; GCLBENCH_CACHE=DIR" in cache.trouble()
    monkeypatch.undo()
    monkeypatch.setenv("GCLBENCH_CACHE", "/proc/nowhere")
    assert run(file) == "42 False"
    assert run(file) == "42 False"


def test_sweeping_keeps_what_is_current_and_says_what_is_gone(
    file: Path, place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cache, "_source_caches", lambda: [tmp_path / "__pycache__"])
    (tmp_path / "__pycache__").mkdir()
    for name in ("ranking._score-321.py311.1.nbc", "ranking._score-321.py311.nbi", "kept.pyc"):
        (tmp_path / "__pycache__" / name).write_bytes(bytes(1000))
    run(file)
    old = place / "kernels" / "0123456789abcdef01234567"
    old.mkdir()
    (old / "x.kernel").write_bytes(bytes(2_000_000))
    theirs = place / "kernels" / "my_cuda_sources"
    theirs.mkdir()
    (theirs / "thesis.cu").write_text("work of years")
    named_alike = place / "kernels" / "abcdef0123456789abcdef01"
    named_alike.mkdir()
    (named_alike / "notes.txt").write_text("not a kernel")
    listed = {folder.path: folder for folder in cache.folders()}
    assert set(listed) == {old, cache.kernel_folder(), tmp_path / "__pycache__"}
    assert np.isclose(listed[old].megabytes, 2)
    assert np.isclose(listed[tmp_path / "__pycache__"].megabytes, 0.002)
    assert [folder.path for folder in listed.values() if folder.current] == [cache.kernel_folder()]
    assert {folder.path for folder in cache.sweep()} == {old, tmp_path / "__pycache__"}
    assert os.listdir(tmp_path / "__pycache__") == ["kept.pyc"]
    assert run(file) == "42 True"
    cache.sweep(everything=True)
    assert cache.folders() == []
    assert (theirs / "thesis.cu").read_text() == "work of years"
    assert (named_alike / "notes.txt").exists()


def test_a_source_that_changes_after_its_import_is_not_what_was_compiled(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(LOOP.format(body="2 * value", argument="21").split("    answer")[0])
    names = {"__name__": "loop"}
    cache._file_digest.cache_clear()
    exec(compile(file.read_text(), str(file), "exec"), names)
    file.write_text(file.read_text().replace("2 *", "9 *"))
    cache._file_digest.cache_clear()
    assert names["kernel"](21) == 42
    assert run(file, body="9 * value") == "189 False"


def test_a_place_that_may_not_be_entered_is_no_error(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCLBENCH_CACHE", str(file.parent / ("x" * 300)))  # no such name can be
    assert "cannot" in cache.trouble() or cache.trouble() == ""
    assert run(file) == "42 False"
    assert cache.folders() == []
    stat = Path.stat

    def refuse(path: Path, **more: bool) -> os.stat_result:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(os.path, "exists", lambda path: "locked" not in str(path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setenv("GCLBENCH_CACHE", str(file.parent / "locked" / "kept"))
    assert "cannot be written" in cache.trouble()
    assert run(file) == "42 False"


def test_home_is_expanded_and_the_working_folder_is_taken_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GCLBENCH_CACHE", "~/fast")
    assert cache.base_folder() == tmp_path / "fast" / "kernels"
    monkeypatch.setenv("GCLBENCH_CACHE", "here")
    assert cache.base_folder() == Path.cwd() / "here" / "kernels"


def test_the_folder_is_named_by_sources_versions_and_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digest = cache._environment_digest.__wrapped__
    now = digest()
    assert cache.kernel_folder().name == now
    assert cache._FOLDER_NAME.fullmatch(now)
    monkeypatch.setattr(cache.numba, "__version__", "0.0")
    assert digest() != now
    monkeypatch.undo()
    monkeypatch.setattr(cache, "_sources_digest", lambda: "other")
    assert digest() != now
    monkeypatch.undo()
    codegen = cache.cpu_target.target_context.codegen()
    monkeypatch.setattr(type(codegen), "magic_tuple", lambda self: ("x86_64", "other", "+avx2"))
    assert digest() != now
