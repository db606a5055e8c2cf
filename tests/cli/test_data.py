"""`gclbench data`: what check prints and answers, what make writes, exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gclbench.cli.app import main
from gclbench.cli.exit import ExitCode
from gclbench.testing.layouts import write_duke_video, write_market, write_mars

SMALL = (
    *("profile=smoke", "data.height_px=16", "data.width_px=8", "data.world.people_train=4"),
    *("data.world.people_test=4", "data.world.images_per_person=4"),
)


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["data", "check", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_check_answers_with_counts_faults_terms_and_studies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_market(tmp_path)
    (tmp_path / "query/0005_c3s1_000010_00.jpg").write_bytes(b"")
    code, facts = check(capsys, "market1501", f"data.root={tmp_path}")
    assert code == ExitCode.FAILED
    assert set(facts) == {
        *("role", "title", "label", "root", "layout", "deep", "ok", "splits"),
        *("faults", "remarks", "terms", "unlocks"),
    }
    assert facts["ok"] is False
    assert facts["splits"]["query"]["images"] == 3
    assert facts["splits"]["query"]["published"]["images"] == 3368
    kinds = {each["kind"] for each in facts["faults"]}
    assert kinds == {"empty_file", "count", "files"}
    (empty,) = (each for each in facts["faults"] if each["kind"] == "empty_file")
    assert empty["examples"] == ["query/0005_c3s1_000010_00.jpg"]
    studies = {each["study"]: each for each in facts["unlocks"]}
    assert "table6" in studies
    assert "msmt17" not in studies
    assert facts["terms"]["withdrawn"] == ""


def test_check_prints_the_same_in_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_duke_video(tmp_path)
    assert main(["data", "check", "dukemtmc_videoreid", f"data.root={tmp_path}"]) == 1
    out = capsys.readouterr().out
    assert "train: 3 tracklets (published 2196), 9 images (published 369656)" in out
    assert "fault: DukeMTMC-VideoReID train: 3 tracklets, published 2196." in out
    assert "remark: DukeMTMC-VideoReID gallery" in out
    assert "withdrawn: DukeMTMC was taken down by its authors in 2019" in out
    assert out.startswith("NOT sound: 2 faults; images not decoded")


def test_deep_is_a_word_and_an_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_mars(tmp_path)
    (root / "bbox_train/0001/0001C1T0001F001.jpg").write_bytes(b"\xff\xd8 no image")
    for words in (["--deep"], ["deep=true"]):
        _, facts = check(capsys, "mars", f"data.root={root}", *words)
        assert facts["deep"] is True
        assert "undecodable" in {each["kind"] for each in facts["faults"]}
    _, facts = check(capsys, "mars", f"data.root={root}", "deep=false")
    assert "undecodable" not in {each["kind"] for each in facts["faults"]}


def test_the_gallery_of_mars_can_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_mars(tmp_path)
    _, facts = check(
        capsys, "mars", f"data.root={root}", "data.video.mars_gallery=without_queries"
    )
    assert facts["splits"]["gallery"]["tracklets"] == 3
    assert facts["splits"]["gallery"]["published"]["tracklets"] == 9330


@pytest.mark.parametrize("role", ["market1501", "mars"])
def test_without_a_root_the_twin_is_rendered_and_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], role: str
) -> None:
    code, facts = check(capsys, role, f"home={tmp_path}", *SMALL)
    assert code == ExitCode.OK
    assert facts["ok"] is True
    assert facts["label"] == f"synthetic_{role}"
    assert facts["splits"]["train"]["published"] is None


def test_make_writes_what_check_and_data_root_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "toy"
    assert main(["data", "make", "dukemtmc_videoreid", f"out={out}", *SMALL]) == 0
    said = capsys.readouterr().out
    assert f"data.root={out}" in said
    assert f"data.mesh.root={out / 'train_bodies.npz'}" in said
    code, facts = check(capsys, "dukemtmc_videoreid", f"data.root={out}", "--deep")
    assert code == ExitCode.OK
    assert facts["label"] == "synthetic_dukemtmc_videoreid"
    images = sum(facts["splits"][split]["images"] for split in ("train", "query", "gallery"))
    assert f"{images} images" in said


def test_make_writes_below_home_where_no_place_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "make", "dataset=market1501", f"home={tmp_path}", *SMALL]
    assert main(words) == 0
    assert (tmp_path / "data/synthetic_market1501/bounding_box_train").is_dir()
    assert main(words) == ExitCode.USAGE
    assert "not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "market"], "Did you mean 'market1501'"),
        (["check", "mars", "seeds=1"], "unknown word 'seeds'"),
        (["check", "mars", "deep=perhaps"], "Write true or false"),
        (["check", "mars", "data.video.mars_gallery=all"], "mars_gallery"),
        (["make"], "gclbench data make mars"),
        (["make", "mar"], "Did you mean 'mars'"),
        (["make", "dataset=mars", "data.root=toy"], "out=FOLDER"),
    ],
)
def test_wrong_words_are_answered(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], said: str
) -> None:
    assert main(["data", *words, f"home={tmp_path}"]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_the_verdict_on_a_folder_that_is_not_there_comes_first_and_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", "market1501", f"data.root={tmp_path / 'gone'}"]) == 1
    verdict, fault, source, *rest = capsys.readouterr().out.splitlines()
    assert verdict.startswith("NOT sound: 1 fault;")
    assert fault == f"fault: there is no folder {tmp_path / 'gone'}."
    assert source.startswith("source: ")
    assert len(rest) == 1


def test_a_root_may_be_written_as_a_file_manager_drops_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_market(tmp_path / "my reid")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    roots = ("~/my reid", (tmp_path / "my reid").as_uri(), "my reid/", f"{tmp_path}/./my reid")
    facts = [check(capsys, "market1501", f"data.root={root}")[1] for root in roots]
    assert [each["splits"]["train"]["images"] for each in facts] == [5] * 4


@pytest.mark.parametrize("name", [b"a\nb.jpg", b"\x1b[31mred.jpg", b"\xff\xfe.jpg"])
def test_names_of_others_are_shown_and_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: bytes
) -> None:
    write_market(tmp_path)
    (tmp_path / "query" / os.fsdecode(name)).write_bytes(b"x")
    assert main(["data", "check", "market1501", f"data.root={tmp_path}"]) == 1
    out = capsys.readouterr().out
    (line,) = (line for line in out.splitlines() if "names are not this dataset's" in line)
    assert line.isascii()
    assert line.endswith(".jpg")
    assert "\x1b" not in out
