"""The renderer learns an actor from a film, and is judged by what it did not learn from."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance import adaptation, adaptation_exam
from mytalk_core.appearance.actor_frames import HoldOutConfig, Take, hold_out, hold_out_of_all
from mytalk_core.appearance.adaptation import (
    AdaptationConfig,
    Adapted,
    adapt,
    plan_lesson,
)
from mytalk_core.appearance.adaptation_batches import AdaptationBatchConfig
from mytalk_core.appearance.adaptation_exam import (
    Exam,
    Scores,
    dubbed,
    exam,
    spread_places,
    take_pages,
)
from mytalk_core.appearance.album import AlbumPage
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.crop_motion import CropMotionConfig
from mytalk_core.appearance.face_crops import crop_regions
from mytalk_core.appearance.perceptual import Lpips, perceptual_lpips
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.appearance.training import JudgingModels
from mytalk_core.errors import BadInputError, Reason

FPS = 25.0
BRIEF = AdaptationConfig(
    steps=40,
    seconds=600.0,
    look_every=20,
    learning_rate=2e-3,
    batches=AdaptationBatchConfig(motion=CropMotionConfig(turn=0, zoom=0, shift=0, stretch=0)),
    judged_frames=6,
)


@pytest.fixture(scope="module")
def take(drawn_clip: Callable[..., AppearanceClip]) -> Take:
    """Five seconds of a painted face."""
    clip = drawn_clip(0.2 + 0.2 * np.sin(np.arange(125) / 2.5))
    return Take(clip, np.arange(125), FPS)


@pytest.fixture(scope="module")
def lpips(small_judges: JudgingModels) -> Lpips:
    return perceptual_lpips(small_judges.alexnet)


def learn(
    renderer: Renderer, takes: Sequence[Take], lpips: Lpips, config: AdaptationConfig = BRIEF
) -> Adapted:
    return adapt(renderer, takes, config, lpips, lambda done, total: None)


Losses = list[dict[str, float]]


@pytest.fixture(scope="module")
def told(
    take: Take, lpips: Lpips, tiny_renderer: Callable[..., Renderer]
) -> Callable[[Take, int], tuple[Adapted, Losses]]:
    """A take and a number of steps to what is learnt from it, and the losses of every step."""

    def learning(some: Take, steps: int) -> tuple[Adapted, Losses]:
        losses: Losses = []
        losses_of = adaptation._Learner.losses

        def spied(learner: adaptation._Learner, *rest: Any) -> dict[str, torch.Tensor]:
            found = losses_of(learner, *rest)
            losses.append({name: float(loss.detach()) for name, loss in found.items()})
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(adaptation._Learner, "losses", spied)
            shipped = tiny_renderer()
            before = {name: value.clone() for name, value in shipped.state_dict().items()}
            adapted = learn(shipped, [some], lpips, replace(BRIEF, steps=steps))
        for name, value in shipped.state_dict().items():
            assert torch.equal(value, before[name])  # the shipped one stays as it is
        return adapted, losses

    return learning


@pytest.fixture(scope="module")
def learnt(
    told: Callable[[Take, int], tuple[Adapted, Losses]], take: Take
) -> tuple[Adapted, Losses]:
    return told(take, 40)


@pytest.fixture
def hollow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that change all weights and look at no picture."""

    def losses(learner: adaptation._Learner, *_: object) -> dict[str, torch.Tensor]:
        return {"sum": torch.stack([each.sum() for each in learner.model.parameters()]).sum()}

    monkeypatch.setattr(adaptation._Learner, "losses", losses)
    monkeypatch.setattr(adaptation._Learner, "batch", lambda *_: None)


def with_pictures(take: Take, places: NDArray[np.bool_], value: int) -> Take:
    """The take with some of its pictures painted over."""
    pictures = take.clip.crops.pictures.copy()
    pictures[places] = value
    crops = replace(take.clip.crops, pictures=pictures)
    return replace(take, clip=replace(take.clip, crops=crops))


