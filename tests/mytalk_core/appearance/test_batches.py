"""Training examples: reproducibility, runs, references and augmentation."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.batches import (
    RUN,
    AppearanceBatch,
    AppearanceBatches,
    BatchConfig,
    mirrored,
)
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.conditioning import draw_landmarks
from mytalk_core.appearance.crop_motion import CropMotionConfig
from mytalk_core.appearance.face_crops import crop_tensors
from mytalk_core.faces.landmark_scheme import MESH478

SIZE = 64
CONFIG = BatchConfig(runs=2, references=3)
STILL = replace(
    CONFIG,
    motion=CropMotionConfig(landmark_jitter=0.0, turn=0.0, zoom=0.0, shift=0.0, stretch=0.0),
    darkest=1.0,
    brightest=1.0,
    relight=0.0,
)
OPENINGS = 0.2 + 0.2 * np.sin(np.arange(40) / 2.5)

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def clip(drawn_clip: Callable[..., AppearanceClip]) -> AppearanceClip:
    return drawn_clip(OPENINGS)


@pytest.fixture(scope="module")
def numbered(clip: AppearanceClip) -> AppearanceClip:
    """Replace the pictures by grey ones whose lower part encodes the frame number, in percent."""
    pictures = np.full_like(clip.crops.pictures, 100)
    pictures[:, 64:] += np.arange(len(OPENINGS), dtype=np.uint8)[:, None, None, None]
    return replace(clip, crops=replace(clip.crops, pictures=pictures))


@pytest.fixture(scope="module")
def standing(clip: AppearanceClip) -> AppearanceClip:
    """Repeat one frame."""
    return replace(clip, crops=clip.crops.choose(np.full(len(OPENINGS), 7)))


def batch(clip: AppearanceClip, config: BatchConfig = CONFIG, seed: int = 0) -> AppearanceBatch:
    return AppearanceBatches(lambda random: clip, config, SIZE).batch(
        np.random.default_rng(seed), step=5
    )


def test_batches_have_their_shapes_and_ranges(clip: AppearanceClip) -> None:
    made = batch(clip)
    assert made.step == 5
    for crops, lead in ((made.target, (2 * RUN,)), (made.references, (2, 3))):
        assert crops.pictures.shape == (*lead, 3, SIZE, SIZE)
        assert crops.drawings.shape == (*lead, 9, SIZE, SIZE)
        assert crops.points.shape == (*lead, len(MESH478.moving), 2)
        assert crops.contexts.shape == (*lead, 3, 48, 48)
        assert crops.masks.shape == (*lead, 1, SIZE, SIZE)
        assert crops.skins.shape == (*lead, 1, 48, 48)
        assert 0 <= crops.pictures.min() < crops.pictures.max() <= 1
        assert set(crops.masks.unique().tolist()) == {0.0, 1.0}
        assert (crops.context_masks * crops.skins).max() == 0


def test_batches_depend_only_on_the_seed_and_do_not_change_the_clip(
    clip: AppearanceClip,
) -> None:
    before = {name: value.copy() for name, value in vars(clip.crops).items()}
    one, again, other = (batch(clip, seed=seed) for seed in (5, 5, 6))
    for first, second in (
        *zip(one.target.parts(), again.target.parts(), strict=True),
        *zip(one.references.parts(), again.references.parts(), strict=True),
    ):
        assert torch.equal(first, second)
    assert not torch.equal(one.target.pictures, other.target.pictures)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(clip.crops, name), value)


def frames_of(crops: Tensor) -> NDArray[np.int64]:
    """Decode the frame numbers of such pictures (.., 3, S, S) in any light."""
    above, below = (
        crops[..., rows, :].mean(dim=(-3, -2, -1)) for rows in (slice(30), slice(-30, None))
    )
    frames: NDArray[np.float32] = (100 * below / above - 100).numpy()
    return frames.round().astype(np.int64)


def test_a_run_is_two_consecutive_frames_far_from_its_references(
    numbered: AppearanceClip,
) -> None:
    seen = set()
    for seed in range(40):
        made = batch(numbered, STILL, seed)
        runs = frames_of(made.target.pictures).reshape(-1, RUN)
        references = frames_of(made.references.pictures)
        np.testing.assert_array_equal(runs[:, 1] - runs[:, 0], 1)
        assert np.abs(references[:, :, None] - runs[:, None]).min() >= 3
        seen |= set(runs.ravel().tolist())
    assert len(seen) > 30  # any frame may come


@pytest.mark.parametrize("alike", [0.0, 1.0])
def test_references_have_other_mouths_or_similar_ones_at_another_time(
    numbered: AppearanceClip, alike: float
) -> None:
    """Openings repeat every 15.7 frames, so similar frames exist at least ten frames away."""
    config = replace(STILL, alike=alike)
    distances, openings = [], []
    for seed in range(40):
        made = batch(numbered, config, seed)
        first = frames_of(made.target.pictures)[::RUN, None]
        references = frames_of(made.references.pictures)
        distances.append(np.abs(references - first))
        openings.append(np.abs(OPENINGS[references] - OPENINGS[first]))
    assert np.min(distances) >= (10 if alike else 3)
    assert (np.mean(openings) < 0.05) == bool(alike)


def test_points_and_pictures_belong_to_the_same_frame(numbered: AppearanceClip) -> None:
    """Without motion, the points of unmirrored examples are the clip's own in all three frames."""
    own = crop_tensors(numbered.crops, MESH478, SIZE)
    found = 0
    for seed in range(40):
        target = batch(numbered, STILL, seed).target
        for place, frame in enumerate(frames_of(target.pictures)):
            if torch.allclose(target.points[place], own.points[frame], atol=1e-4):
                found += 1
                assert (target.drawings[place] - own.drawings[frame]).abs().mean() < 1e-3
                torch.testing.assert_close(target.masks[place], own.masks[frame])
    assert 48 < found < 112  # half of 160 are mirrored


