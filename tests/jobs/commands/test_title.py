import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.dubbing.title_spec import TitleOptions

SCRIPT = "1\n10:00:00,500 --> 10:00:01,500\nGrüezi miteinander.\n"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, run_ffmpeg: Callable[..., Path]) -> Path:
    """A film of three seconds that starts at 10:00:00:00, and sounds of several lengths."""
    folder = tmp_path_factory.mktemp("media")
    picture = ("-f", "lavfi", "-i", "testsrc=s=320x240:r=24000/1001:d=3")
    tone = ("-f", "lavfi", "-i", "sine=d=3:sample_rate=48000")
    start = ("-timecode", "10:00:00:00", "-movflags", "+faststart")
    run_ffmpeg(folder / "film.mov", *picture, *tone, "-c:v", "libx264", "-g", "12", *start)
    for name, seconds in (("dub", 3), ("short", 2), ("long", 9)):
        sound = ("-f", "lavfi", "-i", f"sine=d={seconds}:sample_rate=48000")
        run_ffmpeg(folder / f"{name}.wav", *sound)
    whole = (folder / "film.mov").read_bytes()
    (folder / "cut_off.mov").write_bytes(whole[: len(whole) // 2])
    (folder / "no_film.mov").write_bytes(whole[:400])
    (folder / "lines.srt").write_text(SCRIPT, encoding="utf-8")
    (folder / "latin.srt").write_bytes(SCRIPT.encode("cp1252"))
    (folder / "empty.srt").write_text("\n")
    (folder / "music.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\n[music]\n")
    return folder


@pytest.fixture
def checked(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, list[dict[str, str]]]]]:
    """A function: runs the check of a specification and gives the exit code and the title."""

    def check(**changes: object) -> tuple[int, dict[str, list[dict[str, str]]]]:
        keys = {"film": "film.mov", "language": "de", "dub": "dub.wav", **changes}
        for name in ("film", "dub", "script", "mix", "music_and_effects"):
            if isinstance(keys.get(name), str):
                keys[name] = str(media / str(keys[name]))
        path = tmp_path / "title.json"
        path.write_text(json.dumps(keys))
        code = run(["--json", "title", "check", str(path)])
        output = capsys.readouterr()
        assert "Traceback" not in output.err
        assert sorted(tmp_path.iterdir()) == [path]  # nothing is written
        return code, json.loads(output.out)["titles"][0]

    return check


def test_a_good_title_is_good(checked: Callable[..., object]) -> None:
    code, title = checked(script="lines.srt", range={"start": "10:00:01:00", "end": 3})
    assert (code, title["problems"]) == (0, [])
    (decided,) = title["warnings"]  # from where the script counts
    assert "10:00:00:00" in decided["what"]
    assert title["start_timecode"] == "10:00:00:00"
    assert title["script_lines"] == 1


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"film": "no_film.mov"}, "film", "cannot be used"),
        ({"film": "cut_off.mov"}, "film", "its end is missing"),
        ({"film": "lines.srt"}, "film", "cannot be used"),
        ({"film": "dub.wav"}, "film", "cannot be used"),
        ({"dub": "lines.srt"}, "dub", "cannot be used"),
        ({"dub": "long.wav"}, "dub", "ends 6.00 s after the film"),
        ({"mix": "long.wav"}, "mix", "ends 6.00 s after the film"),
        ({"script": "empty.srt"}, "script", "cannot be used"),
        ({"script": "music.srt"}, "script", "no usable spoken line"),
        ({"range": {"start": "11:00:00:00"}}, "range.start", "beyond the end"),
        ({"options": {"video_track": 7}}, "film", "cannot be used"),
        ({"cast": []}, "cast", "is empty"),
    ],
)
def test_what_cannot_be_dubbed_is_one_problem(
    checked: Callable[..., object], changes: dict[str, object], where: str, what: str
) -> None:
    code, title = checked(**changes)
    assert code == 2
    assert [problem["where"] for problem in title["problems"]] == [where]
    assert what in title["problems"][0]["what"]


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"dub": "short.wav"}, "dub", "ends 1.00 s before the film"),
        ({"script": "latin.srt"}, "script", "not UTF-8"),
    ],
)
def test_what_deserves_a_look_is_a_warning(
    checked: Callable[..., object], changes: dict[str, object], where: str, what: str
) -> None:
    code, title = checked(**changes)
    assert (code, title["problems"]) == (0, [])
    assert any(
        warning["where"] == where and what in warning["what"] for warning in title["warnings"]
    )


def test_a_stem_of_a_name_that_nobody_has_is_a_problem(
    checked: Callable[..., object], media: Path
) -> None:
    stems = {"Anna": str(media / "dub.wav"), "Bob": str(media / "dub.wav")}
    code, title = checked(dub=stems, cast=[{"id": "m1", "name": "Anna"}])
    assert code == 2
    assert [problem["where"] for problem in title["problems"]] == ["dub.Bob"]


def test_init_writes_a_specification_that_only_needs_its_gaps_filled(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "title.yaml"
    assert run(["title", "init", str(media / "film.mov"), "--out", str(out)]) == 0
    text = out.read_text()
    for part in ("24000/1001", "10:00:00:00", "audio track 1"):
        assert part in text
    assert all(f"  {name}:\n" in text for name in vars(TitleOptions()))
    filled = text.replace("language:\n", "language: de\n")
    out.write_text(filled.replace("dub: dub.wav", f"dub: {media / 'dub.wav'}"))
    capsys.readouterr()
    assert run(["title", "check", str(out)]) == 0
    assert "good" in capsys.readouterr().out


def test_init_replaces_nothing(media: Path, tmp_path: Path) -> None:
    out = tmp_path / "title.yaml"
    out.write_text("mine")
    assert run(["title", "init", str(media / "film.mov"), "--out", str(out)]) == 2
    assert run(["title", "init", str(media / "lines.srt"), "--out", str(tmp_path / "b.yaml")]) == 2
    assert out.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [out]


def test_the_table_shows_all_titles(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    least = f"film: {media / 'film.mov'}\nlanguage: de\ndub: {media / 'dub.wav'}\noutput: a.mp4\n"
    (tmp_path / "a.yaml").write_text(least)
    (tmp_path / "b.yaml").write_text(least)
    assert run(["title", "check", str(tmp_path)]) == 2
    shown = capsys.readouterr().out
    assert "good" in shown
    assert "output" in shown
