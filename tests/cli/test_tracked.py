"""`gclbench show run`: a run of the store, or the last ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gclbench.tracking.place import store_url
from gclbench.tracking.store import RunStore

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> str:
    """Two runs of one node, the second failed, and one of another node."""
    store = RunStore(store_url(tmp_path))
    for number, (node, status, error) in enumerate(
        (("aaaa11", "INTERRUPTED", None), ("aaaa11", "FAILED", "Traceback\nBoom: 1"),
         ("aaaa22", "COMPLETED", None))
    ):  # fmt: skip
        store.add_run({
            "id": f"{node}-{number}", "node_key": node, "stage": "joint", "label": f"joint {node}",
            "seed": 0, "status": status, "started": f"2026-01-0{number + 1}T00:00:00+00:00",
            "config_json": json.dumps({"settings": {"joint": {"lr": 0.5}}}), "error": error,
            "host_json": "{}", "versions_json": "{}", "git_json": "{}",
        })  # fmt: skip
    store.close()
    return f"home={tmp_path}"


def test_a_failed_run_shows_its_settings_and_its_whole_trace(cli: Cli, home: str) -> None:
    code, out, err = cli("show", "run", "aaaa11", home)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == ["run: aaaa11-1", "status: FAILED"]
    assert "  joint.lr: 0.5" in lines
    assert lines[-3:] == ["error:", "  Traceback", "  Boom: 1"]


def test_a_run_by_its_whole_id_is_that_run(cli: Cli, home: str) -> None:
    _, out, _ = cli("show", "run", "aaaa11-0", home, "--json")
    assert json.loads(out)["status"] == "INTERRUPTED"


def test_without_an_id_the_last_runs_are_listed_the_newest_first(cli: Cli, home: str) -> None:
    _, out, _ = cli("show", "run", home)
    assert [line.split()[:2] for line in out.splitlines()] == [
        *(["aaaa22-2", "COMPLETED"], ["aaaa11-1", "FAILED"], ["aaaa11-0", "INTERRUPTED"]),
    ]


@pytest.mark.parametrize(
    ("run", "code", "said"),
    [
        ("aaaa", 2, "begins the ids of 3 runs"),
        ("aa", 2, "too short"),
        ("bbbb", 2, "unknown run 'bbbb'"),
    ],
)
def test_an_id_that_names_no_one_run_is_said(
    cli: Cli, home: str, run: str, code: int, said: str
) -> None:
    found, _, err = cli("show", "run", run, home)
    assert (found, said in err) == (code, True)


def test_a_home_without_runs_is_exit_3(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("show", "run", f"home={tmp_path}")
    assert code == 3
    assert "no run is recorded" in err
