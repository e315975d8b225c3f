"""Keys of clips are safe and unique."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.names import slug
from mytalk_core.data.schema import clip_key

numbers = st.integers(0, 99)


@given(st.text())
def test_a_slug_is_safe_and_idempotent(text: str) -> None:
    name = slug(text)
    assert name
    assert all(
        character.isascii() and (character.isalnum() or character == "_") for character in name
    )
    assert slug(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A film (2021).mp4", "A_film_2021_mp4"),
        ("s1/bbaf2n", "s1_bbaf2n"),
        ("Zoë", "Zoe_be342c9b54f9"),
        ("...", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_slugs(text: str, name: str) -> None:
    assert slug(text) == name


def test_the_key_has_its_documented_form() -> None:
    assert clip_key("s1_bbaf2n", 3, 0, 12) == "s1_bbaf2n-00003-00-012"


@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers))
def test_keys_sort_in_the_order_of_shot_track_and_part(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    first, second = clip_key("film", *one), clip_key("film", *other)
    assert (first < second) == (one < other)


@pytest.mark.parametrize("title", ["a.b", "a-b", "", "a b", "ä"])
def test_a_title_that_is_not_a_slug_is_refused(title: str) -> None:
    with pytest.raises(ValueError, match="slug"):
        clip_key(title, 0, 0, 0)
