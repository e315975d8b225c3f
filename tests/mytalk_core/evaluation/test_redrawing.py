from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.reference_choice import (
    NEARBY_SECONDS,
    mouth_distances,
    mouths_of,
    serving_frames,
)
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.evaluation.redrawing import (
    NEAR,
    REFERENCES,
    RedrawCase,
    as_drawn,
    cross_case,
    drawn_blind,
    in_place,
    reconstruction_case,
    renderer_drawer,
    spread_runs,
)
from mytalk_core.faces.alignment import Points, to_pixels
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.face_motion import face_motion, resting_shape
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.steadying import steadied
from tests.synthetic_face import speaking_clip

MOVING = list(MESH478.moving)


@pytest.fixture(scope="module")
def sample():
    return speaking_clip("ann", 0)


@pytest.fixture(scope="module")
def steady(sample) -> Points:
    """Steadied landmarks, the renderer's input."""
    return steadied(sample.landmarks, MESH478, 25)


@pytest.fixture(scope="module")
def other():
    return speaking_clip("ann", 1, frames=33)


@pytest.fixture(scope="module")
def own(sample) -> RedrawCase:
    return reconstruction_case(sample, "ann", MaskConfig())


@pytest.fixture(scope="module")
def cross(sample, other) -> RedrawCase:
    shape = face_motion(other.landmarks, MESH478).shape[:, MOVING]
    return cross_case(sample, "ann", "other", shape, MaskConfig())


@given(st.integers(2, 400), st.integers(1, 5), st.integers(1, 20))
def test_runs_are_inside_the_clip_and_leave_half_of_it_for_references(frames, count, length):
    runs = spread_runs(frames, count, length)
    assert 1 <= len(runs) <= count
    free = np.ones(frames, bool)
    for run in runs:
        assert 0 <= run.start < run.stop <= frames
        assert run.stop - run.start <= length
        free[max(run.start - NEAR, 0) : run.stop + NEAR] = False
    for run, following in pairwise(runs):
        assert run.stop <= following.start
    if frames >= 12:
        assert free.sum() >= frames // 2


def test_clips_of_three_seconds_have_three_runs_of_five():
    assert [run.stop - run.start for run in spread_runs(75, 3, 5)] == [5, 5, 5]
    assert [run.stop - run.start for run in spread_runs(25, 3, 5)] == [5]


def test_no_reference_is_in_or_near_a_run(own, cross):
    for case in (own, cross):
        free = {*range(40)} - {
            frame for run in case.runs for frame in range(run.start - NEAR, run.stop + NEAR)
        }
        assert len(case.references) == min(REFERENCES, len(free))
        assert len(set(case.references.tolist())) == len(case.references)
        apart = np.abs(case.references[:, None] - case.frames)
        assert apart.min() > NEAR


def test_references_are_chosen_as_in_a_dub(own, cross):
    """References serve the target lips, out of usable frames, frames close in time avoided."""
    for case in (own, cross):
        free, target = np.flatnonzero(case.usable), np.arange(len(case.target_lips))
        timestamps = np.arange(len(case.landmarks)) / 25
        known = mouths_of(case.reference_crops, timestamps[case.references], MESH478)
        every = mouths_of(case.crops, timestamps, MESH478).choose(target)
        assert {*case.references.tolist()} == {*free.tolist()}  # so few are all shown
        four = case.serving(4)
        places = [case.references.tolist().index(frame) for frame in four.tolist()]
        chosen = serving_frames(mouth_distances(every, known), 4)
        assert chosen.tolist() == places == [0, 1, 2, 3]
    assert own.serving(4).tolist() != cross.serving(4).tolist()


def test_references_have_their_own_points_in_cross(sample, steady, cross):
    own = apply_box(steady[:, MOVING], sample.boxes)[cross.references]
    assert cross.reference_crops.points == pytest.approx(own, abs=1e-4)
    assert np.array_equal(cross.reference_crops.pictures, sample.crops[cross.references])


def test_in_reconstruction_the_target_is_the_clips_steadied_points(sample, steady, own):
    assert own.is_reconstruction
    assert own.crops.points == pytest.approx(apply_box(steady[:, MOVING], sample.boxes), abs=1e-4)
    shaking = apply_box(sample.landmarks[:, MOVING], sample.boxes)
    assert np.abs(own.crops.points - shaking).mean() > 0.01
    assert np.array_equal(own.target_lips, own.lips)
    assert own.frames.tolist() == sorted(set(own.frames.tolist()))


