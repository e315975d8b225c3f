"""Lists as written by spreadsheets, databases and editors, and damaged lists."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.list_columns import Columns
from mytalk_core.data.table_reader import TableRow, is_list, read_rows
from mytalk_core.errors import BadInputError, Reason

COLUMNS = Columns(required=("source",), optional=("id", "speaker"))


def rows(path: Path, data: str | bytes) -> list[TableRow]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_rows(str(path), COLUMNS))


def values(found: list[TableRow]) -> list[tuple[str, str]]:
    return [(row.values["source"], row.values["speaker"]) for row in found if not row.error]


@pytest.mark.parametrize(
    "text",
    [
        "source,speaker\na.mp4,王\nb.mp4,bo\n",
        "source,speaker\n\n\na.mp4,王\n,\n  ,  \n\nb.mp4,bo",
        "\n,\n\nsource,speaker\na.mp4,王\nb.mp4,bo",
        "Source;SPEAKER\r\na.mp4;王\r\nb.mp4;bo\r\n",
        " source\tspeaker \na.mp4\t王\nb.mp4\tbo\n",
        "speaker|source\n王|a.mp4\nbo|b.mp4\n",
        "source,speaker\ra.mp4,王\rb.mp4,bo\r",
        "sep=;\nsource;speaker\na.mp4;王\nb.mp4;bo\n",
        'source, speaker\n"a.mp4", "王"\n a.mp4,"王"'.replace('\n a.mp4,"王"', "\nb.mp4 , bo "),
        "source,speaker,,\na.mp4,王,,\nb.mp4,bo,,,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_separators_and_encodings_are_detected(tmp_path: Path, text: str, encoding: str) -> None:
    found = rows(tmp_path / "list.csv", text.encode(encoding))
    assert values(found) == [("a.mp4", "王"), ("b.mp4", "bo")]
    assert not any(row.error for row in found)


def test_values_in_quotes_may_hold_separators_and_line_breaks(tmp_path: Path) -> None:
    text = 'source,speaker\n"a, ""b"".mp4","Doe,\nJane"\r\nc.mp4,bo\n'
    found = rows(tmp_path / "list.csv", text)
    assert values(found) == [('a, "b".mp4', "Doe,\nJane"), ("c.mp4", "bo")]
    assert [row.where.rpartition(" ")[2] for row in found] == ["2", "4"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b",bo", "has no source"),
        (b"a.mp4,bo,more", "has 3 values for 2 columns"),
        (b'"a.mp4,bo', "opens a quote"),
        (b'"a"b.mp4,bo', "is not CSV"),
        ("café.mp4,bo".encode("latin-1"), "is not UTF-8 (byte 0xe9)"),
        (b"a\0.mp4,bo", "NUL byte"),
        (b"a" * 100_000 + b",bo", "longer than"),
        (b'"' + b"a" * 60_000 + b"\n" + b"a" * 60_000, "opens a quote"),
    ],
)
def test_a_bad_row_is_an_error_of_its_line_only(tmp_path: Path, line: bytes, message: str) -> None:
    found = rows(tmp_path / "list.csv", b"source,speaker\nx.mp4,ann\n" + line + b"\ny.mp4,bo\n")
    assert values(found)[0] == ("x.mp4", "ann")
    assert values(found)[-1] == ("y.mp4", "bo")
    (error, *_) = [row.error for row in found if row.error]
    assert message in error.what
    assert error.where == f"{tmp_path / 'list.csv'} line 3"
    assert error.reason is Reason.BAD_CATALOGUE


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (b"", Reason.EMPTY_FILE, "is empty"),
        (b"\n , \n", Reason.EMPTY_FILE, "is empty"),
        (b"source,speaker\n", Reason.BAD_CATALOGUE, "has no rows"),
        (b"source,speaker\n,\n", Reason.BAD_CATALOGUE, "has no rows"),
        (b"sorce,speaker\na.mp4,x\n", Reason.BAD_CATALOGUE, "Did you mean 'source'?"),
        (b"source,speeker\na.mp4,x\n", Reason.BAD_CATALOGUE, "Did you mean 'speaker'?"),
        (b"source,colour\na.mp4,x\n", Reason.BAD_CATALOGUE, "unknown column 'colour'"),
        (b"source,Source\na.mp4,x\n", Reason.BAD_CATALOGUE, "twice"),
        (b"speaker,id\nann,x\n", Reason.BAD_CATALOGUE, "lacks the column source"),
        (b"a.mp4,ann\nb.mp4,bo\n", Reason.BAD_CATALOGUE, "'a.mp4 ann' contains none of the"),
        (b"source:speaker\na.mp4:x\n", Reason.BAD_CATALOGUE, "contains none"),
        ("source\na".encode("utf-16-le"), Reason.BAD_CATALOGUE, "byte 1 is NUL"),
        (b"source\n,,x\n", Reason.BAD_CATALOGUE, "none of its 1 rows can be used; line 2 has"),
        ("source\ncafé\n".encode("latin-1"), Reason.BAD_CATALOGUE, "line 2 is not UTF-8"),
    ],
)
def test_a_list_that_cannot_be_used_names_the_cause(
    tmp_path: Path, data: bytes, reason: Reason, message: str
) -> None:
    with pytest.raises(BadInputError) as refused:
        rows(tmp_path / "list.csv", data)
    assert refused.value.reason is reason
    assert message in refused.value.what
    assert refused.value.where == str(tmp_path / "list.csv")
    assert "source" in refused.value.remedy


def test_a_missing_file_or_a_folder_is_an_error(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.csv", Reason.NOT_FOUND), (tmp_path, Reason.UNREADABLE)):
        with pytest.raises(BadInputError) as refused:
            list(read_rows(str(path), COLUMNS))
        assert refused.value.reason is reason


def test_json_lines_are_rows(tmp_path: Path) -> None:
    lines = [
        {"Source": "a.mp4", "speaker": 7},
        "",
        {"source": "b.mp4", "speeker": "bo"},
        ["c.mp4"],
        {"source": ["d.mp4"]},
        {"source": "half \ud800"},
        {"source": "e.mp4", "speaker": None},
    ]
    text = "\n".join(json.dumps(line) if line else "" for line in lines) + "\n[[\n"
    found = rows(tmp_path / "list.jsonl", text + "[" * 50_000)
    assert values(found) == [("a.mp4", "7"), ("e.mp4", "")]
    messages = [row.error.what for row in found if row.error]
    assert "Did you mean 'speaker'?" in messages[0]
    assert len(messages) == 6


def test_parquet_columns_may_have_any_type(tmp_path: Path) -> None:
    table = pa.table(
        {
            "Source": pa.array(["a.mp4", None, "c.mp4"]),
            "speaker": pa.array([7, None, 8]),
            "id": pa.array([b"\xe4\xba\xba", b"x", b"\xff"]),
        }
    )
    pq.write_table(table, tmp_path / "list.parquet")
    first, second, third = read_rows(str(tmp_path / "list.parquet"), COLUMNS)
    assert dict(first.values) == {"source": "a.mp4", "speaker": "7", "id": "人"}
    assert second.error and "has no source" in second.error.what
    assert third.error and "not UTF-8" in third.error.what


def test_damaged_parquet_ends_with_an_error_row(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    texts = [f"{number:040d}.mp4" for number in range(40_000)]
    pq.write_table(pa.table({"source": texts}), path, row_group_size=10_000, compression="zstd")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    found = list(read_rows(str(path), COLUMNS))
    assert found[0].values["source"] == texts[0]
    assert found[-1].error and "cannot be read" in found[-1].error.what
    assert len(found) < len(texts)


def test_rows_are_streamed_and_many_bad_rows_at_the_start_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("source\n" + "a.mp4\n" * 100_000)
    assert next(read_rows(str(path), COLUMNS)).values["source"] == "a.mp4"
    with pytest.raises(BadInputError, match="first 10000 rows"):
        rows(path, "source\n" + "a,b\n" * 20_000 + "a.mp4\n")


def test_lists_are_recognised_by_their_suffix() -> None:
    for name in ("a.CSV", "a.tsv", "a.jsonl", "https://h/a.parquet?X-Amz-Signature=b.c"):
        assert is_list(name)
    assert not is_list("https://h/a.mp4?list=b.csv")
    assert not is_list("a.csv/film.mp4")


def test_lists_are_read_from_object_stores(s3_url: str) -> None:
    import fsspec

    url = f"{s3_url}/lists/list.csv"
    fsspec.filesystem("s3").pipe_file(url, b"source,speaker\na.mp4,ann\n")
    assert values(list(read_rows(url, COLUMNS))) == [("a.mp4", "ann")]
    with pytest.raises(BadInputError):
        list(read_rows(f"{s3_url}/lists/none.csv", COLUMNS))


@given(st.binary(max_size=400), st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_any_bytes_give_rows_or_a_bad_input_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, ending: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"list.{ending}"
    head = b"source,speaker\n" if ending != "parquet" else b"PAR1"
    path.write_bytes(head + data)
    try:
        found = list(read_rows(str(path), COLUMNS))
    except BadInputError as error:
        assert error.reason in (Reason.BAD_CATALOGUE, Reason.EMPTY_FILE)
        return
    for row in found:
        assert row.error or row.values["source"]
        "".join(row.values.values()).encode()


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("C",)), min_size=1).filter(str.strip),
            st.text(st.characters(exclude_categories=("C",))),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_written_values_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    given_rows: list[tuple[str, str]],
    separator: str,
    encoding: str,
) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    lines = [f"source{separator}speaker", *(separator.join(map(quoted, row)) for row in given_rows)]
    path = tmp_path_factory.mktemp("any") / "list.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    found = list(read_rows(str(path), COLUMNS))
    assert values(found) == [(source.strip(), speaker.strip()) for source, speaker in given_rows]
