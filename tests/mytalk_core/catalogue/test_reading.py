"""Catalogues written by users: titles, rows with every problem, and files that are none."""

import itertools
import json
import os
import tracemalloc
import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.catalogue.entries import CatalogueTitle, Entry, Labels, RefusedTitle, content_id
from mytalk_core.catalogue.reading import CatalogueSource, read_catalogue
from mytalk_core.data.list_access import ListAccess, list_access
from mytalk_core.errors import BadInputError, ErrorClass, Reason
from tests.web_site import Site, serving

HEADER = "film,dub,language,script,id"
TODAY = date(2026, 11, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    for name in ("films/one.mp4", "films/two.mov", "en.wav", "pt.wav", "pt.srt", "me.wav"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def catalogue(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "catalogue.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return path


def read(path: Path | str, **fields: Any) -> list[Entry]:
    source = CatalogueSource(str(path), **fields)
    return list(read_catalogue(source, "/results", TODAY))


def titles(path: Path | str, **fields: Any) -> list[CatalogueTitle]:
    entries = read(path, **fields)
    assert [each.problems for each in entries if isinstance(each, RefusedTitle)] == []
    return [each for each in entries if isinstance(each, CatalogueTitle)]


def refused(path: Path | str, **fields: Any) -> list[RefusedTitle]:
    return [each for each in read(path, **fields) if isinstance(each, RefusedTitle)]


def test_files_are_relative_to_the_catalogue(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    lines = ("films/one.mp4,en.wav,en", f"{folder}/films/two.mov,pt.wav,pt-BR,pt.srt,two-br")
    first, second = titles(catalogue(folder, *lines))
    films = f"{folder}/films"
    parts = {"film": f"{films}/one.mp4", "dub": f"{folder}/en.wav", "language": "en"}
    assert (first.id, first.output, first.document) == ("one_en", "one_en/one_en.mp4", parts)
    assert (second.id, second.document["script"]) == ("two-br", f"{folder}/pt.srt")
    assert second.where.endswith("catalogue.csv line 3")
    assert set(second.files) == {f"{films}/two.mov", f"{folder}/pt.wav", f"{folder}/pt.srt"}


def test_a_row_states_every_part_of_a_specification(folder: Path) -> None:
    """In a flat list by columns with dots, in JSON Lines nested, in Parquet by structures."""
    (folder / "people.yaml").write_text(
        "cast: [{id: m1, name: Anna}, {id: m2, name: Ben}]\n"
        "consent: [{member: Anna, who: A, reference: c1}, {member: Ben, who: B, reference: c2}]\n"
    )
    flat = {
        "film": "films/one.mp4",
        "language": "de",
        "dub.Anna": "en.wav",
        "dub.Ben": "pt.wav",
        "music_and_effects": "me.wav",
        "cast": "people.yaml",
        "consent": "people.yaml",
        "output": "de/Pilot.mov",
        "require_consent": "true",
        "range.start": "10:00:00:00",
        "range.end": "60.5",
        "options.seed": "7",
        "options.replace_audio": "TRUE",
    }
    nested = {key: value for key, value in flat.items() if "." not in key} | {
        "dub": {"Anna": "en.wav", "Ben": "pt.wav"},
        "require_consent": True,
        "range": {"start": "10:00:00:00", "end": 60.5},
        "options": {"seed": 7, "replace_audio": True},
    }
    (folder / "catalogue.jsonl").write_text(json.dumps(nested))
    pq.write_table(pa.Table.from_pylist([nested]), folder / "catalogue.parquet")
    (title,) = titles(catalogue(folder, ",".join(flat.values()), header=",".join(flat)))
    document = title.document
    for name in ("catalogue.jsonl", "catalogue.parquet"):
        assert [each.document for each in titles(folder / name)] == [document]
    assert document["dub"] == {"Anna": f"{folder}/en.wav", "Ben": f"{folder}/pt.wav"}
    assert document["range"] == {"start": "10:00:00:00", "end": 60.5}
    assert document["options"] == {"seed": 7, "replace_audio": True}
    assert (document["require_consent"], title.output) == (True, "de/Pilot.mov")
    assert [each["name"] for each in document["cast"]] == ["Anna", "Ben"]


def test_a_row_may_name_a_specification_and_replace_keys_of_it(folder: Path) -> None:
    """Rows win over the specification, it wins over defaults; each knows its own folder."""
    (folder / "titles").mkdir()
    (folder / "titles/one.mp4").write_text("film")
    (folder / "titles/stem.wav").write_text("stem")
    (folder / "titles/pilot_de.yaml").write_text(
        "film: one.mp4\nlanguage: de\ndub: stem.wav\noutput: out/Pilot.mov\n"
        "options: {articulation: 1.2, seed: 3}\n"
    )
    path = catalogue(folder, "titles/pilot_de.yaml,,4", header="title,language,options.seed")
    defaults = {"options": {"guidance": 0.5, "seed": 9}, "music_and_effects": "me.wav"}
    (title,) = titles(path, defaults=defaults, base=str(folder / "job.yaml"))
    assert (title.id, title.output) == ("pilot_de", "pilot_de/Pilot.mov")
    assert title.document == {
        "film": f"{folder}/titles/one.mp4",
        "dub": f"{folder}/titles/stem.wav",
        "language": "de",
        "music_and_effects": f"{folder}/me.wav",
        "options": {"articulation": 1.2, "seed": 4, "guidance": 0.5},
    }


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        ("films/none.mp4,en.wav,en", Reason.NOT_FOUND, "film cannot be used"),
        ("films/one.mp4,none.wav,en", Reason.NOT_FOUND, "none.wav does not exist"),
        ("films/one.mp4,en.wav,en,none.srt", Reason.NOT_FOUND, "script cannot"),
        ("films,en.wav,en", Reason.UNREADABLE, "is not a file"),
        (f"{'x' * 300}.mp4,en.wav,en,,long", Reason.NOT_FOUND, "film"),
        (",en.wav,en", Reason.BAD_CATALOGUE, "film is missing"),
        ("films/one.mp4,en.wav", Reason.BAD_CATALOGUE, "language is missing"),
        ("films/one.mp4,en.wav,English!", Reason.BAD_CATALOGUE, "language cannot be"),
        ("films/one.mp4,en.wav,xx", Reason.BAD_CATALOGUE, "not the code of a language"),
        ("films/one.mp4,en.wav,en,,../x", Reason.BAD_CATALOGUE, '"../x"'),
        ("films/one.mp4,en.wav,en,,/etc", Reason.BAD_CATALOGUE, '"/etc"'),
        ("films/one.mp4,en.wav,en,,.hidden", Reason.BAD_CATALOGUE, '".hidden"'),
        ("films/one.mp4,en.wav,en,,../王", Reason.BAD_CATALOGUE, "../王"),
        ("films/one.mp4,en.wav,en,,-rf", Reason.BAD_CATALOGUE, '"-rf"'),
        ("films/one.mp4,en.wav,en,,id,more", Reason.BAD_CATALOGUE, "6 values for 5 columns"),
    ],
)
def test_a_bad_row_has_a_message_and_its_line(
    folder: Path, line: str, reason: Reason, message: str
) -> None:
    bad, other = read(catalogue(folder, line, "films/two.mov,pt.wav,pt"))
    assert isinstance(bad, RefusedTitle)
    assert bad.reason is reason
    assert message in str(bad.error())
    assert bad.where.endswith("catalogue.csv line 2")
    assert bad.error_class is ErrorClass.BAD_INPUT
    assert isinstance(other, CatalogueTitle)


@pytest.mark.parametrize(
    "output",
    [
        "../up.mp4",
        "/up.mp4",
        "a//b.mp4",
        ".a/b.mp4",
        "ledger/a.mp4",
        "Quality/a.mp4",
        "film.avi",
        "a\\b.mp4",
    ],
)
def test_an_output_stays_below_the_results(folder: Path, output: str) -> None:
    path = catalogue(folder, f"films/one.mp4,en.wav,en,{output}", header="film,dub,language,output")
    (bad,) = refused(path)
    assert {each.where for each in bad.problems} == {"output"}


def test_a_row_has_labels_that_change_no_film(folder: Path) -> None:
    row = "films/one.mp4,en.wav,en"
    (plain,) = titles(catalogue(folder, row, header="film,dub,language"))
    header = "film,dub,language,studio,show"
    (labelled,) = titles(catalogue(folder, f"{row},North,The Harbour", header=header))
    assert labelled.labels == Labels("North", "The Harbour")
    assert content_id(labelled, {}) == content_id(plain, {})
    (bad,) = refused(catalogue(folder, "films/none.mp4,en.wav,en,North,", header=header))
    assert bad.labels == Labels("North")


def test_every_problem_of_a_row_is_found_at_once(folder: Path) -> None:
    (folder / "consents.yaml").write_text("consent: [{member: Anna, who: A, reference: c}]")
    header = "film,dub.Anna,dub.Ben,language,consent,require_consent,options.seed"
    path = catalogue(
        folder, "none.mp4,en.wav,pt.wav,xx,consents.yaml,true,2", ",,,,,,many", header=header
    )
    first, second = refused(path)
    assert [each.where for each in first.problems] == ["language", "consent", "film"]
    assert "no entry for Ben" in first.problems[1].what
    assert {each.where for each in second.problems} >= {"film", "dub", "language", "options.seed"}


def test_ids_and_outputs_that_stand_twice_name_the_first_row(folder: Path) -> None:
    lines = (
        "films/one.mp4,en.wav,en,film,de/a.mp4",
        "films/two.mov,pt.wav,pt,FILM,de/b.mp4",
        "films/two.mov,pt.wav,pt,other,DE/a.mp4",
    )
    path = catalogue(folder, *lines, header="film,dub,language,id,output")
    second, third = refused(path)
    assert [(each.where, each.what) for each in second.problems] == [
        ("id", f"is FILM, as in {path} line 2")
    ]
    assert [(each.where, each.what) for each in third.problems] == [
        ("output", f"is DE/a.mp4, as in {path} line 2")
    ]


def test_an_input_is_never_an_output(folder: Path) -> None:
    out = folder / "out"
    (out / "a").mkdir(parents=True)
    (out / "a/a.mp4").write_text("film")
    (folder / "link.mp4").symlink_to(out / "a/a.mp4")
    lines = ("out/a/a.mp4,en.wav,en,,a", "link.mp4,en.wav,en,,a")
    for line in lines:
        source = CatalogueSource(str(catalogue(folder, line)))
        (bad,) = read_catalogue(source, str(out), TODAY)
        assert isinstance(bad, RefusedTitle)
        assert "would be lost" in bad.problems[0].what


def test_access_rules_of_lists_apply_and_secrets_are_removed(folder: Path) -> None:
    (folder / "lists").mkdir()
    (folder / "lists/up.yaml").write_text("film: ../films/one.mp4\nlanguage: en\ndub: ../en.wav\n")
    lines = (
        "../films/one.mp4,../en.wav,en,",
        "/etc/passwd,/etc/passwd,en,",
        "https://u:S3cr3t@127.0.0.1/a.mp4?sig=S3cr3t,/etc/passwd,en,",
        ",,,up.yaml",
    )
    path = catalogue(folder / "lists", *lines, header="film,dub,language,title")
    rows = refused(path)
    assert [row.reason for row in rows] == [Reason.NOT_ALLOWED] * 4
    assert "S3cr3t" not in repr(rows) + "".join(str(row.error()) for row in rows)
    allowed = list_access([str(folder)], private_addresses=False)
    assert [row.number for row in refused(path, access=allowed)] == [1, 2]


def test_a_list_that_came_by_a_url_names_no_file_of_this_machine(folder: Path) -> None:
    (folder / "own.yaml").write_text(f"film: {folder}/films/one.mp4\nlanguage: en\ndub: en.wav\n")
    film = f"file://{folder}/films/one.mp4"
    rows = [f"{film},{film},en,", "../up.mp4,en.wav,en,", f",,,{folder}/own.yaml"]
    site = Site("\n".join(["film,dub,language,title", *rows]).encode())
    with serving(site):
        found = refused(site.url.replace("film.mp4", "lists/catalogue.csv"))
    assert [row.reason for row in found] == [Reason.NOT_ALLOWED] * 3
    assert "in none of the allowed folders" in found[0].problems[0].what


def test_the_same_file_signed_again_is_the_same_title(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(b"film", {"ETag": '"1"'})
    with serving(site):
        found = []
        for signature in ("S3cr3t1", "S3cr3t2"):
            line = f"{site.url}?X-Amz-Signature={signature}&X-Amz-Date=1,en.wav,en,,a"
            found += titles(catalogue(folder, line), access=ListAccess(private_addresses=True))
        site.headers["ETag"] = '"2"'
        found += titles(catalogue(folder, line), access=ListAccess(private_addresses=True))
    first, again, changed = (content_id(each, {}) for each in found)
    assert first == again != changed
    assert "S3cr3t" in found[0].document["film"]
    assert "S3cr3t" not in found[0].film + repr(found[0].files)


def test_files_of_object_stores_are_looked_at(s3_url: str, folder: Path) -> None:
    files = fsspec.filesystem("s3")
    url = f"{s3_url}/catalogue-reading"
    for name in ("films/a.mp4", "a.wav"):
        files.pipe_file(f"{url}/{name}", name.encode())
    text = f"film,dub,language\nfilms/a.mp4,{url}/a.wav,de\nfilms/b.mp4,a.wav,de\n"
    files.pipe_file(f"{url}/c.csv", text.encode())
    good, bad = read(f"{url}/c.csv")
    assert isinstance(good, CatalogueTitle)
    assert good.document["film"] == f"{url}/films/a.mp4"
    before = content_id(good, {})
    files.pipe_file(f"{url}/films/a.mp4", b"changed")
    assert content_id(titles_of(read(f"{url}/c.csv"))[0], {}) != before
    assert isinstance(bad, RefusedTitle)
    assert bad.reason is Reason.NOT_FOUND
    elsewhere = list_access([f"{s3_url}/other"], private_addresses=False)
    path = catalogue(folder, f"{url}/films/a.mp4,{url}/a.wav,de")
    assert [row.reason for row in refused(path, access=elsewhere)] == [Reason.NOT_ALLOWED]


def titles_of(entries: list[Entry]) -> list[CatalogueTitle]:
    return [each for each in entries if isinstance(each, CatalogueTitle)]


def test_a_storage_that_does_not_answer_is_not_the_fault_of_the_row(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYTALK_RETRY_SECONDS", "0.01")
    site = Site(statuses=[503] * 100)
    with serving(site):
        path = catalogue(folder, f"{site.url},en.wav,en,,a", f"{site.url},none.wav,en,,b")
        transient, bad = refused(path, access=ListAccess(private_addresses=True))
    assert transient.error_class is ErrorClass.TRANSIENT
    assert bad.error_class is ErrorClass.BAD_INPUT


def test_titles_in_other_scripts_have_distinct_folders(folder: Path) -> None:
    names = ("王伟", "李明", unicodedata.normalize("NFD", "Zoë"), "y" * 240)
    for name in names:
        (folder / f"{name}.mp4").write_text(name)
    lines = [f"{name}.mp4,en.wav,zh" for name in names]
    rows = titles(catalogue(folder, *lines, "films/one.mp4,en.wav,en,,片名 一"))
    ids = [row.id for row in rows]
    assert len(set(ids)) == len(rows)
    assert all(each.isascii() and len(each) <= 100 for each in ids)
    again, other = (
        titles(catalogue(folder, f"films/one.mp4,en.wav,en,,{form}"))[0].id
        for form in (unicodedata.normalize(form, "Ëve") for form in ("NFC", "NFD"))
    )
    assert again == other


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (b"", Reason.EMPTY_FILE, "empty"),
        (b"dub,language\na,b\n", Reason.BAD_CATALOGUE, "title or film"),
        (b"film,dub,language,colour\na,b,en,red\n", Reason.BAD_CATALOGUE, "colour"),
        (b"film,dub,langauge\na,b,en\n", Reason.BAD_CATALOGUE, "Did you mean 'language'"),
        (b"video,speech,language\na,b,en\n", Reason.BAD_CATALOGUE, "'video', 'speech'"),
        (b"film,dub,language,film\n", Reason.BAD_CATALOGUE, "twice"),
        (b"film,dub,language\n\n", Reason.BAD_CATALOGUE, "no rows"),
        (b'film,dub,language\n"a,b,c\n', Reason.BAD_CATALOGUE, "line 2"),
        ("film,dub,language\né,b,c".encode("latin-1"), Reason.BAD_CATALOGUE, "UTF-8"),
        (b"PK\x03\x04\xff\xfe spreadsheet", Reason.BAD_CATALOGUE, "UTF-8"),
    ],
)
def test_a_file_that_is_not_a_catalogue_is_an_error(
    tmp_path: Path, data: bytes, reason: Reason, message: str
) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_bytes(data)
    with pytest.raises(BadInputError) as caught:
        read(path)
    assert caught.value.reason is reason
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_give_refused_rows_or_a_bad_input_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "catalogue.csv"
    path.write_bytes(b"film,dub,language\n" + data)
    try:
        entries = read(path)
    except BadInputError:
        return
    assert titles_of(entries) == []  # none of its files exists


def test_the_content_id_changes_with_everything_that_changes_the_film(folder: Path) -> None:
    def id_of(line: str, recipe: dict[str, object], header: str = HEADER) -> str:
        return content_id(titles(catalogue(folder, line, header=header))[0], recipe)

    line, recipe = "films/one.mp4,en.wav,en,,a", {"seed": 0, "weights": "abc"}
    first = id_of(line, recipe)
    assert id_of(line, dict(reversed(recipe.items()))) == first
    others = {first, id_of(line, {**recipe, "seed": 1})}
    others.add(id_of("films/one.mp4,en.wav,en,a,2", recipe, "film,dub,language,id,options.seed"))
    os.utime(folder / "en.wav", ns=(0, 0))
    others.add(id_of(line, recipe))
    (folder / "en.wav").write_bytes(b"longer than it was before")
    os.utime(folder / "en.wav", ns=(0, 0))
    others.add(id_of(line, recipe))
    assert len(others) == 5


def test_rows_are_streamed(folder: Path) -> None:
    """Memory grows neither with the list nor with what was read of it."""
    path = folder / "catalogue.csv"
    with path.open("w") as lines:
        lines.write(HEADER + "\n")
        for number in range(20_000):
            lines.write(f"films/one.mp4,en.wav,en,,t{number}\n")

    def entries() -> Iterator[Entry]:
        return read_catalogue(CatalogueSource(str(path)), "/results", TODAY)

    def peak(rows: int) -> int:
        tracemalloc.start()
        for _ in itertools.islice(entries(), rows):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)  # caches fill
    few, many = peak(100), peak(700)
    assert few < 20_000 * 200  # bytes; a row takes more as soon as it is split
    assert many - few < 600 * 400  # an entry takes more
