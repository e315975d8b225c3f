"""Adaptation of the renderer to an actor, measured on held-out frames."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mytalk_core.appearance import adaptation, adaptation_scores
from mytalk_core.appearance.actor_frames import HoldOutConfig, Take, hold_out, hold_out_of_all
from mytalk_core.appearance.adaptation import (
    AdaptationConfig,
    Adapted,
    adapt,
    split_takes,
)
from mytalk_core.appearance.adaptation_batches import AdaptationBatchConfig
from mytalk_core.appearance.adaptation_scores import (
    EvaluationSet,
    Scores,
)
from mytalk_core.appearance.album import AlbumPage
from mytalk_core.appearance.crop_motion import CropMotionConfig
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.renderer import Renderer
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


def learn(
    renderer: Renderer, takes: Sequence[Take], lpips: Lpips, config: AdaptationConfig = BRIEF
) -> Adapted:
    return adapt(renderer, takes, config, lpips, lambda done, total: None)


Losses = list[dict[str, float]]


@pytest.fixture(scope="module")
def adapt_spied(
    take: Take, lpips: Lpips, tiny_renderer: Callable[..., Renderer]
) -> Callable[[Take, int], tuple[Adapted, Losses]]:
    """Returns a function that adapts to a take in some steps and records the losses of each."""

    def run(some: Take, steps: int) -> tuple[Adapted, Losses]:
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
            assert torch.equal(value, before[name])  # the shipped renderer is not changed
        return adapted, losses

    return run


@pytest.fixture(scope="module")
def adapted_once(
    adapt_spied: Callable[[Take, int], tuple[Adapted, Losses]], take: Take
) -> tuple[Adapted, Losses]:
    return adapt_spied(take, 40)


@pytest.fixture
def hollow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the losses by one that changes all weights without any picture."""

    def losses(learner: adaptation._Learner, *_: object) -> dict[str, torch.Tensor]:
        return {"sum": torch.stack([each.sum() for each in learner.model.parameters()]).sum()}

    monkeypatch.setattr(adaptation._Learner, "losses", losses)
    monkeypatch.setattr(adaptation._Learner, "batch", lambda *_: None)


def with_pictures(take: Take, places: NDArray[np.bool_], value: int) -> Take:
    """Paint over some pictures of the take."""
    pictures = take.clip.crops.pictures.copy()
    pictures[places] = value
    crops = replace(take.clip.crops, pictures=pictures)
    return replace(take, clip=replace(take.clip, crops=crops))


def test_adaptation_improves_the_held_out_scores(
    adapted_once: tuple[Adapted, Losses], tiny_renderer: Callable[..., Renderer]
) -> None:
    adapted, _ = adapted_once
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


