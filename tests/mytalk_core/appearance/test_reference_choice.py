"""The choice of references serves the targets, by the renderer's own distance."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.face_crops import crop_tensors
from mytalk_core.appearance.reference_choice import (
    AVOIDED,
    NEARBY_SECONDS,
    Mouths,
    covering_frames,
    joined_mouths,
    mouth_distances,
    mouths_of,
    serving_frames,
    spread,
)
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.faces.landmark_scheme import MESH478

seeds = st.integers(0, 2**32 - 1)
Floats = NDArray[np.float32]


def mouths(
    openings: Floats, turns: Floats | None = None, timestamps: Floats | None = None
) -> Mouths:
    """Lips that open and an upper face that turns, both flat; timestamps are NaN by default."""
    lips = np.array([[-1, 3], [1, 3], [0, 2.8], [0, 3.2]], np.float32)
    upper = np.array([[-2, 0], [2, 0], [0, 1], [0, -1]], np.float32)
    turns = np.zeros(len(openings), np.float32) if turns is None else turns
    opened = lips + openings[:, None, None] * np.array([0, 0, 0, 1], np.float32)[:, None] * [0, 1]
    across = np.stack([np.cos(turns), np.ones_like(turns)], axis=1)[:, None]
    return Mouths(
        (opened * across).astype(np.float32),
        (upper * across).astype(np.float32),
        np.full(len(openings), np.nan) if timestamps is None else timestamps,
    )


def some_mouths(random: np.random.Generator, count: int) -> Mouths:
    openings, turns = random.uniform(0, 1, count), random.uniform(-0.6, 0.6, count)
    return mouths(openings.astype(np.float32), turns.astype(np.float32))


@given(seeds, st.integers(1, 60), st.integers(2, 60), st.integers(1, 12))
def test_greedy_choice_serves_every_target(seed: int, target: int, known: int, count: int) -> None:
    """Frames are distinct, and their gain is at least 63 % of that of random choices."""
    random = np.random.default_rng(seed)
    distances = mouth_distances(some_mouths(random, target), some_mouths(random, known))
    chosen = serving_frames(distances, count)
    assert len({*chosen.tolist()}) == len(chosen) == min(count, known)

    def gained(some: NDArray[np.int64]) -> float:
        return float((distances.max(axis=1) - distances[:, some].min(axis=1)).mean())

    others = [random.choice(known, len(chosen), replace=False) for _ in range(50)]
    assert gained(chosen) >= (1 - np.exp(-1)) * max(gained(some) for some in others) - 1e-6
    assert gained(chosen[:1]) >= max(gained(some[:1]) for some in others) - 1e-6


def test_rare_targets_are_served() -> None:
    openings = np.array([0.2] * 30 + [0.25] * 20 + [0.9], np.float32)
    known = mouths(openings)
    wide = mouths(np.full(5, 0.85, np.float32))
    assert serving_frames(mouth_distances(wide, known), 1).tolist() == [50]
    assert openings[serving_frames(mouth_distances(known, known), 1)[0]] == np.float32(0.2)


@given(seeds, st.integers(1, 40), st.integers(1, 40))
def test_only_frames_that_improve_on_served_are_taken(seed: int, target: int, known: int) -> None:
    random = np.random.default_rng(seed)
    distances = mouth_distances(some_mouths(random, target), some_mouths(random, known))
    served = random.uniform(0, distances.max(), target).astype(np.float32)
    chosen = serving_frames(distances, known, served)
    helped = (distances < served[:, None]).any(axis=1)
    assert bool(len(chosen)) == helped.any()
    now = np.minimum(served, distances[:, chosen].min(axis=1, initial=np.inf))
    np.testing.assert_array_equal(now, np.minimum(served, distances.min(axis=1)))
    for place, frame in enumerate(chosen.tolist()):  # each of them brings some frame nearer
        before = np.minimum(served, distances[:, chosen[:place]].min(axis=1, initial=np.inf))
        assert (distances[:, frame] < before).any()


def test_a_frame_close_in_time_is_taken_only_if_far_nearer() -> None:
    target = mouths(np.array([0.5], np.float32), timestamps=np.array([10.0]))
    timestamps = np.array([10.0 + 0.9 * NEARBY_SECONDS, 10.0 + 1.1 * NEARBY_SECONDS])

    def first(near: float, far: float) -> int:
        known = mouths(np.array([near, far], np.float32), timestamps=timestamps)
        return int(serving_frames(mouth_distances(target, known), 1)[0])

    for apart in (0.02, 0.2):
        assert first(0.5 + apart, 0.5 + 0.9 * AVOIDED * apart) == 1
        assert first(0.5 + apart, 0.5 + 1.1 * AVOIDED * apart) == 0
        assert first(0.5, 0.5 + 0.01 * apart) == 0  # a match is taken all the same
        timeless = Mouths(target.lips, target.anchors, np.array([np.nan]))
        openings = np.array([0.5 + apart, 0.5 + 0.9 * AVOIDED * apart], np.float32)
        known = mouths(openings, timestamps=timestamps)
        assert serving_frames(mouth_distances(timeless, known), 1).tolist() == [0]


def test_distances_are_those_of_the_renderer(
    drawn_clip: Callable[..., AppearanceClip], tiny_renderer: Callable[..., Renderer]
) -> None:
    clip = drawn_clip(0.2 + 0.2 * np.sin(np.arange(60) / 3))
    timestamps = np.arange(60) / 25
    known, target = clip.crops.choose(slice(0, 60, 2)), clip.crops.choose(slice(1, 60, 2))
    distances = mouth_distances(
        mouths_of(target, timestamps[1::2], MESH478), mouths_of(known, timestamps[::2], MESH478)
    )
    renderer = tiny_renderer()
    frames, shown = (crop_tensors(each, MESH478, renderer.config.size) for each in (target, known))
    near = np.abs(timestamps[1::2, None] - timestamps[::2]) < NEARBY_SECONDS
    with torch.inference_mode():
        person = renderer.encode_references(shown.as_batch())
        taken = renderer.most_alike(frames, person.points[0], torch.from_numpy(near)).numpy()
    there = np.take_along_axis(distances, taken, axis=1).mean()
    best = np.sort(distances, axis=1)[:, : taken.shape[1]].mean()
    assert there == pytest.approx(best, rel=1e-3)


def test_distance_does_not_depend_on_crop_size(drawn_clip: Callable[..., AppearanceClip]) -> None:
    openings = 0.2 + 0.2 * np.sin(np.arange(20) / 3)
    small, large = (
        mouths_of(drawn_clip(openings, size).crops, np.zeros(20), MESH478) for size in (96, 192)
    )
    np.testing.assert_allclose(large.lips, small.lips, atol=0.005)
    np.testing.assert_allclose(large.anchors, small.anchors, atol=0.005)


def test_covering_frames_are_typical_first_and_include_rare_ones() -> None:
    openings = np.array([0.2] * 30 + [0.25] * 20 + [0.9], np.float32)
    turns = np.array([0.0] * 40 + [0.5] * 10 + [0.0], np.float32)
    known = mouths(openings, turns)
    chosen = covering_frames(known.lips, known.anchors, 4)
    assert chosen[0] < 30
    assert 50 in chosen
    assert {(float(openings[one]), float(turns[one])) for one in chosen} == {
        *zip(openings.tolist(), turns.tolist(), strict=True)
    }


def test_long_sequences_are_thinned() -> None:
    random = np.random.default_rng(0)
    openings = random.uniform(0, 1, 20_000).astype(np.float32)
    known = mouths(openings)
    chosen = covering_frames(known.lips, known.anchors, 8)
    assert np.ptp(openings[chosen]) > 0.7
    assert np.ptp(chosen) > 5000


@given(st.integers(1, 500), st.integers(1, 60))
def test_spread_frames_reach_from_end_to_end(frames: int, count: int) -> None:
    chosen = spread(frames, count).tolist()
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(frames, count)
    assert chosen[0] == 0
    if count > 1:
        assert chosen[-1] == frames - 1


def test_joined_mouths_keep_their_order() -> None:
    parts = [mouths(np.array([0.1], np.float32)), mouths(np.array([0.2, 0.3], np.float32))]
    both = joined_mouths(parts)
    np.testing.assert_array_equal(both.lips, mouths(np.array([0.1, 0.2, 0.3], np.float32)).lips)
    assert len(both.anchors) == len(both.timestamps) == 3