def test_in_cross_the_other_clips_motion_is_on_the_clips_face_and_pose(
    sample, steady, other, cross
):
    mine, its = (face_motion(each, MESH478) for each in (steady, other.landmarks))
    target = resting_shape(mine.shape[:, MOVING]) + (
        its.shape[:, MOVING] - resting_shape(its.shape[:, MOVING])
    )
    frames = cross.frames
    assert frames.max() < len(other.landmarks)
    placed = to_pixels(target, mine.pose[: len(target)])
    expected = apply_box(placed, sample.boxes[: len(target)])[frames]
    assert cross.crops.points[frames] == pytest.approx(expected, abs=1e-3)
    assert cross.target_lips == pytest.approx(target[:, : len(MESH478.lips)], abs=1e-5)
    # The surroundings of the mouth, the mask and the pose are the clip's own.
    assert np.array_equal(cross.pictures, sample.crops[frames])
    own = reconstruction_case(sample, "ann", MaskConfig())
    assert np.array_equal(cross.crops.mask_outlines, own.crops.mask_outlines)


def test_a_cross_with_the_clips_own_motion_has_its_own_points(sample, steady):
    shape = face_motion(steady, MESH478).shape[:, MOVING]
    case = cross_case(sample, "ann", "itself", shape, MaskConfig())
    own = reconstruction_case(sample, "ann", MaskConfig())
    assert case.crops.points == pytest.approx(own.crops.points, abs=1e-2)


def test_nothing_changes_outside_the_mask(own):
    random = np.random.default_rng(0)
    drawn = own.pictures.astype(np.float32)
    drawn += own.masks[..., None] * random.normal(0, 60, drawn.shape).astype(np.float32)
    placed = in_place(own, drawn)
    assert placed.dtype == np.uint8
    assert np.array_equal(placed[own.masks == 0], own.pictures[own.masks == 0])
    assert not np.array_equal(placed, own.pictures)
    assert own.shares[own.masks == 0].max() == 0
    assert own.shares.max() == pytest.approx(1)


def test_blending_the_truth_gives_the_truth(own):
    placed = in_place(own, own.pictures.astype(np.float32))
    assert np.abs(placed.astype(int) - own.pictures).max() <= 1


def test_the_renderer_draws_crops_of_any_size(sample, own):
    torch.manual_seed(0)
    renderer = Renderer(SIZES["tiny"]).eval()
    drawn = renderer_drawer(renderer)(own)
    assert drawn.shape == own.pictures.shape
    assert as_drawn(drawn).dtype == np.uint8
    side = sample.meta.crop_size * 3 // 2
    large = replace(
        sample,
        meta=replace(sample.meta, crop_size=side),
        crops=np.repeat(np.repeat(sample.crops, 3, 1), 3, 2)[:, ::2, ::2],
        boxes=sample.boxes * 1.5,
    )
    case = reconstruction_case(large, "ann", MaskConfig())
    assert renderer_drawer(renderer)(case).shape == (len(case.frames), side, side, 3)


def test_a_blind_drawing_does_not_depend_on_the_frames_it_draws(cross):
    """Noise in them, and in all frames close in time, leaves the result bit-identical."""
    torch.manual_seed(0)
    draw = renderer_drawer(Renderer(SIZES["tiny"]).eval())
    frames = len(cross.landmarks)
    slow = replace(cross, fps=10.0)  # so that there are frames of other timestamps
    run = slow.runs[0]
    alone = replace(slow, runs=(run,))
    apart = np.abs(slow.timestamps[:, None] - slow.timestamps[run]).min(axis=1)
    near = apart < NEARBY_SECONDS
    # The surroundings of the mouth are taken from here.
    near[(np.arange(run.start, run.stop) + frames // 2) % frames] = False
    assert near[run].all()
    noisy = slow.crops.pictures.copy()
    noisy[near] = np.random.default_rng(0).integers(0, 256, noisy[near].shape)
    other = replace(alone, crops=replace(slow.crops, pictures=noisy))
    one, same = drawn_blind(alone, draw), drawn_blind(other, draw)
    assert np.array_equal(one, same)
    assert not np.array_equal(draw(alone), draw(other))


def test_a_blind_drawing_draws_all_runs_in_order(cross):
    """Each run is drawn as a case of its own, with its target landmarks."""
    target = []

    def draw(case: RedrawCase) -> np.ndarray:
        target.append(case.crops.points[case.frames])
        return np.repeat(case.frames[:, None, None, None], 3, axis=3).astype(np.float32)

    drawn = drawn_blind(cross, draw)
    assert drawn[:, 0, 0, 0].tolist() == cross.frames.tolist()
    assert np.array_equal(np.concatenate(target), cross.crops.points[cross.frames])


def test_references_close_in_time_are_avoided_except_in_reconstruction(own, cross):
    torch.manual_seed(0)
    renderer = Renderer(SIZES["tiny"]).eval()
    usual, apart = renderer_drawer(renderer), renderer_drawer(renderer, apart=True)
    assert not np.array_equal(usual(own), apart(own))
    assert np.array_equal(usual(cross), apart(cross))
