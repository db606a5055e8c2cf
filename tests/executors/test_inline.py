from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from gclbench.executors import InlineExecutor
from gclbench.testing.executors import ExecutorContract, nothing_done, tiny_node, tiny_run


class TestInlineExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> InlineExecutor:
        return InlineExecutor()


def test_inline_nodes_run_in_this_process(tmp_path: Path) -> None:
    run = partial(tiny_run, tmp_path)
    InlineExecutor().execute([tiny_node("a")], nothing_done, run, lambda event: None)
    assert int((tmp_path / "a").read_text().split()[0]) == os.getpid()


def test_an_earlier_ready_node_goes_first(tmp_path: Path) -> None:
    order: list[str] = []
    nodes = [tiny_node("z"), tiny_node("m", "z"), tiny_node("a")]
    run = partial(tiny_run, tmp_path)
    InlineExecutor().execute(nodes, nothing_done, run, lambda e: order.append(type(e).__name__))
    assert order == ["NodeStarted", "NodeProgress", "NodeFinished"] * 3
    times = [(tmp_path / name).stat().st_mtime_ns for name in "zma"]
    assert times == sorted(times)
