"""Fingerprints of folders: of the images that a reader takes, and of nothing else."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from gclbench.datasets import files
from gclbench.datasets.check import check_folder
from gclbench.datasets.files import folder_fingerprint
from gclbench.datasets.fingerprint import dataset_fingerprint, reader_of
from gclbench.errors import DataMissingError
from gclbench.meshes.archive import VIEWS
from gclbench.schema.settings import DataSettings, MeshSettings
from gclbench.testing import layouts
from gclbench.testing.layouts import MARKET, write_folders, write_mars

JPEG = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|JwjV01yid4h#wq4h;?x5fBp?C>j_R78o%jB^@X_Gd(;xGdMRuNL)@pL{~*OI8bd-S"
    "6^ahXlFi6ad~iLcwA*?WB<Sa3kU!Z00;pA5di<h02KfM0RR910000000000000001^>hV6c7Ob0000000000000000003"
    "0+5iXv0RR9$0GL1j*#"
)
PNG = base64.b85decode(
    "iBL{Q4GJ0x0000DNk~Le000080000G2m$~A0Ho-tDgXcg7D+@wRCt_YjN&@MfDJHV6&;nJu>=6@nE^~VMmzEV0000<MN"
    "UMnLSTX"
)
Write = Callable[[Path], Path]
ROOTS: dict[str, tuple[str, Write]] = {
    "market": ("market1501", lambda root: write_folders(root, MARKET)),
    "duke": ("dukemtmc_reid", lambda root: layouts.write_duke(root)),
    "msmt17": ("msmt17", lambda root: layouts.write_msmt17(root)),
    "msmt17 V1": ("msmt17", lambda root: layouts.write_msmt17(root, "V1")),
    "msmt17 in three": ("msmt17", lambda root: layouts.write_msmt17_in_three(root)),
    "mars": ("mars", write_mars),
    "mars packaged": ("mars", lambda root: layouts.write_mars_packaged(root)),
    "duke video": ("dukemtmc_videoreid", lambda root: layouts.write_duke_video(root)),
}
# As the first releases gave them for folders that hold only images of `JPEG` and `PNG`. MARS's
# matrices carry the date on which they were written.
RECORDED = {
    "market": "c7ea05f9103e19cee5df0ffb3f4126ab7c03c7c5404039fff3172c7d970445b9",
    "duke": "9ffd65d8049a06a778035f68cac1ccdda20fe86ee6e17c612e877d4130773ea5",
    "msmt17": "0e1d0ddc00827a442aeff9fbaaf9caf833e58ef11cb3437315a37c05bfc0166c",
    "msmt17 V1": "fe61744b088c15eec5eea3073f538fe29b0dd8f0176a572ec9ebea64f792389e",
    "msmt17 in three": "7d2ccf1fba43cbb8d19b3d21c3f712565c9b90993b1a1f1e8d27d324a2c86d96",
    "mars packaged": "0cf5554cba160838afdecf4e41ce4d4eb41c88cf84cf85bd4e5b56e383cdf55b",
    "duke video": "6ed0536ce7e9e12b8fd3198d0bd398247356d866e8e490b06cafdb778eff9638",
}
WITH_RENDERS = "a00c5352650f4c7364212f6d6da58235f24d07805ac12cca457fca9c632c5af5"
CLUTTER = (
    *(".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r", "._0002_c1s1_000451_03.jpg"),
    *("@eaDir/0002_c1s1_000451_03.jpg/SYNOPHOTO_THUMB_S.jpg", "__MACOSX/._a.jpg"),
    *(".ipynb_checkpoints/0002_c1s1_000451_03-checkpoint.jpg", ".@__thumb/a.jpg", "list.txt~"),
    *("notes.txt", "0002_c1s1_000451_03.jpg.part"),
)


@pytest.fixture(autouse=True)
def fixed_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write images of known bytes: what an encoder writes hangs on its version."""

    def write(path: Path, shade: int = 0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG if shade % 20 else JPEG)

    monkeypatch.setattr(layouts, "write_image", write)


def print_of(name: str, root: Path) -> str:
    return dataset_fingerprint(ROOTS[name][0], DataSettings(root=str(root)), meshes=False)


def litter(folder: Path) -> None:
    for name in CLUTTER:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"" if name.startswith("Icon") else b"Bud1")
    (folder / ".trash").symlink_to("gone")


@pytest.mark.parametrize("name", RECORDED)
def test_a_folder_that_holds_only_images_keeps_its_fingerprint(tmp_path: Path, name: str) -> None:
    root = ROOTS[name][1](tmp_path / "msmt17_copy")
    assert print_of(name, root) == RECORDED[name]


