"""Copies are found by content and by similar hashes, independent of the order of clips."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.curation.duplicates import (
    AUDIO_BYTES,
    PICTURE_BYTES,
    SKETCH_SCHEMA,
    DuplicateConfig,
    common_bands,
    entries,
    exact_copies,
    groups,
    near_copies,
    near_pairs,
)

CONFIG = DuplicateConfig()
Pair = tuple[int, int]


def sketches(*rows: dict[str, object]) -> pa.Table:
    usual = {"clean": True, "face_height": 100.0, "content_hash": ""}
    hashes = {"audio_hash": b"", "picture_hash": b""}
    numbered = [
        {"row": number, "key": f"k{number}"} | usual | hashes | row
        for number, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(numbered, schema=SKETCH_SCHEMA)


def hashed(audio: bytes, picture: bytes) -> dict[str, object]:
    return {"audio_hash": audio, "picture_hash": picture}


def flipped(data: bytes, bits: list[int]) -> bytes:
    mask = sum(1 << bit for bit in set(bits))
    return (int.from_bytes(data, "little") ^ mask).to_bytes(len(data), "little")


def found(table: pa.Table, config: DuplicateConfig = CONFIG) -> set[Pair]:
    every = entries(table)
    pairs = near_pairs(every, common_bands([every["band"]], config), config)
    return {(int(one), int(other)) for one, other in pairs}


def test_the_best_clip_of_equal_content_is_kept() -> None:
    table = sketches(
        {"content_hash": "a", "face_height": 200.0, "clean": False},
        {"content_hash": "a", "face_height": 90.0},
        {"content_hash": "a", "face_height": 150.0},
        {"content_hash": "b"},
        {"content_hash": ""},
        {"content_hash": ""},
    )
    copies, others = exact_copies(table)
    assert sorted(copies.to_pylist(), key=lambda each: each["row"]) == [
        {"row": 0, "keeper": 2, "kept": "k2"},
        {"row": 1, "keeper": 2, "kept": "k2"},
    ]
    assert sorted(others["row"].to_pylist()) == [2, 3, 4, 5]


def test_an_unmeasured_face_ranks_below_a_small_one() -> None:
    table = sketches(
        {"content_hash": "a", "face_height": float("nan")},
        {"content_hash": "a", "face_height": 10.0},
    )
    assert exact_copies(table)[0]["kept"].to_pylist() == ["k1"]


@given(st.permutations(range(12)), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_the_choice_does_not_depend_on_the_order(order: list[int], contents: list[int]) -> None:
    table = sketches(
        *({"content_hash": f"c{each}", "face_height": float(each)} for each in contents)
    )
    copies = exact_copies(table)[0].sort_by("row")
    assert exact_copies(table.take(pa.array(order)))[0].sort_by("row") == copies


@given(
    st.lists(st.integers(0, 255), max_size=15),
    st.lists(st.integers(0, 127), max_size=CONFIG.max_picture_bits),
    st.integers(0, 2**32),
)
def test_copies_that_differ_in_fewer_bits_than_bands_are_always_found(
    audio_bits: list[int], picture_bits: list[int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    audio, picture = random.bytes(AUDIO_BYTES), random.bytes(PICTURE_BYTES)
    copy = hashed(flipped(audio, audio_bits), flipped(picture, picture_bits))
    assert found(sketches(hashed(audio, picture), copy)) == {(0, 1)}


@pytest.mark.parametrize(
    ("audio_bits", "picture_bits", "same"),
    [(56, 14, True), (57, 14, False), (56, 15, False)],
)
def test_both_limits_are_inclusive(audio_bits: int, picture_bits: int, same: bool) -> None:
    audio, picture = bytes(range(AUDIO_BYTES)), bytes(range(PICTURE_BYTES))
    # In the last bands, so that the first ones agree.
    other = flipped(audio, list(range(255, 255 - audio_bits, -1)))
    copy = hashed(other, flipped(picture, list(range(picture_bits))))
    assert found(sketches(hashed(audio, picture), copy)) == ({(0, 1)} if same else set())


def test_clips_without_hashes_are_not_copies() -> None:
    half = {"audio_hash": bytes(AUDIO_BYTES)}
    assert found(sketches({}, {}, half, half)) == set()


def test_copies_among_many_silent_clips_are_found_without_comparing_all_pairs() -> None:
    random = np.random.default_rng(0)
    silence = bytes(AUDIO_BYTES)
    pictures = [random.bytes(PICTURE_BYTES) for _ in range(600)]
    rows = [hashed(silence, picture) for picture in [*pictures, flipped(pictures[7], [3, 90])]]
    few = DuplicateConfig(neighbours=8, common=100)
    table = sketches(*rows)
    assert (7, 600) in found(table, few)
    every = entries(table)
    band = common_bands([every["band"]], few)
    assert len(np.unique(groups(every, band))) > 16 * 100


def test_common_bands_are_counted_over_all_arrays() -> None:
    parts = [np.array([5, 7, 7]), np.array([5, 7])]
    assert common_bands(parts, DuplicateConfig(common=3)).tolist() == [7]
    assert common_bands([], CONFIG).tolist() == []


@settings(max_examples=40)
@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12), st.randoms())
def test_one_clip_of_each_connected_component_is_kept(
    links: set[Pair], random: np.random.RandomState
) -> None:
    pairs = sorted({(min(pair), max(pair)) for pair in links if pair[0] != pair[1]})
    members = sorted({row for pair in pairs for row in pair})
    table = sketches(*({"face_height": float(row % 4)} for row in range(10)))
    table = table.take(pa.array(members, pa.int64()))
    expected = near_copies(table, np.array(pairs, np.int64).reshape(-1, 2)).sort_by("row")
    random.shuffle(pairs)
    shuffled = near_copies(table, np.array(pairs, np.int64).reshape(-1, 2)).sort_by("row")
    assert shuffled == expected
    removed = set(expected["row"].to_pylist())
    kept = set(members) - removed
    assert all(pair[0] in removed or pair[1] in removed for pair in pairs)
    assert set(expected["keeper"].to_pylist()) == kept
