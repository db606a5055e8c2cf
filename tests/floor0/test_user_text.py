"""Text that users bring: marks, line ends and encodings of any editor, or a line that says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gclbench.errors import DataMissingError
from gclbench.user_text import read_user_csv, read_user_text

TEXT = "α 1\nß 2\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_editor_may_have_saved_it(tmp_path: Path, encoding: str, end: str) -> None:
    (tmp_path / "x.txt").write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert read_user_text(tmp_path / "x.txt") == TEXT


def test_both_orders_of_bytes_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xfe\xff" + TEXT.encode("utf-16-be"))
    assert read_user_text(tmp_path / "x.txt") == TEXT


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a\nb\nß".encode("latin-1"), r"x\.txt, line 3: byte 0xdf is not UTF-8 \(Latin-1"),
        ("a\nb".encode("utf-16-le"), r"x\.txt, line 1: holds zero bytes.*UTF-16 without"),
        (b"\xff\xfea", r"x\.txt, line 1: .* is not UTF-16"),
    ],
)
def test_other_bytes_are_named_with_their_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(DataMissingError, match=says) as caught:
        read_user_text(tmp_path / "x.txt")
    assert caught.value.remedy == "Save it as UTF-8."


@pytest.mark.parametrize("name", ["gone.txt", "", "zero\0"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataMissingError, match="cannot be read"):
        read_user_text(tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.txt")
    with pytest.raises(DataMissingError, match="no plain file"):
        read_user_text(tmp_path / "x.txt")


def test_the_caller_says_what_kind_of_fault_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xff")
    with pytest.raises(KeyError) as caught:
        read_user_text(tmp_path / "x.txt", lambda line, what: KeyError(line, what))  # type: ignore[arg-type,return-value]
    assert caught.value.args[0] == 1


CSV = 'table,row_key,value\nx,a,74.4\nx,"b,c",-\n'


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        CSV.replace("\n", "\r\n"),
        "table;row_key;value\nx;a;74.4\nx;b,c;-\n",
        "table\trow_key\tvalue\nx\ta\t74.4\nx\tb,c\t-\n",
        ' table , row_key,value \n\nx,a,74.4\n,,\nx,"b,c",-,,\n',
        "\n\n" + CSV,
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read_as_any_spreadsheet_saves_it(
    tmp_path: Path, text: str, encoding: str
) -> None:
    (tmp_path / "x.csv").write_bytes(text.encode(encoding))
    table = read_user_csv(tmp_path / "x.csv")
    assert table.header == ("table", "row_key", "value")
    assert [row for _, row in table.rows] == [
        {"table": "x", "row_key": "a", "value": "74.4"},
        {"table": "x", "row_key": "b,c", "value": "-"},
    ]
    last, lines = table.rows[-1][0], text.replace("\r\n", "\n").split("\n")
    assert "b,c" in lines[last - 1]


def test_rows_of_another_length_show(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1\n1,2,3\n")
    (_, short), (_, long) = read_user_csv(tmp_path / "x.csv").rows
    assert short == {"a": "1", "b": None}
    assert long == {"a": "1", "b": "2", None: ["3"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [("a,b,a\n1,2,3\n", "line 1: the column 'a' stands twice"), ('a\n"' + "x" * 200_000, "field")],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataMissingError, match=says):
        read_user_csv(tmp_path / "x.csv")


def test_an_empty_table_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbf\r\n")
    assert read_user_csv(tmp_path / "x.csv").header == ()