def test_the_frames_of_a_run_share_their_motion_and_their_light(standing: AppearanceClip) -> None:
    """A run of a repeated frame is the same picture twice after augmentation."""
    made = batch(standing, replace(CONFIG, motion=CropMotionConfig(landmark_jitter=0.0)))
    for part in made.target.parts():
        runs = part.unflatten(0, (-1, RUN))
        assert torch.equal(runs[:, 0], runs[:, 1])
    assert not torch.equal(made.target.pictures[0], made.target.pictures[RUN])
    for reference in made.references.pictures[0]:  # each in a motion of its own
        assert (reference - made.target.pictures[0]).abs().max() > 0.1


def test_light_is_equal_within_a_run_and_similar_for_its_references(
    standing: AppearanceClip,
) -> None:
    grey = replace(
        standing,
        crops=replace(standing.crops, pictures=np.full_like(standing.crops.pictures, 128)),
    )
    gains = []
    for seed in range(30):
        made = batch(grey, CONFIG, seed)
        of_target = made.target.pictures.mean(dim=(2, 3)).unflatten(0, (-1, RUN)) * 255 / 128
        of_references = made.references.pictures.mean(dim=(3, 4)) * 255 / 128
        torch.testing.assert_close(of_target[:, 0], of_target[:, 1])
        torch.testing.assert_close(
            made.target.contexts.mean(dim=(2, 3)), made.target.pictures.mean(dim=(2, 3))
        )
        ratio = of_references / of_target[:, :1]
        assert (ratio - ratio[:, :1, :1]).abs().max() < 1e-4  # one for all of a person's
        assert (ratio - 1).abs().max() <= CONFIG.relight + 1e-4
        gains.append(of_target[:, 0])
    found = torch.cat(gains)
    assert found.min() >= 0.85 * CONFIG.darkest - 1e-4
    assert found.max() <= 1.15 * CONFIG.brightest + 1e-4
    assert found.max() - found.min() > 0.5
    assert (found[:, 0] / found[:, 2]).std() > 0.02  # of another colour too


