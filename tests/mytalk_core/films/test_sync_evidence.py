"""A face under its own sound stands out from the same face under others."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.films.sync_evidence import film_offset, in_step, offset_curve, sync_sample
from mytalk_core.sync.offsets import MAX_OFFSET

SIZE = 64


def vectors(count: int, seed: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).standard_normal((count, SIZE)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def heard(lips: NDArray[np.float32], offset: int, noise: float = 1.0) -> NDArray[np.float32]:
    """Sound around lips that is late by an offset, as alike as the expert finds real ones."""
    sound = vectors(len(lips) + 2 * MAX_OFFSET, 5) * noise
    sound[MAX_OFFSET + offset : MAX_OFFSET + offset + len(lips)] += lips
    return sound / np.linalg.norm(sound, axis=1, keepdims=True)


@pytest.mark.parametrize("offset", [-7, -1, 0, 1, 3, 12])
def test_the_curve_is_highest_at_the_offset_of_the_sound(offset: int) -> None:
    lips = vectors(50, 1)
    curve = offset_curve(lips, heard(lips, offset))
    assert curve.argmax() - MAX_OFFSET == offset
    assert in_step(curve, offset) == curve.max()


@pytest.mark.parametrize("offset", [-5, 3])
def test_a_clear_offset_of_the_film_is_found(offset: int) -> None:
    curves = [offset_curve(vectors(50, k), heard(vectors(50, k), offset)) for k in range(3)]
    assert film_offset(curves, [50, 50, 50]) == offset


def test_offsets_that_disagree_or_no_faces_mean_none() -> None:
    curves = [offset_curve(vectors(50, k), heard(vectors(50, k), 4 * k - 8)) for k in range(5)]
    assert film_offset(curves, [50] * 5) == 0
    assert film_offset([], []) == 0


def test_own_sound_scores_far_above_others_and_foreign_sound_does_not() -> None:
    lips, others = vectors(40, 1), vectors(400, 2)
    own = in_step(offset_curve(lips, heard(lips, 0)), 0)
    assert sync_sample(own, lips, others, 0).score > 5
    foreign = in_step(offset_curve(lips, heard(vectors(40, 3), 0)), 0)
    assert abs(sync_sample(foreign, lips, others, 0).score) < 3


def test_the_own_sound_is_not_among_the_others() -> None:
    lips = vectors(40, 1)
    others = np.concatenate([vectors(100, 2), lips, vectors(100, 3)])
    assert sync_sample(0.0, lips, others, 100).null_spread < 0.06


@pytest.mark.parametrize("count", [0, 4, 12])
def test_a_film_with_little_sound_has_a_null_of_least_spread(count: int) -> None:
    sample = sync_sample(0.5, vectors(40, 1), vectors(count, 2), 0)
    assert sample.null_spread > 0
    assert np.isfinite(sample.score)
