"""Catalogues written by users: valid rows, bad rows, and files that are not catalogues."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.catalogue import BadRow, CatalogueRow, content_id, read_catalogue
from mytalk_core.data.list_access import list_access
from mytalk_core.errors import BadInputError, Reason

HEADER = "video,speech,language,script,id"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    for name in ("films/one.mp4", "films/two.mov", "en.wav", "pt.wav", "pt.srt"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def catalogue(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "catalogue.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return path


def only_row(path: Path) -> CatalogueRow | BadRow:
    (row,) = read_catalogue(path)
    return row


def test_paths_are_relative_to_the_catalogue(folder, monkeypatch):
    monkeypatch.chdir("/")
    lines = ("films/one.mp4,en.wav,en", f"{folder}/films/two.mov,pt.wav,pt-BR,pt.srt,two-br")
    first, second = read_catalogue(catalogue(folder, *lines))

    assert first == CatalogueRow(
        "one_en", folder / "films/one.mp4", folder / "en.wav", "en", script=None
    )
    assert second == CatalogueRow(
        "two-br", folder / "films/two.mov", folder / "pt.wav", "pt-BR", folder / "pt.srt"
    )


def test_columns_have_any_order_and_optional_ones_may_be_missing(folder):
    path = catalogue(folder, "en, en.wav , films/one.mp4", header="Language, Speech ,video")
    row = only_row(path)
    assert isinstance(row, CatalogueRow)
    assert row.id == "one_en"


def test_a_catalogue_may_be_csv_json_lines_or_parquet(folder):
    lines = ["Video;SPEECH;language", ";;", "films/one.mp4;en.wav;en"]
    for encoding in ("utf-8", "utf-16"):
        path = folder / "catalogue.csv"
        path.write_bytes("\r\n".join(lines).encode(encoding))
        assert isinstance(only_row(path), CatalogueRow)
    path = folder / "catalogue.jsonl"
    path.write_text('{"video": "films/one.mp4", "speech": "en.wav", "language": "en"}')
    assert isinstance(only_row(path), CatalogueRow)
    with pytest.raises(BadInputError, match="Did you mean 'language'"):
        read_catalogue(catalogue(folder, "a,b,en", header="video,speech,langauge"))


def test_access_rules_of_lists_apply_and_secrets_are_removed(folder):
    (folder / "lists").mkdir()
    lines = (
        "../films/one.mp4,../en.wav,en",
        "/etc/passwd,/etc/passwd,en",
        "https://u:S3cr3t@h/a.mp4?sig=S3cr3t,../en.wav,en",
    )
    path = catalogue(folder / "lists", *lines)
    rows = read_catalogue(path)
    assert all(isinstance(row, BadRow) for row in rows)
    reasons = [row.error.reason for row in rows if isinstance(row, BadRow)]
    assert reasons == [Reason.NOT_ALLOWED, Reason.NOT_ALLOWED, Reason.NOT_FOUND]
    assert "S3cr3t" not in repr(rows) + "".join(str(row.error) for row in rows)
    allowed = list_access([str(folder)], private_addresses=False)
    assert isinstance(read_catalogue(path, allowed)[0], CatalogueRow)


def test_a_byte_order_mark_and_blank_lines_are_ignored(folder):
    path = catalogue(folder, "", "films/one.mp4,en.wav,en,,", " , , , , ")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert isinstance(only_row(path), CatalogueRow)


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        ("films/none.mp4,en.wav,en", Reason.NOT_FOUND, "video"),
        ("films/one.mp4,none.wav,en", Reason.NOT_FOUND, "none.wav"),
        ("films/one.mp4,en.wav,en,none.srt", Reason.NOT_FOUND, "script"),
        ("films,en.wav,en", Reason.NOT_FOUND, "video"),  # a folder
        (f"{'x' * 300}.mp4,en.wav,en,,long", Reason.NOT_FOUND, "video"),
        (",en.wav,en", Reason.BAD_CATALOGUE, "no video"),
        ("films/one.mp4,en.wav", Reason.BAD_CATALOGUE, "no language"),
        ("films/one.mp4,en.wav,English!", Reason.BAD_CATALOGUE, "not a language"),
        ("films/one.mp4,en.wav,en,,../x", Reason.BAD_CATALOGUE, "'../x'"),
        ("films/one.mp4,en.wav,en,,/etc", Reason.BAD_CATALOGUE, "'/etc'"),
        ("films/one.mp4,en.wav,en,,.hidden", Reason.BAD_CATALOGUE, "'.hidden'"),
        ("films/one.mp4,en.wav,en,,../王", Reason.BAD_CATALOGUE, "'../王'"),
        ("films/one.mp4,en.wav,en,,-rf", Reason.BAD_CATALOGUE, "'-rf'"),
        ("films/one.mp4,en.wav,en,,id,more", Reason.BAD_CATALOGUE, "6 values for 5 columns"),
    ],
)
def test_a_bad_row_has_a_message_and_its_line(folder, line, reason, message):
    good = "films/two.mov,pt.wav,pt"
    bad, other = read_catalogue(catalogue(folder, line, good))

    assert isinstance(bad, BadRow)
    assert bad.error.reason is reason
    assert message in bad.error.what
    assert bad.error.where.endswith("catalogue.csv line 2")
    assert isinstance(other, CatalogueRow)


def test_the_second_of_two_equal_ids_fails_and_names_the_first(folder):
    lines = ("films/one.mp4,en.wav,en,,film", "films/two.mov,pt.wav,pt,,FILM")
    first, second = read_catalogue(catalogue(folder, *lines))
    assert isinstance(first, CatalogueRow)
    assert isinstance(second, BadRow)
    assert "line 2" in second.error.what


def test_titles_in_other_scripts_have_distinct_folders(folder):
    names = ("王伟", "李明", unicodedata.normalize("NFD", "Zoë"), "y" * 240)
    for name in names:
        (folder / f"{name}.mp4").touch()
    lines = [f"{name}.mp4,en.wav,zh" for name in names]
    rows = read_catalogue(catalogue(folder, *lines, "films/one.mp4,en.wav,en,,片名 一"))
    assert all(isinstance(row, CatalogueRow) for row in rows)
    ids = [row.id for row in rows]
    assert len(set(ids)) == len(rows)
    assert all(each.isascii() and len(each) <= 100 for each in ids)
    again, other = (
        read_catalogue(catalogue(folder, f"films/one.mp4,en.wav,en,,{form}"))[0].id
        for form in (unicodedata.normalize(form, "Ëve") for form in ("NFC", "NFD"))
    )
    assert again == other


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (b"", Reason.EMPTY_FILE, "empty"),
        (b"video,speech\na,b\n", Reason.BAD_CATALOGUE, "language"),
        (b"video,speech,language,colour\na,b,en,red\n", Reason.BAD_CATALOGUE, "colour"),
        (b"video,speech,language,video\n", Reason.BAD_CATALOGUE, "twice"),
        (b"video,speech,language\n\n", Reason.BAD_CATALOGUE, "no rows"),
        (b'video,speech,language\n"a,b,c\n', Reason.BAD_CATALOGUE, "line 2"),
        ("video,speech,language\né,b,c".encode("latin-1"), Reason.BAD_CATALOGUE, "UTF-8"),
        (b"PK\x03\x04\xff\xfe spreadsheet", Reason.BAD_CATALOGUE, "UTF-8"),
    ],
)
def test_a_file_that_is_not_a_catalogue_is_an_error(tmp_path, data, reason, message):
    path = tmp_path / "catalogue.csv"
    path.write_bytes(data)
    with pytest.raises(BadInputError) as caught:
        read_catalogue(path)
    assert caught.value.reason is reason
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["none.csv", "."])
def test_a_catalogue_that_cannot_be_read_is_an_error(tmp_path, name):
    with pytest.raises(BadInputError) as caught:
        read_catalogue(tmp_path / name)
    assert caught.value.reason in (Reason.NOT_FOUND, Reason.UNREADABLE)


@given(st.binary(max_size=200))
def test_any_bytes_give_bad_rows_or_a_bad_input_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "catalogue.csv"
    path.write_bytes(b"video,speech,language\n" + data)
    try:
        rows = read_catalogue(path)
    except BadInputError:
        return
    assert all(isinstance(row, BadRow) for row in rows)  # none of its files exists


def test_the_content_id_changes_with_everything_that_changes_the_film(folder):
    row = only_row(catalogue(folder, "films/one.mp4,en.wav,en"))
    assert isinstance(row, CatalogueRow)
    recipe = {"seed": 0, "weights": "abc"}
    name = content_id(row, recipe)

    assert content_id(row, dict(reversed(recipe.items()))) == name
    others = {name, content_id(row, {**recipe, "seed": 1})}
    os.utime(row.speech, ns=(0, 0))
    others.add(content_id(row, recipe))
    row.speech.write_bytes(b"longer than it was before")
    os.utime(row.speech, ns=(0, 0))
    others.add(content_id(row, recipe))
    assert len(others) == 4
