"""Outputs that would replace an input, or cannot be written, are refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.output_check import Output, check_output_files, check_output_folder
from mytalk_core.errors import BadInputError, OutputError, Reason


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "speech.wav"
    path.parent.mkdir()
    path.write_bytes(b"sound")
    return path


def _same(source: Path) -> Path:
    return source


def _spelled(source: Path) -> Path:
    return source.parent / ".." / source.parent.name / source.name


def _relative(source: Path) -> Path:
    return Path(os.path.relpath(source))


def _linked(source: Path) -> Path:
    link = source.parent.parent / "link.wav"
    link.symlink_to(source)
    return link


def _hard_linked(source: Path) -> Path:
    link = source.parent.parent / "hard.wav"
    os.link(source, link)
    return link


def _in_linked_folder(source: Path) -> Path:
    folder = source.parent.parent / "elsewhere"
    folder.symlink_to(source.parent)
    return folder / source.name


NAMES = (_same, _spelled, _relative, _linked, _hard_linked, _in_linked_folder)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("swapped", [False, True])
def test_an_output_that_is_an_input_is_refused(
    source: Path, name: Callable[[Path], Path], swapped: bool
) -> None:
    read, written = (name(source), source) if swapped else (source, name(source))
    with pytest.raises(BadInputError) as refused:
        check_output_files([written], [source.parent / "other.wav", read])
    assert refused.value.reason is Reason.BAD_CONFIGURATION
    assert source.name in refused.value.what or read.name in refused.value.what
    assert "--out" in refused.value.remedy


def test_files_written_beside_the_output_are_checked(source: Path) -> None:
    with pytest.raises(BadInputError):
        check_output_files([source.with_name("film.mp4"), source], [source])


def test_a_file_url_is_compared_with_paths(source: Path) -> None:
    with pytest.raises(BadInputError):
        check_output_files([source], [f"file://{source}"])
    with pytest.raises(BadInputError):
        check_output_folder(f"file://{source.parent}", [Output(source.name)], [source])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("s3://bucket/data", "s3://bucket//data/list.parquet"),
        ("s3://bucket//data/", "s3://bucket/data/list.parquet"),
        ("s3://bucket/data", "s3a://bucket/data/./list.parquet"),
        ("s3://bucket/data", "S3://bucket/x/../data/list.parquet"),
        ("gs://bucket/data", "gcs://bucket/data/list.parquet"),
    ],
)
def test_urls_of_a_store_are_compared_after_normalisation(written: str, read: str) -> None:
    with pytest.raises(BadInputError) as refused:
        check_output_folder(written, [Output("list.parquet")], [read])
    assert read in refused.value.what


@given(st.lists(st.sampled_from(["/", "//", "/./", "/a/../"]), min_size=3, max_size=3))
def test_all_spellings_of_a_url_are_equal(slashes: list[str]) -> None:
    first, second, third = slashes
    with pytest.raises(BadInputError):
        check_output_folder(
            "s3://bucket/one/two", [Output("x")], [f"s3://bucket{first}one{second}two{third}x"]
        )


def test_an_input_in_a_replaced_folder_is_refused(source: Path) -> None:
    root = source.parent.parent
    with pytest.raises(BadInputError) as refused:
        check_output_folder(root, [Output("in", is_folder=True)], [source])
    assert str(source) in refused.value.what
    check_output_folder(root, [Output("in"[:1], is_folder=True)], [source])


@pytest.mark.parametrize("out", [".", "results", "results/deeper"])
def test_results_in_a_folder_of_inputs_are_refused(source: Path, out: str) -> None:
    footage = source.parent
    with pytest.raises(BadInputError):
        check_output_folder(footage / out, [Output("x.parquet")], [], read_whole=[footage])
    assert sorted(footage.iterdir()) == [source]


def test_results_that_match_a_glob_of_inputs_are_refused(source: Path) -> None:
    footage = source.parent
    for pattern in ("*", "*.html", "**/*.html"):
        with pytest.raises(BadInputError):
            check_output_folder(
                footage, [Output("x.html")], [], read_whole=[f"{footage}/{pattern}"]
            )
    check_output_folder(footage / "out", [Output("x.html")], [], read_whole=[f"{footage}/*"])
    check_output_folder(footage, [Output("x.html")], [], read_whole=[f"{footage}/*.wav"])


@pytest.mark.parametrize("make", [os.link, os.symlink])
def test_an_output_that_is_a_link_into_an_input_folder_is_refused(
    source: Path, tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    sheet = tmp_path / "sheet.html"
    make(source, sheet)
    with pytest.raises(BadInputError):
        check_output_files([sheet], [source.parent], "--html")
    check_output_files([source.parent / "new.html"], [source.parent], "--html")


def test_suffixes_of_outputs_are_checked(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as refused:
        check_output_files([tmp_path / "film.mkv"], [], suffixes=(".mp4", ".m4v"))
    assert ".mp4 or .m4v" in refused.value.what
    check_output_files([tmp_path / "film.MP4"], [], suffixes=(".mp4", ".m4v"))


@pytest.mark.parametrize("url", ["s3://bucket/film.mp4", "file:///tmp/film.mp4"])
def test_a_url_is_refused_for_an_option_that_takes_a_path(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInputError):
        check_output_files([Path(url)], [])
    with pytest.raises(BadInputError):
        check_output_folder(Path(url), [], [])
    assert not list(tmp_path.iterdir())


def test_unwritable_outputs_are_refused(source: Path, tmp_path: Path) -> None:
    closed = Path("/proc/self")  # not writable for root either
    folder = tmp_path / "folder"
    folder.mkdir()
    for output in (tmp_path / "missing" / "x", closed / "x", folder):
        with pytest.raises(OutputError) as refused:
            check_output_files([output], [])
        assert refused.value.reason is Reason.OUTPUT_NOT_WRITABLE
    for report in (folder,):
        with pytest.raises(OutputError):
            check_output_files([tmp_path / "film.mp4", report], [])
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "page.html").mkdir()
    for root in (closed / "out", source, source / "below", tmp_path / "root"):
        with pytest.raises(OutputError):
            check_output_folder(root, [Output("page.html")], [])
    check_output_folder(tmp_path / "new" / "deeper", [Output("page.html")], [])
    assert not (tmp_path / "new").exists()
