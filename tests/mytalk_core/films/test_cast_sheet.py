"""The sheet of a cast shows every member and track, and its block is a cast of a title."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from mytalk_core.films.cast_map import CastEntry, CastMap, apply_cast_map
from mytalk_core.films.cast_sheet import cast_block, cast_json, cast_page
from mytalk_core.films.film_faces import FilmFaces
from mytalk_core.films.members import Cast, Member, TrackId
from tests.mytalk_core.films.test_cast import Seen, film

CAST = Cast(
    (
        Member("m1", "Anna <b>", tuple(TrackId(shot, 0) for shot in range(14)), 0.93),
        Member("m2", "m2", (TrackId(0, 1),), 1.0),
    ),
    pictures=(TrackId(1, 1),),
    similar=(("m1", "m2"),),
)


@pytest.fixture
def faces(tmp_path: Path) -> FilmFaces:
    seen = [Seen(0, shot) for shot in range(14)]
    others = [Seen(1, 0), Seen(1, 1, pictures=0)]
    return film(tmp_path, [*seen, *others], np.random.default_rng(0))[0]


def frame(number: int) -> str:
    return f"frame {number}"


def test_the_page_needs_nothing_but_itself_and_shows_all_members(faces: FilmFaces) -> None:
    page = cast_page("film.mov", faces, CAST, frame)
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "Anna &lt;b&gt;" in page
    assert page.count("<figure>") == 16
    assert "2 more tracks" in page
    assert page.count("Looks like") == 2
    assert "frame 1350" in page  # where the last track of the first member ends
    assert "0.93" in page
    assert '<div class="none">' in page  # the picture of no track


def test_the_block_names_the_members_that_the_film_has() -> None:
    members = yaml.safe_load(cast_block(CAST))["cast"]["members"]
    assert [(each["id"], each["name"]) for each in members] == [("m1", "Anna <b>"), ("m2", "m2")]
    entries = tuple(CastEntry(each["id"], each["name"]) for each in members)
    assert apply_cast_map(CAST, CastMap(entries)) == CAST


def test_the_json_can_be_edited_and_given_back(faces: FilmFaces) -> None:
    cast = json.loads(json.dumps(cast_json(faces, CAST, frame)))
    assert cast["seconds"] == {"m1": 28.0, "m2": 2.0}
    assert cast["tracks"]["13.0"] == {
        "start": 52.0,
        "end": 54.0,
        "first": "frame 1300",
        "last": "frame 1349",
    }
    entries = tuple(
        CastEntry(each["id"], each["name"], tracks=tuple(each["tracks"]))
        for each in cast["members"]
    )
    given = apply_cast_map(CAST, CastMap(entries))
    assert given.members == tuple(replace(each, confidence=1.0) for each in CAST.members)
    assert given.pictures == CAST.pictures


def test_a_film_without_members_has_a_page(faces: FilmFaces) -> None:
    assert "No face of this film" in cast_page("film.mov", faces, Cast(()), frame)
