"""Units hold every segment once and in order, and are limited in size."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.footage.listing import Source, title_of
from mytalk_core.footage.units import (
    UnitConfig,
    chunk_name,
    cut_segments,
    group_sources,
    pack_units,
    units_from_json,
    units_to_json,
)

CONFIG = UnitConfig(chunk_mean=8, chunk_most=20, unit_seconds=60)


def source(name: str) -> Source:
    return Source(name, f"/{name}", title_of(name), "", "")


names = st.lists(st.text("abcdefgh", min_size=1, max_size=5), unique=True, max_size=150)


@given(names)
def test_groups_hold_every_source_once_in_order(found):
    sources = [source(name) for name in found]
    groups = list(group_sources(sources, CONFIG))
    assert [each for group in groups for each in group] == sources
    assert all(0 < len(group) <= CONFIG.chunk_most for group in groups)


def test_an_added_source_changes_few_groups():
    sources = [source(f"clip{number:05d}") for number in range(2000)]
    before = set(group_sources(sources, CONFIG))
    more = [*sources[:777], source("clip00776b"), *sources[777:]]
    after = set(group_sources(more, CONFIG))
    assert 5 < len(sources) / len(before) < 12
    assert len(after - before) <= 3


@given(st.fractions(min_value=0, max_value=30_000))
def test_segments_cover_a_source(seconds):
    segments = cut_segments(source("film"), seconds, CONFIG)
    assert segments[0].first == 0
    assert segments[-1].end is None
    assert [one.end for one in segments[:-1]] == [other.first for other in segments[1:]]
    assert {segment.count for segment in segments} == {len(segments)}
    assert all(0 <= segment.seconds <= 1.25 * CONFIG.unit_seconds + 1 for segment in segments)
    assert abs(sum(segment.seconds for segment in segments) - float(seconds)) < 0.001


@given(st.lists(st.integers(0, 400), max_size=60))
def test_units_hold_every_segment_and_similar_amounts_of_footage(lengths):
    segments = [
        segment
        for number, length in enumerate(lengths)
        for segment in cut_segments(source(f"f{number}"), Fraction(length), CONFIG)
    ]
    units = pack_units("chunk", segments, CONFIG)
    assert [segment for unit in units for segment in unit.segments] == segments
    assert len({unit.name for unit in units}) == len(units)
    assert all(len(unit.segments) == 1 or unit.seconds <= CONFIG.unit_seconds for unit in units)
    assert units_from_json(units_to_json(units)) == units


def test_the_name_of_a_chunk_depends_on_everything_that_affects_its_result():
    sources = [source("a"), source("b")]
    names = {
        chunk_name("config", sources, ["1", "2"]),
        chunk_name("other", sources, ["1", "2"]),
        chunk_name("config", sources, ["1", "3"]),
        chunk_name("config", sources[:1], ["1"]),
    }
    assert len(names) == 4
    assert chunk_name("config", sources, ["1", "2"]) in names


def test_the_location_of_a_segment_names_file_and_time():
    one, *_, last = cut_segments(source("film"), Fraction(3700), CONFIG)
    assert one.where == "/film, from 0:00:00"
    assert last.where == "/film, from 1:01:00"
    (whole,) = cut_segments(source("clip"), Fraction(3), CONFIG)
    assert whole.where == "/clip"