@pytest.mark.parametrize("name", ROOTS)
def test_what_other_programs_leave_is_no_data_and_no_fault(tmp_path: Path, name: str) -> None:
    root = ROOTS[name][1](tmp_path / "msmt17_copy")
    before = print_of(name, root)
    reader = reader_of(ROOTS[name][0], DataSettings())
    sound = check_folder(reader, root, deep=True)
    tables = {split: table.paths for split, table in reader.read(root).items()}
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        litter(folder)
    assert print_of(name, root) == before
    assert {split: table.paths for split, table in reader.read(root).items()} == tables
    found = check_folder(reader, root, deep=True)
    assert found.faults == sound.faults
    (remark,) = (each for each in found.remarks if each.kind == "other_file")
    assert remark.count >= len(CLUTTER)


@pytest.mark.parametrize("name", ROOTS)
def test_a_changed_or_further_image_changes_the_fingerprint(tmp_path: Path, name: str) -> None:
    root = ROOTS[name][1](tmp_path / "msmt17_copy")
    before = print_of(name, root)
    victim = max(root.rglob("*.jpg"))
    victim.write_bytes(victim.read_bytes() + b"\0")
    assert print_of(name, root) != before


def test_clutter_beside_rendered_bodies_is_no_body(tmp_path: Path) -> None:
    root, mesh = ROOTS["market"][1](tmp_path / "reid"), tmp_path / "mesh"
    for view in VIEWS:
        for index, name in enumerate(MARKET["bounding_box_train"]):
            layouts.write_image(mesh / "train" / view / name, 10 * index)
    data = DataSettings(root=str(root), mesh=MeshSettings(source="archive", root=str(mesh)))
    assert dataset_fingerprint("market1501", data) == WITH_RENDERS
    for view in VIEWS:
        litter(mesh / "train" / view)
    assert dataset_fingerprint("market1501", data) == WITH_RENDERS
    (mesh / "train/render_45/0002_c1s1_000451_03.jpg").write_bytes(PNG)
    assert dataset_fingerprint("market1501", data) != WITH_RENDERS


def test_pictures_that_were_read_otherwise_have_another_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("LA", (4, 4), (90, 0)).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(JPEG)
    cache = tmp_path / "cache"
    both = [folder_fingerprint(tmp_path, [name], cache) for name in ("a.png", "b.jpg")]
    assert both == [folder_fingerprint(tmp_path, [name]) for name in ("a.png", "b.jpg")]
    folder_fingerprint(tmp_path, ["a.png", "b.jpg"], cache)  # both are remembered
    monkeypatch.setattr(files, "REVISION", 9)  # what was remembered of the rule is looked up again
    monkeypatch.setattr(files, "reading", lambda path: "other" if path.suffix == ".png" else "")
    clear = folder_fingerprint(tmp_path, ["a.png"], cache)
    assert clear != both[0]
    plain = folder_fingerprint(tmp_path, ["b.jpg"], cache)
    assert plain == both[1]


def test_what_earlier_releases_remembered_is_gone_on_from(tmp_path: Path) -> None:
    names = ["a.png", "b.jpg"]
    Image.new("LA", (4, 4), (90, 0)).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(JPEG)
    cache = tmp_path / "cache"
    first = folder_fingerprint(tmp_path, names, cache)
    (memory,) = (cache / "fingerprints").iterdir()
    old = {name: line[:3] for name, line in json.loads(memory.read_text()).items()}
    damaged: tuple[object, ...] = (old, {"a.png": "x", "b.jpg": [1, 2, 3]}, {"a.png": {}}, [])
    for content in damaged:
        memory.write_text(json.dumps(content))
        assert folder_fingerprint(tmp_path, names, cache) == first


def test_an_image_that_is_no_file_is_named(tmp_path: Path) -> None:
    for name in ("market", "duke video"):
        root = ROOTS[name][1](tmp_path / name)
        victim = min(root.rglob("*.jpg"))
        victim.unlink()
        victim.symlink_to("gone")
        with pytest.raises(DataMissingError, match=rf"{victim.name}: does not exist"):
            print_of(name, root)
        victim.unlink()
        os.mkfifo(victim)
        with pytest.raises(DataMissingError, match=rf"{victim.name} .* is none"):
            print_of(name, root)


def test_links_out_of_the_folder_are_followed(tmp_path: Path) -> None:
    root = ROOTS["market"][1](tmp_path / "reid")
    before = print_of("market", root)
    (root / "query").rename(tmp_path / "elsewhere")
    (root / "query").symlink_to(tmp_path / "elsewhere")
    assert print_of("market", root) == before


def test_a_root_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, (role, _) in ROOTS.items():
        with pytest.raises(DataMissingError, match=r"no folder .*gone\. Check data\.root"):
            print_of(name, tmp_path / "gone")
        with pytest.raises(DataMissingError, match=r"file is no folder"):
            reader_of(role, DataSettings()).find_root(tmp_path / "file")
