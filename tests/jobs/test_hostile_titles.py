"""Hostile titles: each is refused with one clear message before any model is loaded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.app import run
from mytalk_core.media.audio import write_wav

GERMAN = "1\n00:00:00,200 --> 00:00:01,300\nSchöne Grüße.\n"
NAMED = "WEBVTT\n\n00:00.200 --> 00:01.300\n<v Anna>Schöne Grüße.\n"
DENSE = 2000  # lines of a script, all of which overlap
ENCODINGS = ("cp1252", "utf-16", "utf-8-sig")


def rows(count: int) -> str:
    """SRT of so many lines within the first second."""
    return "\n".join(
        f"{number}\n00:00:00,{number % 500:03} --> 00:00:00,{number % 500 + 400:03}\nWords.\n"
        for number in range(1, count + 1)
    )


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, run_ffmpeg: Callable[..., Path]) -> Path:
    """A film of two seconds, sounds of several lengths and scripts."""
    folder = tmp_path_factory.mktemp("media")
    picture = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=2")
    run_ffmpeg(folder / "film.mp4", *picture, "-g", "10", "-movflags", "+faststart")
    for name, seconds in (("dub", "2"), ("long", "3"), ("short", "1")):
        run_ffmpeg(folder / f"{name}.wav", "-f", "lavfi", "-i", f"sine=d={seconds}")
    whole = (folder / "film.mp4").read_bytes()
    (folder / "cut_off.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    for encoding in ENCODINGS:
        (folder / f"{encoding}.srt").write_bytes(GERMAN.encode(encoding))
    (folder / "empty.srt").touch()
    (folder / "dense.srt").write_text(rows(DENSE))
    (folder / "named.vtt").write_text(NAMED, encoding="utf-8")
    return folder


def title(media: Path, name: str = "title.json", **changes: Any) -> Path:
    """A specification in the folder of the media."""
    path = media / name
    keys = {"film": "film.mp4", "language": "de", "dub": "dub.wav", **changes}
    path.write_text(json.dumps(keys))
    return path


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line of a command that fails."""
    assert run([*map(str, arguments)]) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err
    (line,) = captured.err.splitlines()
    assert line.startswith("mytalk: ") and "bug" not in line
    return line


STEMS = {"Anna": "dub.wav", "Carl": "dub.wav"}
OLD = [{"member": "m1", "who": "Anna Example", "reference": "1", "until": "2020-01-01"}]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"dub": "long.wav"}, ["dub ends 1.00 s after the film", "sound of this cut"]),
        ({"script": "empty.srt"}, ["script", "empty", "Export it again"]),
        ({"script": "named.vtt", "dub": STEMS}, ["dub.Carl", "neither the cast nor the script"]),
        ({"output": "film.mp4"}, ["output is the file that film names", "Name another file"]),
        ({"require_consent": True, "cast": [{"id": "m1", "name": "Anna"}]}, ["no entry for Anna"]),
        ({"require_consent": True, "consent": OLD}, ["2020-01-01", "has expired", "Renew it"]),
        (
            {"cast": [{"id": "m1", "tracks": ["first"]}]},
            ['tracks[0] cannot be "first"', "shot.number"],
        ),
    ],
)
def test_a_title_is_refused_with_what_where_and_remedy(
    media: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], parts: list[str]
) -> None:
    path = title(media, **changes)
    before = sorted(media.iterdir())
    line = refusal(capsys, "dub", path, "--work", media / "work")
    assert [part for part in parts if part not in line] == [], line
    assert {*media.iterdir()} - {media / "work"} == {*before} - {media / "work"}


@pytest.mark.parametrize("work", ["dub.wav", "dub.wav/below"])
def test_a_work_folder_in_place_of_a_file_is_named(
    media: Path, capsys: pytest.CaptureFixture[str], work: str
) -> None:
    for arguments in (("dub", title(media)), ("cast", media / "film.mp4")):
        line = refusal(capsys, *arguments, "--work", media / work)
        assert str(media / work) in line
        assert "is not a folder" in line and "--work" in line


