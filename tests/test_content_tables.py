"""Published numbers as spreadsheets save them: read or named with the reason, not passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.content import Content
from gclbench.errors import ContentError, UnknownNameError
from tests.mutations import mutations

TABLE = "table,row_key,method,setting,dataset,metric,value\nx,a,A,uda,duke2market,mAP,74.4\n"


def content(tmp_path: Path, data: bytes, name: str = "x.csv") -> Content:
    folder = tmp_path / "baselines" / "published"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(data)
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    return Content([tmp_path], environment={}, shipped=shipped)


@pytest.mark.parametrize(
    "data",
    [
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        TABLE.replace(",", ";").encode(),
        TABLE.replace(",", " , ").replace("\n", "\r\n", 1).encode(),
        TABLE.replace("\n", ",,\r\n").encode(),
    ],
)
def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path, data: bytes) -> None:
    found = content(tmp_path, data)
    assert found.names("published") == ["x"]
    (number,) = found.published("x")
    assert (number.row_key, number.value, number.columns["method"]) == ("a", 74.4, "A")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            TABLE.replace("value", "worth").encode(),
            r"x\.csv:1: value: this column is missing \(the",
        ),
        (TABLE.replace("row_key", "ROW_KEY").encode(), r":1: row_key: this column is missing"),
        (TABLE.replace(",", ";").replace("74.4", "74,4").encode(), r":2: value: '74,4'.*comma"),
        (TABLE.replace("74.4", "nan").encode(), r":2: value: 'nan' is not a number"),
        (
            TABLE.replace("A,uda", "\u00df,uda").encode("latin-1"),
            r":2: text: byte 0xdf is not UTF-8",
        ),
        (TABLE.encode("utf-16-le"), r":1: text: holds zero bytes"),
        (b"", r":1: header: it is no table of published numbers: those have the columns table,"),
        (b"id,claim\n1,x\n", r":1: header: it is no table of published numbers"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, data: bytes, says: str
) -> None:
    with pytest.raises(ContentError, match=says):
        content(tmp_path, data).published("x")


def test_a_name_that_no_file_has_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown published table 'y'"):
        content(tmp_path, TABLE.encode()).published("y")


def test_damaged_tables_are_read_or_refused(tmp_path: Path) -> None:
    found = content(tmp_path, b"")
    ends = {"read": 0, "refused": 0}
    table = "".join([TABLE, *(f"x,b{row},B,uda,market2duke,R1,{row}.5\n" for row in range(9))])
    for damaged in mutations(table.encode("utf-8-sig"), 300, seed=1):
        (tmp_path / "baselines/published/x.csv").write_bytes(damaged)
        try:
            found.published("x")
        except ContentError:
            ends["refused"] += 1
        else:
            ends["read"] += 1
    assert min(ends.values()) > 0