@settings(deadline=None)
@given(
    frames=st.sets(st.integers(0, 3000), min_size=2, max_size=300),
    share=st.floats(0.05, 0.4),
    stretch=st.floats(0.2, 5),
    guard=st.floats(0, 1),
)
def test_what_judges_is_apart_in_time_from_what_teaches(
    take: Take, frames: set[int], share: float, stretch: float, guard: float
) -> None:
    config = HoldOutConfig(share, stretch, guard_seconds=guard, least_seconds=4)
    some = replace(take.choose(np.zeros(len(frames), np.int64)), frames=np.array(sorted(frames)))
    parts = hold_out(some, config)
    learnt, choosing, reporting = (
        set(part.frames.tolist()) for part in (parts.learnt, parts.choosing, parts.reporting)
    )
    assert learnt | choosing | reporting <= frames
    assert not choosing & reporting
    gap = round(guard * FPS)
    kept = choosing | reporting
    assert all(abs(one - other) > gap for one in kept for other in learnt)
    if max(frames) - min(frames) + 1 < 4 * FPS:
        assert learnt == frames


def test_a_fifth_of_the_time_is_kept_back_in_stretches(take: Take) -> None:
    parts = hold_out(take, HoldOutConfig(share=0.2, stretch_seconds=0.5, guard_seconds=0.2))
    for kept in (parts.choosing, parts.reporting):
        np.testing.assert_array_equal(np.diff(kept.frames), 1)
        assert len(kept) == 12  # half a fifth of 125, rounded
    assert len(parts.learnt) == 125 - 24 - 4 * 5
    assert parts.choosing.frames[-1] < parts.reporting.frames[0]


@pytest.mark.parametrize("frames", [125, 60])
def test_which_stretch_chooses_changes_from_take_to_take(take: Take, frames: int) -> None:
    """Of takes of five seconds, and of those that are kept back from though they are short."""
    some = take.choose(np.arange(frames))
    parts = hold_out_of_all([some] * 4, HoldOutConfig())
    first = [part.choosing.frames[0] < part.reporting.frames[0] for part in parts]
    assert sum(first) == 2
    for part in parts:
        assert len(part.choosing) == len(part.reporting) > 0


@settings(deadline=None)
@given(lengths=st.lists(st.integers(0, 50), min_size=1, max_size=8), count=st.integers(1, 40))
def test_places_are_spread_over_all_sequences(lengths: list[int], count: int) -> None:
    if not sum(lengths):
        return
    places = spread_places(lengths, count)
    assert sum(map(len, places)) == min(count, sum(lengths))
    for chosen, length in zip(places, lengths, strict=True):
        assert all(0 <= place < length for place in chosen)


def test_both_pixels_and_perception_count() -> None:
    start = Scores(psnr=30.0, lpips=0.1)
    assert start.error_beside(start) == 1
    assert Scores(36.0206, 0.1).error_beside(start) == pytest.approx(0.75, abs=1e-4)
    assert Scores(30.0, 0.05).error_beside(start) == pytest.approx(0.75)


def test_an_actor_is_learnt(
    learnt: tuple[Adapted, Losses], tiny_renderer: Callable[..., Renderer]
) -> None:
    adapted, _ = learnt
    record = adapted.record
    assert record.helped
    assert record.after.psnr > record.before.psnr + 0.5
    assert record.steps == 40
    assert [look.step for look in record.looks] == [0, 20, 40]
    assert record.chosen_step in (20, 40)
    assert 0 < record.looks[1].seconds < record.looks[2].seconds <= record.seconds
    assert not adapted.renderer.training
    pairs = zip(adapted.renderer.parameters(), tiny_renderer().parameters(), strict=True)
    assert any(not torch.equal(ours, theirs) for ours, theirs in pairs)