def test_held_out_frames_do_not_affect_training(
    adapted_once: tuple[Adapted, Losses],
    adapt_spied: Callable[[Take, int], tuple[Adapted, Losses]],
    take: Take,
) -> None:
    """Painting over held-out frames and gaps changes no loss of any step.

    Except for rounding, since sums over threads have no fixed order.
    """
    unseen = ~np.isin(take.frames, hold_out(take, BRIEF.held_out).training.frames)
    assert unseen.sum() > 40
    painted, losses = adapt_spied(with_pictures(take, unseen, 255), 40)
    adapted, before = adapted_once
    for ours, theirs in zip(losses, before, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    assert painted.record.before != adapted.record.before  # the test scores see the paint


def test_held_out_frames_are_drawn_from_training_frames(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    """References come from the training frames of both takes only."""
    calls: list[tuple[Take, Take, Sequence[AlbumPage]]] = []

    def spied(
        judging: Take, training: Take, others: Sequence[AlbumPage], count: int
    ) -> EvaluationSet:
        calls.append((judging, training, others))
        return adaptation_scores.evaluation_set(judging, training, others, count)

    monkeypatch.setattr(adaptation, "evaluation_set", spied)
    shifted = replace(take, frames=take.frames + 1000)
    held = [hold_out(each, BRIEF.held_out, turn) for turn, each in enumerate((take, shifted))]
    painted = [
        with_pictures(each, ~np.isin(each.frames, part.training.frames), 255)
        for each, part in zip((take, shifted), held, strict=True)
    ]
    data = split_takes(painted, BRIEF)
    assert len(calls) == 4
    kept: set[int] = set()
    for judging, shown, (other,) in calls:
        own = data.training[int(judging.frames[0] >= 1000)]
        np.testing.assert_array_equal(shown.frames, own.frames)
        assert not set(judging.frames.tolist()) & (set(own.frames.tolist()) | kept)
        kept |= set(judging.frames.tolist())
        assert len(other.crops.pictures) > 20
        assert other.crops.pictures.min(axis=(1, 2, 3)).max() < 255  # none that was painted over


@pytest.mark.usefixtures("hollow")
def test_training_stops_without_improvement_and_keeps_the_best_weights(
    tiny_renderer: Callable[..., Renderer],
    take: Take,
    lpips: Lpips,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second validation is the best; training stops after two worse ones."""
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
def test_of_nearly_equal_validations_the_later_one_is_chosen(
    tiny_renderer: Callable[..., Renderer],
    take: Take,
    lpips: Lpips,
    monkeypatch: pytest.MonkeyPatch,
    last: float,
    chosen: int,
) -> None:
    """A loss of 0.1 dB is within the tolerance, 0.5 dB is not."""
    scripted = iter([30.0, 31.0, last, 30.0, 31.0])
    monkeypatch.setattr(adaptation, "score", lambda *_: Scores(next(scripted), 0.1))
    ended = learn(tiny_renderer(), [take], lpips, replace(BRIEF, steps=40, look_every=20))
    assert [look.step for look in ended.record.looks] == [0, 20, 40]
    assert ended.record.chosen_step == chosen


@pytest.mark.usefixtures("hollow")
@pytest.mark.parametrize("after", [29.0, 31.0])
def test_validation_chooses_the_weights_and_the_test_decides_whether_they_are_used(
    tiny_renderer: Callable[..., Renderer],
    take: Take,
    lpips: Lpips,
    monkeypatch: pytest.MonkeyPatch,
    after: float,
) -> None:
    """Validation is worse than before throughout, and still chooses the best step."""
    scripted = iter([30.0, 27.0, 29.0, 30.0, after])
    monkeypatch.setattr(adaptation, "score", lambda *_: Scores(next(scripted), 0.1))
    shipped = tiny_renderer()
    ended = learn(shipped, [take], lpips, replace(BRIEF, steps=40, look_every=20))
    assert ended.record.chosen_step == 40
    assert ended.record.helped == (after > 30)
    assert (ended.renderer is shipped) == (after < 30)


def test_weights_that_do_not_help_are_not_used(
    tiny_renderer: Callable[..., Renderer], take: Take, lpips: Lpips
) -> None:
    shipped = tiny_renderer()
    ruinous = replace(BRIEF, steps=20, learning_rate=3.0)
    ended = learn(shipped, [take], lpips, ruinous)
    assert not ended.record.helped
    assert ended.record.chosen_step == 20
    assert ended.renderer is shipped


@pytest.mark.usefixtures("hollow")
def test_the_time_limit_stops_training_with_a_validation(
    tiny_renderer: Callable[..., Renderer], take: Take, lpips: Lpips
) -> None:
    hasty = replace(BRIEF, steps=400, seconds=0.0, look_every=40)
    ended = learn(tiny_renderer(), [take], lpips, hasty)
    assert ended.record.steps == 20
    assert [look.step for look in ended.record.looks] == [0, 20]


def test_a_film_too_short_to_hold_out_frames_is_rejected(
    tiny_renderer: Callable[..., Renderer], take: Take, lpips: Lpips
) -> None:
    for takes in ([take.choose(np.arange(60))], []):
        with pytest.raises(BadInputError) as refusal:
            learn(tiny_renderer(), takes, lpips)
        assert refusal.value.reason is Reason.TOO_SHORT


def test_if_all_takes_are_short_the_longest_are_split(take: Take) -> None:
    """As in a dialogue that cuts every two or three seconds."""
    lengths = [60, 74, 50, 70, 65, 30]
    takes = [take.choose(np.arange(length)) for length in lengths]
    data = split_takes(takes, BRIEF)
    whole = [len(each) for each, length in zip(data.training, lengths, strict=True) if length < 60]
    assert whole == [50, 30]
    assert len(data.validation) == len(data.test) == 4
    parts = hold_out_of_all(takes, HoldOutConfig())
    for each, part, training in zip(takes, parts, data.training, strict=True):
        held = [set(some.frames.tolist()) for some in (part.training, part.validation, part.test)]
        assert sum(map(len, held)) == len(set.union(*held)) <= len(each)
        np.testing.assert_array_equal(training.frames, part.training.frames)
        if len(part.validation):
            apart = np.abs(part.validation.frames[:, None] - part.training.frames).min()
            assert apart > HoldOutConfig().guard_seconds * FPS


def test_a_short_take_is_used_for_training_only(take: Take) -> None:
    short = take.choose(np.arange(30))
    both = split_takes([short, take], BRIEF)
    alone = split_takes([take], BRIEF)
    assert [len(each) for each in both.training] == [30, len(alone.training[0])]
    assert len(both.validation) == len(both.test) == 1
