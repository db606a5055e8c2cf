"""Hostile SMPL pickles: sparse matrices that point outside, made-up shapes, types and objects."""

from __future__ import annotations

import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from gclbench.cli.app import main
from gclbench.cli.exit import ExitCode
from gclbench.errors import DataMissingError
from gclbench.meshes import smpl_pickles
from gclbench.meshes.bodies import load_body
from gclbench.meshes.smpl_files import JOINTS, KEYS, read_smpl
from tests.mutations import mutations

COUNT = 6  # vertices; real ones have 6,890
FORMS = {"csc": sparse.csc_matrix, "csr": sparse.csr_matrix, "coo": sparse.coo_matrix}


def small_model() -> dict[str, Any]:
    """A model of six vertices in the shapes of SMPL's."""
    rng = np.random.default_rng(0)
    return {
        "v_template": rng.normal(size=(COUNT, 3)),
        "f": np.array([[0, 1, 2], [3, 4, 5]], dtype=np.uint32),
        "weights": rng.random((COUNT, JOINTS)),
        "J_regressor": sparse.csc_matrix(
            rng.random((JOINTS, COUNT)) * (rng.random((JOINTS, 1)) > 0.5)
        ),
        "shapedirs": np.asfortranarray(rng.normal(size=(COUNT, 3, 10))),
        "posedirs": rng.normal(size=(COUNT, 3, 9 * (JOINTS - 1))).astype(">f4"),
        "kintree_table": np.array(
            [[2**32 - 1, *range(JOINTS - 1)], range(JOINTS)], dtype=np.uint32
        ),
    }


def write(path: Path, protocol: int = 2, **changed: Any) -> str:
    path.write_bytes(pickle.dumps(small_model() | changed, protocol=protocol))
    return str(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("form", [*FORMS, "csc_array"])
def test_arrays_come_out_as_they_went_in(tmp_path: Path, protocol: int, form: str) -> None:
    model = small_model()
    make: Callable[[Any], Any] = FORMS.get(form, sparse.csc_array)
    regressor = make(model["J_regressor"])
    found = read_smpl(write(tmp_path / "SMPL.PKL", protocol, J_regressor=regressor))
    for key in KEYS:
        expected = regressor.todense() if key == "J_regressor" else model[key]
        np.testing.assert_array_equal(found[key], expected)


@pytest.mark.parametrize("name", ["SMPL.NPZ", "smpl.Npz", "model.pkl"])
def test_names_in_capitals_and_misnamed_files_are_read(tmp_path: Path, name: str) -> None:
    model = small_model()
    model["J_regressor"] = model["J_regressor"].toarray()
    with (tmp_path / name).open("wb") as handle:
        np.savez(handle, **model)
    np.testing.assert_array_equal(read_smpl(str(tmp_path / name))["f"], model["f"])


def broken(form: str, **parts: Any) -> Any:
    matrix = FORMS[form](np.ones((JOINTS, COUNT)))
    for key, value in parts.items():
        matrix.__dict__[key] = value
    return matrix


@pytest.mark.parametrize(
    "matrix",
    [
        broken("csc", indices=np.full(JOINTS * COUNT, 10**6, dtype=np.int32)),
        broken("csc", indices=np.full(JOINTS * COUNT, -1, dtype=np.int32)),
        broken("csc", indices=np.zeros(3, dtype=np.int32)),
        broken("csc", indices=np.zeros((JOINTS * COUNT, 1), dtype=np.int32)),
        broken("csc", indices=np.zeros(JOINTS * COUNT)),
        broken("csc", indptr=np.array([0, 10**9] * 4, dtype=np.int32)[: COUNT + 1]),
        broken("csc", indptr=np.arange(COUNT + 1, dtype=np.int32)[::-1].copy()),
        broken("csc", indptr=np.zeros(2, dtype=np.int32)),
        broken("csc", indptr=[0, "a"]),
        broken("csr", indices=np.full(JOINTS * COUNT, COUNT, dtype=np.int64)),
        broken("csr", data=np.ones(5)),
        broken("csr", data=None),
        broken("csr", _shape=(10**9, 10**9)),
        broken("csr", _shape=(JOINTS, -1)),
        broken("csr", _shape="ab"),
        broken("csr", _shape=(JOINTS, COUNT + 1)),
    ],
)
def test_a_sparse_matrix_that_points_outside_is_refused(tmp_path: Path, matrix: Any) -> None:
    file = write(tmp_path / "x.pkl", J_regressor=matrix)
    with pytest.raises(DataMissingError, match=r"J_regressor of .*x\.pkl"):
        read_smpl(file)


def test_coordinates_beyond_the_shape_are_refused(tmp_path: Path) -> None:
    matrix = sparse.coo_matrix(np.ones((JOINTS, COUNT)))
    matrix.coords = (matrix.coords[0] + 10**6, matrix.coords[1])
    with pytest.raises(DataMissingError, match="places beyond its shape"):
        read_smpl(write(tmp_path / "x.pkl", J_regressor=matrix))


def rebuilt(shape: Any, kind: Any, data: Any) -> Any:
    """What a pickle may say of an array, without NumPy having been asked."""

    class Made:
        def __reduce__(self) -> Any:
            start = (np.ndarray, (0,), b"b")
            make = np._core.multiarray._reconstruct  # type: ignore[attr-defined]
            return make, start, (1, shape, kind, False, data)

    return Made()


@pytest.mark.parametrize(
    ("shape", "kind", "data"),
    [
        ((10**6, 3), np.dtype("f8"), b"12345678"),
        ((-1, 3), np.dtype("f8"), b""),
        ((1 << 20, 1 << 20), np.dtype("f8"), b""),
        (("a", 3), np.dtype("f8"), b""),
        ((COUNT, 3), np.dtype("O"), [None] * 18),
        ((COUNT, 3), np.dtype("f8"), [0.0] * 18),
        ((COUNT, 3), np.dtype("S8"), bytes(144)),
        ((COUNT, 3), np.dtype("c8"), bytes(144)),
        ((COUNT, 3), "f8", bytes(144)),
        (3, np.dtype("f8"), bytes(24)),
    ],
)
def test_an_array_that_cannot_be_is_refused(
    tmp_path: Path, shape: Any, kind: Any, data: Any
) -> None:
    file = write(tmp_path / "x.pkl", v_template=rebuilt(shape, kind, data))
    with pytest.raises(DataMissingError, match=r"v_template of .*x\.pkl"):
        read_smpl(file)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("v_template", np.full((COUNT, 3), np.nan), "finite"),
        ("v_template", np.full((COUNT, 3), 1e300), "finite"),
        ("v_template", np.zeros((COUNT, 3), dtype=object), "v_template"),
        ("v_template", [[1.0], [2.0, 3.0]], "v_template"),
        ("v_template", None, "finite"),
        ("f", np.array([[0, 1, COUNT]]), "faces beyond"),
        ("f", np.array([[0.5, 1, 2]]), "whole numbers"),
        ("f", np.zeros((0, 3)), "faces beyond"),
        ("weights", np.zeros((COUNT, 23)), "23 joints"),
        ("J_regressor", np.zeros((COUNT, JOINTS)), "J_regressor of .* has shape"),
        ("posedirs", np.zeros((COUNT, 3, 9)), "posedirs of .* has shape"),
        ("shapedirs", np.zeros((COUNT, 3, 9)), "9 shape directions"),
        ("kintree_table", np.array([[0, *range(1, JOINTS)], range(JOINTS)]), "no tree"),
        ("kintree_table", np.full((2, JOINTS), 1e30), "no tree"),
    ],
)
def test_every_field_is_checked(tmp_path: Path, key: str, value: Any, says: str) -> None:
    files = [write(tmp_path / "x.pkl", **{key: value})]
    if isinstance(value, np.ndarray) and value.dtype != object:  # an npz holds no objects
        changed = {"J_regressor": np.zeros((JOINTS, COUNT)), key: value}
        np.savez(tmp_path / "x.npz", **small_model() | changed)
        files.append(str(tmp_path / "x.npz"))
    for file in files:
        with pytest.raises(DataMissingError, match=says):
            read_smpl(file)


