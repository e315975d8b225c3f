import copy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.errors import BadInputError
from mytalk_core.evaluation.baselines import RidgeConfig, still_mouth
from mytalk_core.evaluation.cases import (
    DubCase,
    MotionClip,
    cross_cases,
    other_sound_cases,
    read_motion_clips,
    reconstruction_cases,
    silence_cases,
)
from mytalk_core.evaluation.motion_methods import (
    GATED,
    LOUDNESS,
    OURS,
    RIDGE,
    SOURCE,
    STILL,
    TRUE_MOTION,
    TRUTH,
    ModelMotion,
    StyledMotion,
    silence_methods,
    speaking_methods,
)
from mytalk_core.evaluation.motion_notes import CROSS, OTHER_SOUND, OWN
from mytalk_core.evaluation.motion_section import MotionEvaluation, evaluate_motion
from mytalk_core.evaluation.motion_table import closure_table, diversity_table, silence_table
from mytalk_core.evaluation.sections import Section
from mytalk_core.motion.model import SIZES, SpeechToMotion
from mytalk_core.speech.phones import Phone
from tests.synthetic_face import write_curated

RIDGE_CONFIG = RidgeConfig(context=0, penalties=(0.01,))


class QuietEncoder:
    """A stub of the speech encoder that encodes every sound as silence."""

    def encode(self, audio: np.ndarray) -> np.ndarray:
        return np.zeros((-(-len(audio) // 320), 512), np.float16)


@pytest.fixture(scope="module")
def model() -> SpeechToMotion:
    torch.manual_seed(0)
    return SpeechToMotion(SIZES["tiny"]).eval()


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    speakers = {"train": ["ann", "bernd", "li"], "test": ["jo", "kim"]}
    return write_curated(tmp_path_factory.mktemp("curated"), speakers)


@pytest.fixture(scope="module")
def clips(curated: Path) -> list[MotionClip]:
    return list(read_motion_clips(iter_clips(clip_index(curated, "test"))))


@pytest.fixture(scope="module")
def section(curated: Path, model: SpeechToMotion) -> Section:
    steps: list[tuple[int, int]] = []
    section = evaluate_motion(
        curated,
        "test",
        model,
        QuietEncoder(),
        lambda *progress: steps.append(progress),
        MotionEvaluation(ridge=RIDGE_CONFIG),
    )
    total = 4 * 4  # reconstruction, cross, silence, other sound of two clips of two speakers
    assert steps == [(1, total)] * total
    return section


def test_all_methods_are_measured_on_all_speakers(section):
    reconstruction, cross, silence = (section.tables[title] for title in (OWN, CROSS, "silence"))
    expected = [OURS, RIDGE, LOUDNESS, STILL, SOURCE, TRUTH]
    assert reconstruction.methods == expected
    assert cross.methods == [*expected, TRUE_MOTION]
    assert silence.methods == [OURS, GATED, RIDGE, STILL, SOURCE]
    assert section.tables[OTHER_SOUND].methods == [OURS, RIDGE, STILL, SOURCE]
    for table in section.tables.values():
        assert table.speakers == ["jo", "kim"]


def test_the_truth_has_no_error_and_the_source_only_in_reconstruction(section):
    reconstruction, cross = section.tables[OWN], section.tables[CROSS]
    for table in (reconstruction, cross):
        assert table.value(TRUTH, "lmd") == 0
        assert table.value(TRUTH, "aperture_r") == pytest.approx(1)
    assert reconstruction.value(SOURCE, "lmd") == 0
    assert cross.value(SOURCE, "lmd") > 0.01
    assert cross.value(SOURCE, "aperture_r") < 0.5


def test_true_motion_on_another_clips_face_differs_only_in_posture(section):
    cross, ratio = section.tables[CROSS], section.tables["what another clip's speech costs"]
    assert 0 < cross.value(TRUE_MOTION, "lmd") < cross.value(STILL, "lmd")
    assert cross.value(TRUE_MOTION, "velocity_error") == pytest.approx(0, abs=1e-6)
    means = [section.tables[title].value(RIDGE, "lmd", "jo") for title in (CROSS, OWN)]
    assert ratio.value(RIDGE, "cross_over_own", "jo") == pytest.approx(means[0] / means[1])
    assert TRUTH not in ratio.methods


def test_only_methods_with_a_seed_are_diverse(clips, model):
    model = copy.deepcopy(model)
    model.space.basis.copy_(torch.linalg.qr(torch.randn(model.space.basis.shape[::-1]))[0].T)
    torch.nn.init.normal_(model.denoiser.output.weight, std=0.1)
    methods = {OURS: ModelMotion(model), STILL: still_mouth}
    table = diversity_table(methods, reconstruction_cases(clips[:1]))
    assert table.value(STILL, "diversity") == 0 == table.value(STILL, "diversity_share")
    assert table.value(OURS, "diversity") > 0


def test_baselines_follow_the_speech_of_held_out_speakers(section):
    cross = section.tables[CROSS]
    for method in (RIDGE, LOUDNESS):
        assert cross.value(method, "aperture_r") > 0.8
        assert cross.value(method, "lmd") < cross.value(STILL, "lmd")
    assert np.isnan(cross.value(STILL, "aperture_r"))


def test_the_gate_closes_the_mouth_and_the_speaking_source_leaks(section):
    silence = section.tables["silence"]
    assert silence.value(GATED, "lip_leak") == 0
    assert silence.value(GATED, "velocity_error") == 0
    assert silence.value(SOURCE, "lip_leak") > silence.value(GATED, "lip_leak")


def test_no_method_uses_the_targets_face(clips, model):
    case = cross_cases(clips)[0]
    elsewhere = np.roll(case.target.shape, 7, axis=0) * 1.1
    changed = type(case)(
        case.source, type(case.target)(**{**vars(case.target), "shape": elsewhere})
    )
    for name, method in speaking_methods(model, clips, clips, RIDGE_CONFIG).items():
        if name != TRUTH:
            assert np.array_equal(method(case), method(changed)), name


def test_style_comes_only_from_the_persons_other_clips(clips, model):
    mine = [replace(clips[0], key=f"one-{number}") for number in range(4)]
    case = DubCase(mine[0], mine[1])
    model = copy.deepcopy(model)  # untrained, so it predicts no motion
    model.space.basis.copy_(torch.linalg.qr(torch.randn(model.space.basis.shape[::-1]))[0].T)

    def shape(*changed):
        swing = 0.05 * np.sin(np.arange(len(case.source.shape), dtype=np.float32))[:, None, None]
        shown = [
            replace(clip, shape=clip.shape + swing) if number in changed else clip
            for number, clip in enumerate(mine)
        ]
        return StyledMotion(model, shown)(case)

    np.testing.assert_array_equal(shape(0), shape())  # whose lips are moved
    np.testing.assert_array_equal(shape(1), shape())  # whose speech is sounds
    assert not np.array_equal(shape(2), shape())


def test_an_untrained_model_gives_the_sources_mean_shape(clips, model):
    # Untrained, the model's motion is zero.
    case = cross_cases(clips)[0]
    assert ModelMotion(model)(case) == pytest.approx(
        np.broadcast_to(case.source.rest, case.truth.shape), abs=1e-6
    )


def test_silence_lasts_as_long_as_the_clip_it_dubs(clips):
    for case in silence_cases(clips, QuietEncoder().encode):
        assert case.frames == len(case.source.shape) == len(case.target.audio) / 640
        assert np.array_equal(case.truth[3], case.source.closed)


def test_other_sounds_differ_and_are_as_long_as_the_clip(clips):
    sounds: list[np.ndarray] = []

    def encode(sound):
        sounds.append(sound)
        return QuietEncoder().encode(sound)

    for case, sound in zip(other_sound_cases(clips, encode), sounds, strict=True):
        assert case.target.audio is sound
        assert case.frames == len(case.source.shape) == len(sound) / 640
        assert np.array_equal(case.truth[3], case.source.closed)
        assert sound.std() > 0.01
    assert not np.array_equal(sounds[0][:8000], sounds[1][:8000])


def test_a_mouth_that_stays_open_on_silence_leaks(clips):
    cases = silence_cases(clips, QuietEncoder().encode)

    def agape(case):
        return case.source.shape.max(axis=0) + 0 * case.truth

    methods = silence_methods({OURS: lambda case: case.truth}) | {"agape": agape}
    table = silence_table(methods, cases, lambda: None)
    assert table.value(OURS, "lip_leak") == 0
    assert table.value("agape", "aspect_ratio") > table.value(OURS, "aspect_ratio")


def test_the_notes_state_clips_and_unit(section):
    text = " ".join(section.notes)
    assert "4 clips of 2 speakers: jo (2), kim (2)" in text
    assert "outer eye corners is 1" in text
    assert "6 clips of 3 speakers" in text


def test_single_training_speaker_and_single_clips_leave_out_ridge_and_cross(tmp_path, model):
    data = write_curated(tmp_path / "data", {"train": ["ann"], "test": ["jo"]}, clips=1)
    section = evaluate_motion(data, "test", model, QuietEncoder(), lambda done, total: None)
    assert list(section.tables) == [OWN, "diversity over 4 seeds", "silence", OTHER_SOUND]
    assert RIDGE not in section.tables["silence"].methods
    assert "no ridge" in " ".join(section.notes) and "no cross" in " ".join(section.notes)


def test_a_split_without_clips_is_bad_input(curated, model):
    with pytest.raises(BadInputError, match="val"):
        evaluate_motion(curated, "val", model, QuietEncoder(), lambda done, total: None)


def test_closure_uses_the_range_of_the_face_that_moves(clips):
    clip = clips[0]
    shut = int(np.argmin(clip.shape[:, clip.scheme.lips.index(14), 1]))
    said = [Phone(name, Fraction(shut, 25), Fraction(shut + 1, 25)) for name in ("B", "IY")]
    case = DubCase(clip, replace(clip, shape=1.5 * clip.shape, phones=tuple(said)))
    methods = {
        TRUTH: lambda case: case.truth,
        STILL: lambda case: np.repeat(case.rest[None], case.frames, axis=0),
        SOURCE: lambda case: case.source.shape,
        GATED: lambda case: np.repeat(case.source.closed[None], case.frames, axis=0),
    }
    table = closure_table(methods, [case])
    assert [table.value(name, "closure") for name in methods] == [1, 0, 1, 1]
    # A mouth that is always closed passes on every M, B and P and fails on the vowels.
    assert table.value(GATED, "shut_vowels") == 1
    assert table.value(STILL, "shut_vowels") == 0
