"""Tracks that cannot show a speaker are dropped, with the reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmarker import LandmarkerConfig, MeshLandmarker
from mytalk_core.footage.clips import Clip, extract_clips
from mytalk_core.footage.footage_models import FootageModels
from mytalk_core.footage.listing import Source
from mytalk_core.footage.stages import StageLog
from mytalk_core.footage.track_parts import DroppedTrack, FootageConfig
from mytalk_core.footage.units import Segment
from mytalk_core.speech.features import SpeechEncoder


class SilentEncoder(SpeechEncoder):
    """Encodes any sound as zeros."""

    def __init__(self) -> None:
        """Needs no model."""

    def encode(self, audio: NDArray[np.float32]) -> NDArray[np.float16]:
        return np.zeros((-(-len(audio) // 320), 512), np.float16)


@pytest.fixture(scope="module")
def extract(
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    run_ffmpeg: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], list[Clip | DroppedTrack]]:
    """A function that extracts clips from 60 frames of a speaker after an FFmpeg filter."""

    def extracted(video_filter: str) -> list[Clip | DroppedTrack]:
        path = tmp_path_factory.mktemp("footage") / "film.mp4"
        clip = sample_clips["jwp_intro"].path
        graph = f"fps=25,{video_filter}"
        run_ffmpeg(path, "-i", clip, "-vf", graph, "-t", "2.4", "-r", "25", "-crf", "12")
        segment = Segment(Source("film", str(path), "film", "", ""), 0, 1, 0, None, 2.4)
        with MeshLandmarker(landmarker_model, LandmarkerConfig(max_faces=4)) as landmarker:
            models = FootageModels(landmarker, SilentEncoder(), None, inspector=landmarker)
            found = extract_clips(segment, path, models, FootageConfig(), {}, StageLog())
            return list(found)

    return extracted


TEXT = ",".join(
    f"drawbox=x={x}:y=215:w=5:h=60:t=fill:color={('white', 'black')[x // 5 % 2]}"
    for x in range(190, 350, 5)
)


@pytest.mark.parametrize(
    ("video_filter", "reason"),
    [
        ("null", None),
        ("hflip", None),
        ("hflip,vflip", Reason.IMPLAUSIBLE_FACE),
        ("trim=start_frame=9:end_frame=10,loop=99:1:0,setpts=N/25/TB", Reason.STILL_FACE),
        ("crop=iw:212:0:0", Reason.MOUTH_OUTSIDE),
        ("crop=iw:212:0:0,pad=iw:480:0:100", Reason.MOUTH_OUTSIDE),
        (TEXT, Reason.MOUTH_COVERED),
    ],
    ids=["unchanged", "mirrored", "upside down", "still", "chin cut off", "letterbox", "text"],
)
def test_only_plausible_speakers_become_clips(
    extract: Callable[[str], list[Clip | DroppedTrack]], video_filter: str, reason: Reason | None
) -> None:
    found = extract(video_filter)
    dropped = {each.reason for each in found if isinstance(each, DroppedTrack)}
    assert any(isinstance(each, Clip) for each in found) == (reason is None)
    assert (reason in dropped) if reason else not dropped


def test_a_face_that_is_too_small_has_its_own_reason(
    extract: Callable[[str], list[Clip | DroppedTrack]],
) -> None:
    with pytest.raises(BadInputError, match=r"\d\d pixels high.*115 pixels") as refusal:
        extract("scale=-2:110,pad=960:540:300:200")
    assert refusal.value.reason is Reason.FACE_TOO_SMALL
