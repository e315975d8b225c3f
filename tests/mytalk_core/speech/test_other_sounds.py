"""Synthetic sounds without speech."""

import numpy as np
import pytest

from mytalk_core.speech.other_sounds import TEST_SOUNDS, TRAINING_SOUNDS, Source, other_sound, siren


@pytest.mark.parametrize("source", TRAINING_SOUNDS + TEST_SOUNDS)
def test_a_sound_has_its_length_and_level_and_is_determined_by_the_seed(source: Source) -> None:
    sound = other_sound(source, 4, level=0.02, seed=1)
    assert sound.shape == (64_000,)
    assert sound.dtype == np.float32
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.02, rel=0.05)
    np.testing.assert_array_equal(sound, other_sound(source, 4, level=0.02, seed=1))
    assert not np.array_equal(sound, other_sound(source, 4, level=0.02, seed=2))


def test_peaks_stay_within_full_scale() -> None:
    assert np.abs(other_sound(siren, 2, level=5.0, seed=0)).max() == 1.0


def test_training_and_test_kinds_are_disjoint() -> None:
    assert not set(TRAINING_SOUNDS) & set(TEST_SOUNDS)
