"""Runs of one face end where it goes and where another one takes its place."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.faces import tracks
from mytalk_core.faces.landmark_scheme import IBUG68
from mytalk_core.faces.tracks import face_runs

HEIGHT = 100


def film(places: Sequence[float | None]) -> NDArray[np.float32]:
    """A face of 100 pixels' height at each place (pixels from the left); None is no face."""
    face = np.random.default_rng(0).uniform(0, HEIGHT, (68, 3)).astype(np.float32)
    face[:2, 1] = 0, HEIGHT
    absent = np.full_like(face, np.nan)
    return np.stack(
        [absent if place is None else face + np.array([place, 0, 0], "f4") for place in places]
    )


@pytest.mark.parametrize(
    ("places", "runs"),
    [
        ([0, 1, 2], [(0, 3)]),
        ([None, 0, 1, None], [(1, 3)]),
        ([0, 1, None, 2, 3], [(0, 2), (3, 5)]),
        ([0, 1, 200, 201], [(0, 2), (2, 4)]),
        ([0, 40, 80, 120], [(0, 4)]),
        ([None, None], []),
        ([5], [(0, 1)]),
    ],
    ids=["still", "edges", "gap", "jump", "fast", "nobody", "one frame"],
)
def test_runs(places: list[float | None], runs: list[tuple[int, int]]) -> None:
    assert face_runs(film(places), IBUG68) == runs


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 10, 500, None]), min_size=1, max_size=30))
def test_every_frame_with_a_face_is_in_one_run(places: list[float | None]) -> None:
    runs = face_runs(film(places), IBUG68)
    inside = [frame for first, end in runs for frame in range(first, end)]
    assert inside == [frame for frame, place in enumerate(places) if place is not None]


def test_long_films_are_looked_at_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [0, 1, None, 4, 500, 501, 502, None, 3, 4, 5]
    whole = face_runs(film(places), IBUG68)
    monkeypatch.setattr(tracks, "_BLOCK", 3)
    assert face_runs(film(places), IBUG68) == whole
