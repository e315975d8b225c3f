from dataclasses import fields
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.title_reader import read_title, read_titles, specification_files
from mytalk_core.dubbing.title_schema import title_schema
from mytalk_core.dubbing.title_spec import Consent, FilmTime, TitleOptions, TitleRange, TitleSpec
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.films.cast_map import CastEntry, CastMap

TODAY = date(2026, 11, 29)
LEAST = "film: film.mp4\nlanguage: de\ndub: dub.wav\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("film.mp4", "dub.wav", "anna.wav", "ben.wav", "me.wav", "anna.mp4", "lines.srt"):
        (tmp_path / name).write_text("a file")
    return tmp_path


def _written(folder: Path, text: str, name: str = "pilot.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def _problems(folder: Path, text: str) -> dict[str, str]:
    """The problems of a specification: their texts by place."""
    (title,) = read_titles([_written(folder, text)], TODAY)
    assert title.spec is None
    return {problem.where: str(problem) for problem in title.problems}


def test_the_least_specification_has_defaults(folder: Path) -> None:
    spec = read_title(_written(folder, LEAST), TODAY)
    assert spec == TitleSpec(
        id="pilot",
        film=folder / "film.mp4",
        language="de",
        dub={"": folder / "dub.wav"},
        output=folder / "pilot.mp4",
    )


def test_a_full_specification_is_read(folder: Path) -> None:
    text = """
id: pilot_nb
film: film.mp4
language: no
dub: {Anna: anna.wav, m2: ben.wav}
output: ../out.mkv
music_and_effects: me.wav
script: lines.srt
cast:
  - {id: m1, name: Anna, characters: [ANNA], tracks: ["3.0"], merged_from: [m4], style: anna.mp4}
  - {id: m9, speaks: false}
require_consent: true
consent:
  - {member: ANNA, who: Anna Example, reference: "7", scope: dub, until: 2026-11-29}
  - {member: m2, who: Ben Example, reference: contract 8}
range: {start: 5.04, end: "10:00:00;12"}
options: {member: Anna, articulation: 1, replace_audio: true, audio_track: 2}
"""
    spec = read_title(_written(folder, text), TODAY)
    assert spec.language == "no"
    assert spec.dub == {"Anna": folder / "anna.wav", "m2": folder / "ben.wav"}
    assert spec.output.resolve() == folder.parent / "out.mkv"
    assert spec.cast == CastMap(
        (
            CastEntry("m1", "Anna", ("ANNA",), ("3.0",), ("m4",)),
            CastEntry("m9", speaks=False),
        )
    )
    assert spec.styles == {"m1": folder / "anna.mp4"}
    assert spec.consent == (
        Consent("ANNA", "Anna Example", "7", "dub", TODAY),
        Consent("m2", "Ben Example", "contract 8"),
    )
    assert spec.range == TitleRange(
        FilmTime(seconds=Fraction("5.04")), FilmTime(timecode="10:00:00;12")
    )
    assert spec.options == TitleOptions(
        member="Anna", articulation=1.0, replace_audio=True, audio_track=2
    )


def test_every_problem_is_found_at_once(folder: Path) -> None:
    text = """
film: 3
languag: de
dub: {A: 7, B: no.wav}
output: a.avi
cast: [{id: 7, tracks: [3.0], foo: 1, style: no.mp4}]
consent: [{member: a, until: soon}]
range: {start: 10:00:00, end: -1}
options: {articulation: 9, seed: x, video_trak: 1}
script: https://example.org/s.srt
"""
    found = _problems(folder, text)
    expected = {
        "film": "must be a text",
        "languag": "Did you mean `language`?",
        "language": "is missing",
        "dub.A": "is 7, but must be a text",
        "dub.B": "does not exist",
        "output": "MP4, MOV or MKV",
        "cast[0].id": "Put it in quotes",
        "cast[0].tracks[0]": "Put it in quotes",
        "cast[0].foo": "not a known key",
        "cast[0].style": "does not exist",
        "consent[0].who": "is missing",
        "consent[0].reference": "is missing",
        "range.start": "timecode",
        "range.end": "at least 0",
        "options.articulation": "at most 3",
        "options.seed": "a whole number",
        "options.video_trak": "Did you mean `video_track`?",
        "script": "is the URL",
    }
    assert found.keys() == expected.keys()
    assert not [where for where, part in expected.items() if part not in found[where]]


@pytest.mark.parametrize(
    ("lines", "where", "what"),
    [
        ("id: a/b", "id", "cannot be"),
        ("cast: []", "cast", "is empty"),
        ("cast: [{id: ' '}]", "cast[0].id", "is empty"),
        ("cast: [{id: m1}, {id: m1}]", "cast", 'Member "m1" has several entries'),
        ("mix: me.wav\nmusic_and_effects: me.wav", "mix", "beside music_and_effects"),
        ("output: film.mp4", "output", "is the file that film names"),
        ("script: none.srt", "script", "does not exist"),
        ("script: .", "script", "not a file"),
        (
            "consent: [{member: m1, who: A, reference: r, until: 2026-11-28}]",
            "consent[0].until",
            "the consent of A has expired",
        ),
        (
            "consent: [{member: m1, who: A, reference: r, until: 2026-13-28}]",
            "consent[0].until",
            "not a date",
        ),
        ("require_consent: true\ncast: [{id: m1, name: Anna}]", "consent", "no entry for Anna"),
        ("require_consent: true\noptions: {member: m3}", "consent", "no entry for m3"),
    ],
)
def test_one_problem(folder: Path, lines: str, where: str, what: str) -> None:
    found = _problems(folder, LEAST + lines)
    assert found.keys() == {where}
    assert what in found[where]


def test_a_stem_needs_consent_unless_its_member_has_one(folder: Path) -> None:
    text = """
film: film.mp4
language: de
dub: {ANNA: anna.wav, Ben: ben.wav}
require_consent: true
cast: [{id: m1, characters: [Anna]}, {id: m2, name: x, speaks: false}]
consent: [{member: m1, who: A, reference: r}]
"""
    assert "no entry for Ben" in _problems(folder, text)["consent"]


def test_all_problems_are_one_error(folder: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        read_title(_written(folder, "film: none.mp4\nlanguage: d_e\n"), TODAY)
    assert caught.value.reason is Reason.BAD_TITLE
    for part in ("dub is missing", "language cannot be", "none.mp4"):
        assert part in caught.value.what


def test_two_titles_may_not_have_one_id_or_output(folder: Path) -> None:
    first = _written(folder, LEAST)
    second = _written(folder, f"{LEAST}id: PILOT", "second.yaml")
    third = _written(folder, f"{LEAST}output: pilot.MP4", "third.json")
    fourth = _written(folder, LEAST, "fourth.yml")
    paths = specification_files([folder])
    assert sorted(paths) == sorted([first, second, third, fourth])
    titles = read_titles([first, second, third, fourth], TODAY)
    wheres = [[problem.where for problem in title.problems] for title in titles]
    assert wheres == [[], ["id", "output"], ["output"], []]


def test_an_unreadable_title_does_not_hide_the_others(folder: Path) -> None:
    titles = read_titles([folder / "none.yaml", _written(folder, LEAST)], TODAY)
    assert [bool(title.spec) for title in titles] == [False, True]


def test_the_schema_is_one_and_has_the_keys_of_the_dataclasses() -> None:
    schema = title_schema()
    Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    members = properties["cast"]["items"]["properties"]
    # Style clips are written beside the members that speak in them, and kept apart from the cast.
    for kind, keys in (
        (TitleSpec, {*properties, "styles"}),
        (TitleOptions, properties["options"]["properties"]),
        (TitleRange, properties["range"]["properties"]),
        (CastEntry, set(members) - {"style"}),
        (Consent, properties["consent"]["items"]["properties"]),
    ):
        assert {field.name for field in fields(kind)} == set(keys)


def test_defaults_are_those_of_a_dub_and_stated_in_the_schema() -> None:
    described = title_schema()["properties"]["options"]["properties"]
    ours, dub = vars(TitleOptions()), vars(DubConfig())
    for name, value in ours.items():
        if name in dub:
            assert value == dub[name]
        if isinstance(value, bool | float) or name == "seed":
            text = str(value).lower().removesuffix(".0")
            assert f"Default: {text}" in described[name]["description"]