def test_nothing_is_learnt_from_what_judges_and_the_same_frames_give_the_same_steps(
    learnt: tuple[Adapted, Losses],
    told: Callable[[Take, int], tuple[Adapted, Losses]],
    take: Take,
) -> None:
    """Painted over, judges and the gaps beside them change no loss of any step.

    But for rounding: sums over threads come in any order.
    """
    unseen = ~np.isin(take.frames, hold_out(take, BRIEF.held_out).learnt.frames)
    assert unseen.sum() > 40
    painted, losses = told(with_pictures(take, unseen, 255), 40)
    adapted, before = learnt
    for ours, theirs in zip(losses, before, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    assert painted.record.before != adapted.record.before  # those who judge see the paint


def test_judges_are_shown_what_is_learnt_from(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of their own take and of the other one, and nothing else of either."""
    asked: list[tuple[Take, Take, Sequence[AlbumPage]]] = []

    def spied(judging: Take, learnt: Take, others: Sequence[AlbumPage], count: int) -> Exam:
        asked.append((judging, learnt, others))
        return adaptation_exam.exam(judging, learnt, others, count)

    monkeypatch.setattr(adaptation, "exam", spied)
    shifted = replace(take, frames=take.frames + 1000)
    held = [hold_out(each, BRIEF.held_out, turn) for turn, each in enumerate((take, shifted))]
    painted = [
        with_pictures(each, ~np.isin(each.frames, part.learnt.frames), 255)
        for each, part in zip((take, shifted), held, strict=True)
    ]
    lesson = plan_lesson(painted, BRIEF)
    assert len(asked) == 4
    kept: set[int] = set()
    for judging, shown, (other,) in asked:
        own = lesson.learnt[int(judging.frames[0] >= 1000)]
        np.testing.assert_array_equal(shown.frames, own.frames)
        assert not set(judging.frames.tolist()) & (set(own.frames.tolist()) | kept)
        kept |= set(judging.frames.tolist())
        assert len(other.crops.pictures) > 20
        assert other.crops.pictures.min(axis=(1, 2, 3)).max() < 255  # none that was painted over


def test_judges_are_drawn_from_others_mouths_that_their_own_take_lacks(
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    """One half of the frames is shut, and the other open."""
    opening = np.repeat([0.05, 0.45], 40)
    both = Take(drawn_clip(opening), np.arange(80), FPS)
    shut, wide = both.choose(np.arange(40)), both.choose(np.arange(40, 80))
    asked = wide.choose(np.arange(5))
    lent = take_pages([wide.choose(np.arange(5, 40))])
    alone = exam(asked, shut, [], 16)
    beside = exam(asked, shut, lent, 16)
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


@pytest.mark.usefixtures("hollow")
def test_learning_ends_where_nothing_gets_better_and_the_best_weights_are_kept(
    tiny_renderer: Callable[..., Renderer],
    take: Take,
    lpips: Lpips,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second look is the best; two worse ones later it is over."""
    scripted = iter([30.0, 31.0, 32.0, 31.5, 31.0])
    seen: list[dict[str, torch.Tensor]] = []

    def scores(renderer: Renderer, exams: object, judge: object) -> Scores:
        seen.append({name: value.clone() for name, value in renderer.state_dict().items()})
        return Scores(next(scripted, 30.0 + len(seen)), 0.1)

    monkeypatch.setattr(adaptation, "score", scores)
    config = replace(BRIEF, steps=200, look_every=20, patience=2)
    ended = learn(tiny_renderer(), [take], lpips, config)
    assert ended.record.steps == 80
    assert ended.record.chosen_step == 40
    for name, value in ended.renderer.state_dict().items():
        assert torch.equal(value, seen[2][name])


@pytest.mark.usefixtures("hollow")
@pytest.mark.parametrize(("last", "chosen"), [(30.9, 40), (30.5, 20)])
def test_of_looks_nearly_as_good_the_later_one_is_believed(
    tiny_renderer: Callable[..., Renderer],
    take: Take,
    lpips: Lpips,
    monkeypatch: pytest.MonkeyPatch,
    last: float,
    chosen: int,
) -> None:
    """A tenth of a decibel worse is within what few frames tell, half a decibel is not."""
    scripted = iter([30.0, 31.0, last, 30.0, 31.0])
    monkeypatch.setattr(adaptation, "score", lambda *_: Scores(next(scripted), 0.1))
    ended = learn(tiny_renderer(), [take], lpips, replace(BRIEF, steps=40, look_every=20))
    assert [look.step for look in ended.record.looks] == [0, 20, 40]
    assert ended.record.chosen_step == chosen


@pytest.mark.usefixtures("hollow")
@pytest.mark.parametrize("after", [29.0, 31.0])
def test_those_that_choose_choose_and_those_that_report_say_whether_it_helped(
    tiny_renderer: Callable[..., Renderer],
    take: Take,
    lpips: Lpips,
    monkeypatch: pytest.MonkeyPatch,
    after: float,
) -> None:
    """To those that choose everything learnt is worse; which of it is the best they say."""
    scripted = iter([30.0, 27.0, 29.0, 30.0, after])
    monkeypatch.setattr(adaptation, "score", lambda *_: Scores(next(scripted), 0.1))
    shipped = tiny_renderer()
    ended = learn(shipped, [take], lpips, replace(BRIEF, steps=40, look_every=20))
    assert ended.record.chosen_step == 40
    assert ended.record.helped == (after > 30)
    assert (ended.renderer is shipped) == (after < 30)


def test_what_does_not_help_is_not_used(
    tiny_renderer: Callable[..., Renderer], take: Take, lpips: Lpips
) -> None:
    shipped = tiny_renderer()
    ruinous = replace(BRIEF, steps=20, learning_rate=3.0)
    ended = learn(shipped, [take], lpips, ruinous)
    assert not ended.record.helped
    assert ended.record.chosen_step == 20
    assert ended.renderer is shipped


@pytest.mark.usefixtures("hollow")
def test_time_ends_learning_and_what_was_learnt_is_looked_at(
    tiny_renderer: Callable[..., Renderer], take: Take, lpips: Lpips
) -> None:
    hasty = replace(BRIEF, steps=400, seconds=0.0, look_every=40)
    ended = learn(tiny_renderer(), [take], lpips, hasty)
    assert ended.record.steps == 20
    assert [look.step for look in ended.record.looks] == [0, 20]


def test_judged_is_the_film_with_its_new_mouth(
    tiny_renderer: Callable[..., Renderer], take: Take
) -> None:
    """At the crop's own size, and around the faces as it was."""
    asked, known = take.choose(np.arange(3)), take.choose(np.arange(20, 60))
    judged = exam(asked, known, [], 8)
    pictures = dubbed(judged, tiny_renderer()).pictures
    own = np.asarray(asked.clip.crops.pictures)
    assert pictures.shape == own.shape
    masks, _ = crop_regions(asked.clip.crops)
    np.testing.assert_array_equal(pictures[masks == 0], own[masks == 0])
    lips = np.rint(asked.clip.crops.points[0].mean(axis=0)).astype(int)
    assert (pictures[0, lips[1], lips[0]] != own[0, lips[1], lips[0]]).any()


def test_a_film_too_short_to_judge_by_is_refused(
    tiny_renderer: Callable[..., Renderer], take: Take, lpips: Lpips
) -> None:
    for takes in ([take.choose(np.arange(60))], []):
        with pytest.raises(BadInputError) as refusal:
            learn(tiny_renderer(), takes, lpips)
        assert refusal.value.reason is Reason.TOO_SHORT


def test_where_all_takes_are_short_the_longest_judge_too(take: Take) -> None:
    """A dialogue: cut from one to the other every two or three seconds."""
    lengths = [60, 74, 50, 70, 65, 30]
    takes = [take.choose(np.arange(length)) for length in lengths]
    lesson = plan_lesson(takes, BRIEF)
    whole = [len(each) for each, length in zip(lesson.learnt, lengths, strict=True) if length < 60]
    assert whole == [50, 30]
    assert len(lesson.choosing) == len(lesson.reporting) == 4
    parts = hold_out_of_all(takes, HoldOutConfig())
    for each, part, learnt in zip(takes, parts, lesson.learnt, strict=True):
        held = [set(some.frames.tolist()) for some in (part.learnt, part.choosing, part.reporting)]
        assert sum(map(len, held)) == len(set.union(*held)) <= len(each)
        np.testing.assert_array_equal(learnt.frames, part.learnt.frames)
        if len(part.choosing):
            apart = np.abs(part.choosing.frames[:, None] - part.learnt.frames).min()
            assert apart > HoldOutConfig().guard_seconds * FPS


def test_a_short_take_teaches_beside_a_long_one(take: Take) -> None:
    short = take.choose(np.arange(30))
    both = plan_lesson([short, take], BRIEF)
    alone = plan_lesson([take], BRIEF)
    assert [len(each) for each in both.learnt] == [30, len(alone.learnt[0])]
    assert len(both.choosing) == len(both.reporting) == 1
