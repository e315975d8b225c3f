"""Values of stages are stored and read back as they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.data.values import dump_value, load_value
from mytalk_core.faces.landmark_scheme import MESH478, LandmarkScheme
from mytalk_core.films.stored_array import StoredArray, store_array


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    times: tuple[Fraction, ...]
    place: Path
    colour: Colour | None


@dataclass(frozen=True)
class Outer:
    array: NDArray[np.float32]
    parts: Mapping[int, Inner]
    pairs: frozenset[tuple[int, int]]
    scheme: LandmarkScheme
    stored: StoredArray


@given(
    st.lists(st.fractions(), max_size=4),
    st.lists(st.floats(width=32), max_size=6),
    st.sets(st.tuples(st.integers(), st.integers()), max_size=3),
    st.sampled_from([Colour.RED, None]),
)
def test_a_value_is_read_as_it_was_written(
    times: list[Fraction],
    numbers: list[float],
    pairs: set[tuple[int, int]],
    colour: Colour | None,
) -> None:
    inner = Inner(tuple(times), Path("/elsewhere/file"), colour)
    stored = StoredArray(Path("/a/film/array"), "float32", (3, 2), 8)
    array = np.array(numbers, np.float32).reshape(-1, 1)
    value = Outer(array, {3: inner, -1: inner}, frozenset(pairs), MESH478, stored)
    loaded: Outer = load_value(dump_value(value, Outer, Path("/a")), Outer, Path("/a"))
    assert loaded.array.dtype == np.float32 and loaded.array.flags.writeable
    np.testing.assert_array_equal(loaded.array, array)
    assert loaded.parts == value.parts
    assert (loaded.pairs, loaded.scheme, loaded.stored) == (value.pairs, MESH478, stored)


def test_files_are_found_in_another_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    stored = store_array(here / "array", [np.arange(6).reshape(2, 3)])
    text = dump_value((stored,), tuple[StoredArray, ...], here)
    here.rename(there)
    (moved,) = load_value(text, tuple[StoredArray, ...], there)
    assert moved.path == there / "array"
    assert moved.read().tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("text", ["{", "{}", '{"array": 3}', "[]"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Outer"):
        load_value(text, Outer, Path("/"))