def checked(capsys: pytest.CaptureFixture[str], *paths: Path) -> list[dict[str, Any]]:
    run(["--json", "title", "check", *map(str, paths)])
    titles: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["titles"]
    return titles


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_script_in_another_encoding_is_read(
    media: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    (found,) = checked(capsys, title(media, script=f"{encoding}.srt"))
    assert found["usable"] and found["script_lines"] == 1
    assert all("encoding" in each["what"] or "UTF-8" in each["what"] for each in found["warnings"])


def srt(*rows: tuple[str, str]) -> str:
    """SRT of lines, each with its times in seconds and milliseconds."""
    return "\n".join(
        f"{number}\n00:00:{start} --> 00:00:{end}\nLine {number} is said.\n"
        for number, (start, end) in enumerate(rows, 1)
    )


FIRST, SECOND, LATE = ("00,200", "00,800"), ("01,000", "01,600"), ("07,000", "08,000")


@pytest.mark.parametrize(
    ("rows", "lines", "warning"),
    [
        ((FIRST, SECOND), 2, ""),
        ((SECOND, FIRST), 2, "starts before a line above it"),
        ((FIRST, ("00,500", "01,600")), 2, "overlaps another line"),
        ((FIRST, ("01,000", "09,000")), 2, "ends after the film"),
        ((FIRST, LATE), 1, "starts after the end of the film"),
        ((FIRST, ("01,600", "01,000")), 1, "ends before it starts"),
    ],
)
def test_lines_in_the_wrong_place_are_named(
    media: Path,
    capsys: pytest.CaptureFixture[str],
    rows: tuple[tuple[str, str], ...],
    lines: int,
    warning: str,
) -> None:
    (media / "placed.srt").write_text(srt(*rows))
    (found,) = checked(capsys, title(media, script="placed.srt"))
    assert found["usable"] and found["script_lines"] == lines
    texts = [each["what"] for each in found["warnings"] if each["where"] == "script"]
    assert [warning in text for text in texts] == [True] * bool(warning)


@pytest.mark.parametrize("text", ["WEBVTT\n\n", "start,end,text\n", srt(LATE), "\0\1\2" * 99])
def test_a_script_without_a_usable_line_is_refused(
    media: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (media / "useless.srt").write_text(text)
    line = refusal(capsys, "dub", title(media, script="useless.srt"), "--work", media / "work")
    assert "script" in line


@pytest.mark.parametrize(
    ("dub", "usable", "text"),
    [
        ("short.wav", True, "ends 1.00 s before the film"),
        ("no_samples.wav", True, "ends 2.00 s before the film"),
        ("empty.wav", False, "the file is empty"),
    ],
)
def test_a_stem_that_is_too_short_is_named(
    media: Path, capsys: pytest.CaptureFixture[str], dub: str, usable: bool, text: str
) -> None:
    (media / "empty.wav").touch()
    write_wav(media / "no_samples.wav", np.zeros(0, np.int16), 16_000)
    (found,) = checked(capsys, title(media, dub=dub))
    assert found["usable"] is usable
    assert any(text in each["what"] for each in (*found["problems"], *found["warnings"]))


def test_a_film_that_is_cut_off_is_seen_before_it_is_dubbed(
    media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = checked(capsys, title(media, film="cut_off.mp4"))
    texts = [each["what"] for each in (*found["problems"], *found["warnings"])]
    assert any("cut off" in text or "picture ends" in text for text in texts)


def test_two_titles_with_one_output_clash(media: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [title(media, f"{name}.json", output="same.mp4") for name in "ab"]
    first, second = checked(capsys, *paths)
    assert first["usable"] and not second["usable"]
    assert "a.json" in second["problems"][0]["what"]


def test_a_stem_that_is_the_output_is_named_as_the_specification_names_it(
    media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = checked(capsys, title(media, dub="film.mp4", film="film.mp4", output="film.mp4"))
    assert {each["what"] for each in found["problems"]} >= {"is the file that dub names"}


def test_the_table_shows_some_warnings_and_counts_the_others(
    media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = title(media, script="dense.srt")
    assert run(["title", "check", str(path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count("overlaps") == 10
    (found,) = checked(capsys, path)
    assert len(found["warnings"]) > DENSE / 2  # JSON has all