def test_only_target_points_are_jittered(clip: AppearanceClip) -> None:
    """Target points are noisy, like predicted landmarks; references and masks are exact."""
    shaken = replace(STILL, motion=replace(STILL.motion, landmark_jitter=0.01))
    for seed in range(4):
        plain, jittered = (batch(clip, config, seed) for config in (STILL, shaken))
        for one, other in zip(plain.references.parts(), jittered.references.parts(), strict=True):
            assert torch.equal(one, other)
        for name in ("pictures", "masks", "anchors", "contexts", "context_masks", "skins"):
            one, other = (getattr(each.target, name) for each in (plain, jittered))
            assert torch.equal(one, other), name
        off = jittered.target.points - plain.target.points
        # A window is two thirds of a crop.
        assert float(off.std()) == pytest.approx(0.01 / (2 / 3), rel=0.2)
        for frame in range(3):  # the frame, the previous and the next one
            lines = slice(3 * frame, 3 * frame + 3)
            one, other = (each.target.drawings[:, lines] for each in (plain, jittered))
            assert not torch.equal(one, other)


def test_points_drawings_and_pictures_move_together(clip: AppearanceClip) -> None:
    """The dark of the mouth is under the target inner lips after any motion of the crop."""
    straight = CropMotionConfig(landmark_jitter=0.0)
    config = replace(CONFIG, motion=straight, darkest=1.0, brightest=1.0, runs=8)
    target = batch(clip, config).target
    inner = slice(len(MESH478.outer_lips), len(MESH478.lips))
    middle = (target.points[:, inner].mean(dim=1) * SIZE).round().long()
    examples = torch.arange(len(middle))
    under = target.pictures[examples, :, middle[:, 1], middle[:, 0]]
    openings = target.points[:, inner, 1]
    wide = openings.amax(dim=1) - openings.amin(dim=1) > 6 / SIZE
    assert wide.sum() > 4
    assert under[wide, 2].max() < 0.25  # painted 0.06 inside, 0.27 lips, 0.51 skin
    # The lines are drawn through the points, also in mirrored examples.
    for points, drawing in zip(target.points, target.drawings, strict=True):
        again = draw_landmarks(SIZE * points.numpy(), SIZE, MESH478)
        assert np.corrcoef(again.ravel(), drawing[:3].numpy().ravel())[0, 1] > 0.9


def test_half_of_the_examples_are_mirrored(clip: AppearanceClip) -> None:
    made = batch(clip, replace(STILL, runs=40))
    left, right = (MESH478.moving.index(corner) for corner in MESH478.mouth_corners)

    def is_mirrored(points: Tensor) -> Tensor:
        return points[..., left, 0] > points[..., right, 0]

    runs = is_mirrored(made.target.points).unflatten(0, (-1, RUN))
    assert 10 < runs[:, 0].sum() < 30
    for other in (runs[:, 1], *is_mirrored(made.references.points).T):
        assert torch.equal(runs[:, 0], other)


def test_a_mirrored_dot_is_at_its_mirrored_point(clip: AppearanceClip) -> None:
    crops = clip.crops.choose(np.array([0]))
    place = np.array([40, 70])
    picture = np.zeros_like(crops.pictures)
    picture[0, place[1], place[0]] = 255
    points = np.broadcast_to(np.float32(place), crops.points.shape)
    shown = mirrored(crop_tensors(replace(crops, pictures=picture, points=points), MESH478, SIZE))
    row, column = divmod(int(shown.pictures[0, 0].argmax()), SIZE)
    torch.testing.assert_close(
        shown.points[0, 0] * SIZE, torch.tensor([float(column), float(row)]), atol=1e-3, rtol=0
    )
    assert column > SIZE / 2  # it was on the left


def test_mirroring_twice_is_the_identity(clip: AppearanceClip) -> None:
    shown = crop_tensors(clip.crops.choose(np.arange(3)), MESH478, SIZE)
    once = mirrored(shown)
    for before, between, after in zip(
        shown.parts(), once.parts(), mirrored(once).parts(), strict=True
    ):
        assert not torch.equal(before, between)
        torch.testing.assert_close(after, before, atol=1e-6, rtol=0)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_short_clips_are_accepted(drawn_clip: Callable[..., AppearanceClip], frames: int) -> None:
    made = batch(drawn_clip(OPENINGS[:frames]))
    assert made.target.pictures.shape[0] == 2 * RUN
    assert made.references.pictures.shape[:2] == (2, 3)
    assert all(torch.isfinite(part).all() for part in made.target.parts())


def test_a_batch_is_copied_to_a_device(clip: AppearanceClip) -> None:
    there = batch(clip).to(torch.device("meta"))
    assert there.step == 5
    for crops in (there.target, there.references):
        assert {part.device.type for part in crops.parts()} == {"meta"}
