"""Names in any script are normalised for comparison and converted to safe slugs."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.names import (
    case_clashes,
    near_names,
    normal_name,
    short_slug,
    slug,
)

SCRIPTS = ("王伟", "Иван", "محمد", "Ωμέγα", "Zoë", "👩‍🎤", "שלום", "ประยุทธ์")


@given(st.text())
def test_normalisation_is_idempotent(text: str) -> None:
    name = normal_name(text)
    assert normal_name(name) == name
    assert name == name.strip()
    name.encode()


@pytest.mark.parametrize("name", SCRIPTS)
def test_unicode_forms_and_invisible_characters_are_normalised(name: str) -> None:
    assert normal_name(unicodedata.normalize("NFD", name)) == normal_name(name)
    assert normal_name(f"\u202b {name}\u200f\t\ufeff") == normal_name(name)
    assert slug(unicodedata.normalize("NFD", name)) == slug(name)


def test_whitespace_is_collapsed_and_case_is_kept() -> None:
    assert normal_name("  Anna \t Maria\n") == "Anna Maria"
    assert normal_name("\u3000王\u00a0伟") == "王 伟"
    assert normal_name("\u200b \u202e") == ""


def test_undecodable_bytes_of_a_name_are_escaped() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert normal_name(name) == "caf\\xe9"
    assert normal_name("half \ud800") == "half \\ud800"


def test_names_in_other_scripts_have_distinct_slugs() -> None:
    slugs = {slug(name) for name in SCRIPTS}
    assert len(slugs) == len(SCRIPTS)
    assert slug("Zoë").startswith("Zoe_")


@given(st.text(), st.text())
def test_different_names_beyond_ascii_have_different_slugs(one: str, other: str) -> None:
    if not one.isascii() and not other.isascii() and normal_name(one) != normal_name(other):
        assert slug(one) != slug(other)


@given(st.text(max_size=400), st.integers(20, 100))
def test_a_short_slug_is_a_slug_within_the_limit(text: str, most: int) -> None:
    short = short_slug(text, most)
    assert len(short) <= most
    assert slug(short) == short
    assert short_slug("a" * 300, most) != short_slug("a" * 301, most)


def test_near_names_and_clashes_are_found() -> None:
    assert near_names("王 伟", ["王伟", "李明"]) == ["王伟"]
    assert near_names("иван", ["Иван", "Ivan"]) == ["Иван"]
    assert near_names("xyz", ["Иван"]) == []
    assert case_clashes(["Ann", "ann", "ANN", "Bo", "Иван", "иван"]) == [
        ("ANN", "Ann", "ann"),
        ("Иван", "иван"),
    ]