def test_a_pickle_that_keeps_by_a_giant_number_is_refused() -> None:
    """The unpickler would make a list of as many places."""
    data = b"\x80\x02}r\xff\xff\xff\x7f."
    assert [op.name for op, _, _ in pickletools.genops(data)][2] == "LONG_BINPUT"
    with pytest.raises(pickle.UnpicklingError, match="keeps more than it holds"):
        smpl_pickles.load(data)


def test_an_npz_that_unpacks_beyond_measure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gclbench.meshes.npz.FREE_BYTES", 1000)
    np.savez_compressed(tmp_path / "x.npz", v_template=np.zeros((200_000, 3)))
    with pytest.raises(DataMissingError, match="would unpack to 48"):
        read_smpl(str(tmp_path / "x.npz"))


def test_the_process_lives_and_says_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    matrix = broken("csc", indices=np.full(JOINTS * COUNT, 2**31 - 1, dtype=np.int32))
    file = write(tmp_path / "x.pkl", J_regressor=matrix)
    words = ["recipe=gcl_plus", "task=market1501", "profile=smoke", f"home={tmp_path / 'home'}"]
    mesh = [
        "data.mesh.source=params",
        f"data.mesh.root={tmp_path}",
        f"data.mesh.body_model={file}",
    ]
    assert main(["plan", *words, *mesh]) == ExitCode.DATA_MISSING
    assert "J_regressor of" in capfd.readouterr().err
    code = "import sys; from gclbench.meshes.smpl_files import read_smpl; read_smpl(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True)
    assert done.returncode == 1
    assert "DataMissingError" in done.stderr.splitlines()[-1]


def survives(tmp_path: Path, count: int, seed: int) -> dict[str, int]:
    """Read damaged models of both kinds; count those that were read, and those refused."""
    np.savez(tmp_path / "sound.npz", **small_model() | {"J_regressor": np.zeros((JOINTS, COUNT))})
    sound = {"npz": (tmp_path / "sound.npz").read_bytes()}
    for protocol in (2, 4):
        sound[f"{protocol}.pkl"] = Path(write(tmp_path / "sound.pkl", protocol)).read_bytes()
    ends = {"read": 0, "refused": 0}
    for form, data in sound.items():
        for damaged in mutations(data, count, seed):
            (tmp_path / f"x.{form}").write_bytes(damaged)
            try:
                load_body(str(tmp_path / f"x.{form}"))
            except DataMissingError:
                ends["refused"] += 1
            else:
                ends["read"] += 1
            load_body.cache_clear()
    return ends


def test_damaged_models_are_read_or_refused(tmp_path: Path) -> None:
    assert min(survives(tmp_path, 30, seed=1).values()) > 0


@pytest.mark.slow
def test_many_damaged_models_are_read_or_refused(tmp_path: Path) -> None:
    assert min(survives(tmp_path, 300, seed=2).values()) > 0
