"""Single clips in reports: their selection, and the labels of truth and ours."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import read_clip
from mytalk_core.data.shards import decode_sample
from mytalk_core.evaluation.cases import read_motion_clips
from mytalk_core.evaluation.lip_samples import lip_figure, lip_samples
from mytalk_core.evaluation.ranking import best_median_worst
from mytalk_core.evaluation.redrawn_samples import redrawn_figure, redrawn_samples
from mytalk_core.evaluation.sample_pictures import appearance_picture, motion_picture
from mytalk_core.motion.model import SIZES, SpeechToMotion
from tests.synthetic_face import write_curated


@dataclass(frozen=True)
class Shown:
    score: float


def test_best_median_and_worst_are_shown_once_each() -> None:
    five = [Shown(score) for score in (3, 1, 5, 2, 4)]
    assert best_median_worst(five) == {"best": Shown(5), "median": Shown(3), "worst": Shown(1)}
    assert list(best_median_worst(five[:2])) == ["best", "worst"]
    assert list(best_median_worst(five[:1])) == ["best"]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    folder = write_curated(tmp_path_factory.mktemp("samples"), {"test": ["ann"]})
    index = clip_index(folder, "test")
    return [read_clip(index, number) for number in range(len(index))]


def test_a_lip_sample_is_compared_with_the_clip_that_gives_the_speech(members) -> None:
    torch.manual_seed(0)
    model = SpeechToMotion(SIZES["tiny"]).eval()  # untrained: its lips stay at rest
    clips = list(read_motion_clips(members))
    one, other = lip_samples(clips, model)
    lips = one.truth.shape[1]
    np.testing.assert_array_equal(one.truth, clips[1].shape[:, :lips, :2])
    np.testing.assert_allclose(one.ours[0], clips[0].rest[:lips, :2], atol=1e-6)
    assert one.title.startswith("ann_0-00000-00-000, speech of ann_1-00000-00-000: LMD 0.0")
    assert other.target == one.source

    (alone,) = lip_samples(clips[:1], model)
    assert "own speech" in alone.title
    figure = lip_figure(one)
    truth, ours = figure.axes[0].lines[:2]
    assert np.ptp(truth.get_ydata()) > 0 and np.ptp(ours.get_ydata()) < 1e-6
    assert len(figure.axes) == 9


def test_a_redrawn_sample_shows_inputs_output_and_difference(members) -> None:
    torch.manual_seed(0)
    renderer = Renderer(RENDERER_SIZES["tiny"]).eval()
    (sample,) = redrawn_samples([decode_sample(members[0])], renderer)
    assert sample.strip.shape[0] % 7 == 0  # seven rows
    assert sample.title.startswith("ann_0-00000-00-000: mouth PSNR ")
    assert 10 < sample.score < 60
    figure = redrawn_figure(sample)
    assert (figure.axes[0].images[0].get_array() == sample.strip).all()


def test_pictures_for_event_logs_are_rgb_pixels(members, tmp_path: Path) -> None:
    torch.manual_seed(0)
    for picture in (
        motion_picture(SpeechToMotion(SIZES["tiny"]).eval(), members[0]),
        appearance_picture(Renderer(RENDERER_SIZES["tiny"]).eval(), members[0]),
    ):
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        assert np.ptp(picture) > 100
