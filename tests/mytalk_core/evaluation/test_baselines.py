import numpy as np
import pytest

from mytalk_core.evaluation.baselines import (
    RidgeConfig,
    fit_loudness_opening,
    fit_speech_ridge,
    relative_loudness,
    source_untouched,
    speech_windows,
    still_mouth,
    truth,
)
from mytalk_core.evaluation.cases import MotionClip, cross_cases, reconstruction_cases
from mytalk_core.faces.landmark_scheme import MESH478

POINTS = 57


def clip(key: str, speaker: str, frames: int = 40, lag: int = 0) -> MotionClip:
    """A speaker whose shape is linear in the speech features and whose opening follows loudness.

    `lag`: frames by which the lips come after the feature that moves them.
    """
    random = np.random.default_rng(sum(key.encode()))
    rest = np.random.default_rng(len(speaker)).normal(size=(POINTS, 3))
    drive = random.normal(size=frames).astype(np.float16)
    drive -= drive.mean()
    speech = np.zeros((2 * frames, 2), np.float16)
    speech[:, 0] = np.repeat(np.roll(drive, -lag), 2)
    audio = np.repeat(10 ** (drive.astype(np.float32) * 6 / 20 - 1.5), 640)
    shape = rest + 0.01 * drive.astype(np.float64)[:, None, None] * np.ones((POINTS, 3))
    return MotionClip(
        key=key,
        speaker=speaker,
        scheme=MESH478,
        shape=shape.astype(np.float32),
        closed=rest.astype(np.float32),
        upper_face=np.zeros((frames, 3 * len(MESH478.pose_context)), np.float32),
        speech=speech,
        audio=audio.astype(np.float32),
    )


@pytest.fixture(scope="module")
def clips() -> list[MotionClip]:
    return [clip(f"{s}-{n}", s) for s in ("ann", "bernd", "li") for n in range(3)]


def test_cross_cases_pair_different_clips_of_one_speaker(clips):
    cases = cross_cases([*clips, clip("zoe-0", "zoe")])
    assert len(cases) == len(clips)
    assert all(case.source.speaker == case.target.speaker for case in cases)
    assert all(case.source.key != case.target.key for case in cases)
    assert {case.target.key for case in cases} == {clip.key for clip in clips}


def test_a_case_has_the_frames_that_both_clips_have():
    (case, _) = cross_cases([clip("a-0", "a", frames=30), clip("a-1", "a", frames=50)])
    for method in (truth, source_untouched, still_mouth):
        assert method(case).shape == (30, POINTS, 3)


def test_truth_source_and_rest_return_their_shapes(clips):
    case = cross_cases(clips)[0]
    assert np.array_equal(truth(case), case.target.shape)
    assert np.array_equal(source_untouched(case), case.source.shape)
    assert np.array_equal(still_mouth(case)[7], case.source.shape.mean(axis=0))


@pytest.mark.parametrize("lag", [-3, 0, 2])
def test_ridge_recovers_linear_lips_within_its_context(lag):
    known = [clip(f"{s}-{n}", s, lag=lag) for s in ("ann", "bernd", "li") for n in range(3)]
    stranger = [clip("jo-0", "joan-of", lag=lag), clip("jo-1", "joan-of", lag=lag)]
    config = RidgeConfig(context=3, penalties=(1e-3, 1.0))
    ridge = fit_speech_ridge(known, config)
    assert ridge.penalty == 1e-3
    for case in cross_cases(stranger):
        inside = slice(4, -4)  # the features of the ends wrap around
        assert ridge(case)[inside] == pytest.approx(case.truth[inside], abs=2e-3)


def test_loudness_baseline_recovers_an_opening_driven_by_loudness(clips):
    opening = fit_loudness_opening(clips)
    case = reconstruction_cases(clips)[0]
    r = np.corrcoef(opening(case)[:, 0, 0], case.truth[:, 0, 0])[0, 1]
    assert r > 0.99


def test_loudness_is_relative_to_the_loudest_frame_and_past_the_end_is_silence():
    audio = np.concatenate([np.full(640, 0.1), np.full(640, 0.01)]).astype(np.float32)
    assert relative_loudness(audio, 3)[:2, 0] == pytest.approx([0, -20], abs=0.01)
    assert relative_loudness(audio, 3)[2, 0] < -50
    assert relative_loudness(audio * 3, 2) == pytest.approx(relative_loudness(audio, 2), abs=0.01)


def test_a_window_holds_the_features_of_the_frames_around():
    speech = np.repeat(np.arange(10, dtype=np.float16), 2)[:, None] * np.ones(512, np.float16)
    windows = speech_windows(speech, frames=10, context=2).reshape(10, 5, 512)[..., 0]
    assert windows[5].tolist() == [3, 4, 5, 6, 7]
    assert windows[0].tolist() == [0, 0, 0, 1, 2]


def test_features_that_end_early_repeat_the_last_frame():
    speech = np.ones((11, 512), np.float16)
    assert speech_windows(speech, frames=8, context=1).shape == (8, 3 * 512)
