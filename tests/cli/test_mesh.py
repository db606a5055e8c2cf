"""`gclbench mesh`: bodies estimated, renders imported and written, over a small rendered world."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gclbench.cli.app import main
from gclbench.meshes.hmr import Hmr

Cli = Callable[..., tuple[int, str, str]]
Mesh = Callable[..., tuple[int, str, str]]
DATA = ("dataset=market1501", "profile=smoke", "data.world.people_train=4",
        "data.world.people_test=4", "data.mesh.renderer=raster", "device=cpu")  # fmt: skip
IMAGES = 24


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with the projections of the world's true bodies, written as `renders`."""
    folder = tmp_path_factory.mktemp("made")
    assert main(["mesh", "render", *DATA, f"home={folder}", f"out={folder / 'renders'}"]) == 0
    return folder


@pytest.fixture
def home(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "results"
    shutil.copytree(made, folder)
    return folder


@pytest.fixture
def mesh(cli: Cli, home: Path) -> Mesh:
    return lambda verb, *words: cli("mesh", verb, *DATA, f"home={home}", *words)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    network = Hmr(width=4, blocks=(1, 1, 1, 1), hidden=16)
    generator = torch.Generator().manual_seed(0)
    for tensor in network.parameters():
        tensor.data = 0.01 * torch.randn(tensor.shape, generator=generator)
    network.init_pose.copy_(torch.tensor([1.0, 0, 0, 1, 0, 0]).repeat(24)[None])
    network.init_cam.copy_(torch.tensor([[0.9, 0, 0]]))
    torch.save({"model": network.state_dict()}, tmp_path / "spin.pt")
    return tmp_path / "spin.pt"


def arrays(home: Path) -> dict[str, np.ndarray]:
    return {path.name: np.load(path) for path in home.glob("cache/arrays/*/projections*.npy")}


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def zipped(folder: Path, file: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name in names(folder):
            archive.write(folder / name, prefix + name)
    return file


def test_renders_are_the_projections_in_gcls_layout(home: Path) -> None:
    (projections,) = arrays(home).values()
    listed = names(home / "renders")
    assert len(listed) == 8 * IMAGES == 8 * len(projections)
    own = sorted(name for name in listed if name.startswith("train/render/"))
    assert own[0].endswith(".jpg")
    images = np.stack([np.asarray(Image.open(home / "renders" / name)) for name in own])
    np.testing.assert_array_equal(images, projections[:, 0])


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_renders_that_are_imported_give_the_same_projections(
    mesh: Mesh, home: Path, tmp_path: Path, kind: str
) -> None:
    archive = tmp_path / f"meshes.{kind}"
    if kind == "zip":
        zipped(home / "renders", archive, "market/")
    else:
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(home / "renders", "market")
    out = tmp_path / "unpacked"
    code, said, err = mesh("import", f"archive={archive}", f"out={out}")
    assert (code, err) == (0, "")
    assert f"train: all {IMAGES} images have their 8 renders" in said
    assert "test: no renders; training needs none" in said
    assert f"data.mesh.source=archive data.mesh.root={out}" in said
    assert names(out) == names(home / "renders")
    before = arrays(home)
    again = ("data.mesh.source=archive", f"data.mesh.root={out}", f"out={tmp_path / 'again'}")
    assert mesh("render", *again)[0] == 0
    (truth,) = before.values()
    (read,) = (array for name, array in arrays(home).items() if name not in before)
    np.testing.assert_array_equal(read, truth)
    for name in names(out):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


def test_a_folder_is_read_where_it_is_also_among_other_datasets(
    mesh: Mesh, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "renders", tmp_path / "all" / "market")
    (tmp_path / "all" / "DukeMTMC" / "train" / "render").mkdir(parents=True)
    extra = tmp_path / "all" / "market" / "test" / "render_90"
    extra.mkdir(parents=True)
    before = names(tmp_path)
    code, said, _ = mesh("import", f"archive={tmp_path / 'all'}")
    assert code == 0
    assert f"data.mesh.root={tmp_path / 'all' / 'market'}" in said
    assert names(tmp_path) == before
    assert not (home / "meshes").exists()
    code, _, err = mesh("import", f"archive={tmp_path / 'all'}", f"out={tmp_path / 'x'}")
    assert (code, "read where it is" in err) == (2, True)


def test_missing_renders_of_training_images_are_exit_3_and_nothing_is_unpacked(
    mesh: Mesh, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "renders", tmp_path / "part")
    gone = sorted((tmp_path / "part" / "train" / "render_45").iterdir())[:11]
    for file in gone:
        file.unlink()
    code, _, err = mesh("import", f"archive={zipped(tmp_path / 'part', tmp_path / 'a.zip')}")
    assert code == 3
    assert f"11 rendered bodies are missing under {tmp_path / 'a.zip'}" in err
    assert f"train/render_45 11 of {IMAGES}" in err
    assert all(f"train/render_45/{file.name}" in err for file in gone[:10])
    assert gone[10].name not in err
    assert not (home / "meshes").exists()


def test_missing_renders_of_test_images_are_told(mesh: Mesh, home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "renders", tmp_path / "part")
    world = next(home.glob("cache/worlds/*/query"))
    first, *others = sorted(path.name for path in world.iterdir())
    (tmp_path / "part" / "test" / "render").mkdir(parents=True)
    Image.new("L", (4, 8)).save(tmp_path / "part" / "test" / "render" / first, "JPEG")
    code, said, _ = mesh("import", f"archive={tmp_path / 'part'}")
    assert code == 0
    assert "renders are missing; training needs none of them" in said
    (line,) = [line for line in said.splitlines() if line.startswith("  render: ")]
    assert first not in line
    assert len(line.partition(", ...")[0].split(", ")) == 10
    assert others


def hostile(file: Path) -> Path:
    """Renders, and one file that would land beside the results folder."""
    with tarfile.open(file, "w") as archive:
        info = tarfile.TarInfo("train/render/../../../../outside.jpg")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
    return file


def test_a_hostile_archive_writes_nothing(mesh: Mesh, home: Path, tmp_path: Path) -> None:
    archive = hostile(tmp_path / "a.tar")
    before = names(home), names(tmp_path)
    code, said, err = mesh("import", f"archive={archive}")
    assert (code, said) == (1, "")
    assert "leads out of it. Nothing was unpacked." in err
    assert (names(home), names(tmp_path)) == before
    assert not (home / "meshes").exists()


def test_a_wrong_archive_is_told_before_a_taken_place(
    mesh: Mesh, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    out = f"out={tmp_path / 'taken'}"
    code, _, err = mesh("import", f"archive={tmp_path / 'b.zip'}", out)
    assert (code, "there is no archive" in err) == (3, True)
    code, _, err = mesh("import", f"archive={zipped(home / 'renders', tmp_path / 'a.zip')}", out)
    assert (code, "taken exists" in err) == (2, True)


def test_a_damaged_archive_leaves_no_half_of_it(mesh: Mesh, home: Path, tmp_path: Path) -> None:
    file = zipped(home / "renders", tmp_path / "a.zip")
    data = bytearray(file.read_bytes())
    place = data.index(b"\x89PNG", len(data) // 2)
    data[place + 60 : place + 64] = b"evil"
    file.write_bytes(data)
    code, _, err = mesh("import", f"archive={file}", f"out={tmp_path / 'out' / 'here'}")
    assert (code, "is damaged" in err) == (1, True)
    assert list((tmp_path / "out").iterdir()) == []


def test_estimated_bodies_are_a_source(mesh: Mesh, home: Path, weights: Path) -> None:
    code, said, err = mesh("estimate", f"weights={weights}")
    file = home / "meshes" / "market1501.npz"
    assert (code, err) == (0, "")
    assert f"wrote {file}: the bodies of {IMAGES} images" in said
    assert "data.mesh.source=params" in said
    first = file.read_bytes()
    assert mesh("estimate", f"weights={weights}")[0] == 0
    assert file.read_bytes() == first
    out = home / "estimated"
    source = ("data.mesh.source=params", f"data.mesh.root={home / 'meshes'}")
    assert mesh("render", *source, f"out={out}")[0] == 0
    assert len(names(out)) == 8 * IMAGES


def test_places_that_are_taken_are_kept(mesh: Mesh, home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    archive = zipped(home / "renders", tmp_path / "a.zip")
    for words in (("render",), ("import", f"archive={archive}")):
        code, _, err = mesh(*words, f"out={tmp_path / 'mine'}")
        assert (code, "mine exists." in err) == (2, True)
    assert names(tmp_path / "mine") == ["thesis.tex"]


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("estimate",), 2, "dataset= is missing"),
        (("estimate", "market1501"), 2, "weights= is missing"),
        (("estimate", "weights=gone.pt", "dataset=market"), 3, "no HMR weights at gone.pt"),
        (("import", "dataset=market1501"), 2, "archive= is missing"),
        (("import", "archive=a.zip"), 2, "dataset= is missing"),
        (("render", "dataset=market1501"), 2, "out= is missing"),
        (("render", "dataset=market", "out=x"), 2, "Did you mean 'market1501'"),
        (("render", "dataset=market1501", "out=x", "profile=smoek"), 2, "Did you mean 'smoke'"),
        (("render", "weights=a.pt"), 2, "unknown word 'weights'"),
        (("rendr",), 2, "rendr"),
    ],
)
def test_wrong_input_is_one_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], code: int, part: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("GCLBENCH_HOME", str(tmp_path / "results"))
    found, said, err = cli("mesh", *words)
    assert (found, said) == (code, "")
    assert part in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("verb", ["estimate", "import", "render"])
def test_every_verb_has_help_with_examples(cli: Cli, verb: str) -> None:
    code, said, _ = cli("mesh", verb, "--help")
    assert code == 0
    assert f"Examples:\n    gclbench mesh {verb} market1501 " in said
