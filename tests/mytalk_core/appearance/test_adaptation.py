"""The renderer learns an actor from a film, and is judged by what it did not learn from."""

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

    def spied(
        judging: Take, learnt: Take, others: Sequence[AlbumPage], count: int
    ) -> EvaluationSet:
        asked.append((judging, learnt, others))
        return adaptation_scores.evaluation_set(judging, learnt, others, count)

    monkeypatch.setattr(adaptation, "evaluation_set", spied)
    shifted = replace(take, frames=take.frames + 1000)
    held = [hold_out(each, BRIEF.held_out, turn) for turn, each in enumerate((take, shifted))]
    painted = [
        with_pictures(each, ~np.isin(each.frames, part.training.frames), 255)
        for each, part in zip((take, shifted), held, strict=True)
    ]
    data = split_takes(painted, BRIEF)
    assert len(asked) == 4
    kept: set[int] = set()
    for judging, shown, (other,) in asked:
        own = data.training[int(judging.frames[0] >= 1000)]
        np.testing.assert_array_equal(shown.frames, own.frames)
        assert not set(judging.frames.tolist()) & (set(own.frames.tolist()) | kept)
        kept |= set(judging.frames.tolist())
        assert len(other.crops.pictures) > 20
        assert other.crops.pictures.min(axis=(1, 2, 3)).max() < 255  # none that was painted over


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
    data = split_takes(takes, BRIEF)
    whole = [len(each) for each, length in zip(data.training, lengths, strict=True) if length < 60]
    assert whole == [50, 30]
    assert len(data.validation) == len(data.test) == 4
    parts = hold_out_of_all(takes, HoldOutConfig())
    for each, part, learnt in zip(takes, parts, data.training, strict=True):
        held = [set(some.frames.tolist()) for some in (part.training, part.validation, part.test)]
        assert sum(map(len, held)) == len(set.union(*held)) <= len(each)
        np.testing.assert_array_equal(learnt.frames, part.training.frames)
        if len(part.validation):
            apart = np.abs(part.validation.frames[:, None] - part.training.frames).min()
            assert apart > HoldOutConfig().guard_seconds * FPS


def test_a_short_take_teaches_beside_a_long_one(take: Take) -> None:
    short = take.choose(np.arange(30))
    both = split_takes([short, take], BRIEF)
    alone = split_takes([take], BRIEF)
    assert [len(each) for each in both.training] == [30, len(alone.training[0])]
    assert len(both.validation) == len(both.test) == 1
