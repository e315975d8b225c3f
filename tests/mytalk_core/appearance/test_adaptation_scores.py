"""Scores of adaptation are measured on pictures as a dub makes them."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.adaptation_scores import (
    Scores,
    dubbed,
    evaluation_set,
    spread_places,
    take_pages,
)
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.face_crops import crop_regions
from mytalk_core.appearance.renderer import Renderer


@given(lengths=st.lists(st.integers(0, 50), min_size=1, max_size=8), count=st.integers(1, 40))
def test_positions_are_spread_over_all_sequences(lengths: list[int], count: int) -> None:
    if not sum(lengths):
        return
    places = spread_places(lengths, count)
    assert sum(map(len, places)) == min(count, sum(lengths))
    for chosen, length in zip(places, lengths, strict=True):
        assert all(0 <= place < length for place in chosen)


def test_error_is_the_mean_of_rmse_and_lpips_ratios() -> None:
    start = Scores(psnr=30.0, lpips=0.1)
    assert start.error_beside(start) == 1
    assert Scores(36.0206, 0.1).error_beside(start) == pytest.approx(0.75, abs=1e-4)
    assert Scores(30.0, 0.05).error_beside(start) == pytest.approx(0.75)


def test_references_include_mouths_from_other_takes(
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    """The mouth is closed in one half of the frames and open in the other."""
    opening = np.repeat([0.05, 0.45], 40)
    both = Take(drawn_clip(opening), np.arange(80), 25.0)
    shut, wide = both.choose(np.arange(40)), both.choose(np.arange(40, 80))
    target = wide.choose(np.arange(5))
    lent = take_pages([wide.choose(np.arange(5, 40))])
    alone = evaluation_set(target, shut, [], 16)
    beside = evaluation_set(target, shut, lent, 16)
    own = len(alone.references.pictures)
    assert own == 16
    assert len(beside.references.pictures) > own
    np.testing.assert_allclose(
        beside.references.pictures[:own], alone.references.pictures, atol=1e-3
    )
    far, near = (
        np.abs(each.references.points[:, None] - each.crops.points).mean((2, 3)).min()
        for each in (alone, beside)
    )
    assert near < far / 2


def test_dubbed_pictures_are_the_film_with_a_new_mouth(
    tiny_renderer: Callable[..., Renderer], take: Take
) -> None:
    """Pictures have the crop's own size and are unchanged around the face."""
    target, known = take.choose(np.arange(3)), take.choose(np.arange(20, 60))
    judged = evaluation_set(target, known, [], 8)
    pictures = dubbed(judged, tiny_renderer()).pictures
    own = np.asarray(target.clip.crops.pictures)
    assert pictures.shape == own.shape
    masks, _ = crop_regions(target.clip.crops)
    np.testing.assert_array_equal(pictures[masks == 0], own[masks == 0])
    lips = np.rint(target.clip.crops.points[0].mean(axis=0)).astype(int)
    assert (pictures[0, lips[1], lips[0]] != own[0, lips[1], lips[0]]).any()
