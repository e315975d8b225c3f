from dataclasses import replace

import numpy as np
import pytest
import torch

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.evaluation.cases import MotionClip, read_motion_clips
from mytalk_core.evaluation.speaker_retrieval import (
    CHANCE,
    IDENTITY_VECTOR,
    MEAN_SHAPE,
    retrieval_table,
)
from mytalk_core.motion.model import SIZES, SpeechToMotion
from tests.synthetic_face import write_curated


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[MotionClip]:
    """Two clips of each of three people with nearly the same motion."""
    folder = write_curated(tmp_path_factory.mktemp("retrieval"), {"test": ["jo", "kim", "li"]}, 1)
    own = list(read_motion_clips(iter_clips(clip_index(folder, "test"))))
    return [
        replace(clip, key=f"{clip.key}-{number}", shape=clip.shape + np.float32(0.001 * number))
        for clip in own
        for number in range(2)
    ]


@pytest.fixture(scope="module")
def model() -> SpeechToMotion:
    torch.manual_seed(0)
    return SpeechToMotion(SIZES["tiny"]).eval()


def test_distinct_faces_are_retrieved(clips: list[MotionClip], model: SpeechToMotion) -> None:
    table = retrieval_table(model, clips)
    assert table.value(MEAN_SHAPE, "retrieval") == 1
    assert table.value(IDENTITY_VECTOR, "retrieval") > table.value(CHANCE, "retrieval")
    assert table.value(CHANCE, "retrieval") == pytest.approx(1 / 5)


def test_similar_faces_are_confused(clips: list[MotionClip], model: SpeechToMotion) -> None:
    # The most similar clip is of another person.
    swapped = [
        replace(clip, speaker=speaker) for clip, speaker in zip(clips, "abbcca", strict=True)
    ]
    table = retrieval_table(model, swapped)
    assert table.value(MEAN_SHAPE, "retrieval") == 0


def test_speakers_with_a_single_clip_are_no_query(
    clips: list[MotionClip], model: SpeechToMotion
) -> None:
    table = retrieval_table(model, clips[:3])
    assert table.speakers == ["jo"]
    assert np.isnan(table.value(CHANCE, "retrieval", "kim"))
