"""Clips of a segment: parts of its tracks with crops, sound, features and measurements."""

import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.footage.account import segment_row
from mytalk_core.footage.clips import (
    Clip,
    FootageModels,
    extract_clips,
)
from mytalk_core.footage.listing import Source
from mytalk_core.footage.stages import Stage, StageLog
from mytalk_core.footage.track_parts import DroppedTrack, FootageConfig
from mytalk_core.footage.units import Segment
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.media.decode import iter_frames_at
from mytalk_core.speech.features import SpeechEncoder

Array = NDArray[np.float32]
VERSIONS = {"mytalk": "0"}


class ScriptedLandmarker:
    """Returns prepared landmarks for each frame."""

    scheme = MESH478

    def __init__(self, faces: list[list[Array]]) -> None:
        self._faces = faces

    def restart(self) -> None:
        self._next: Iterator[list[Array]] = iter(self._faces)

    def detect(self, image: NDArray[np.uint8]) -> list[Array]:
        return next(self._next)

    def close(self) -> None:
        """Nothing to close."""


class LengthEncoder(SpeechEncoder):
    """Returns one row per 20 ms with the number of samples."""

    def __init__(self) -> None:
        """Needs no model."""

    def encode(self, audio: Array) -> NDArray[np.float16]:
        return np.full((-(-len(audio) // 320), 512), len(audio) / 1000, np.float16)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of test pattern, 25 fps, with a tone during the first three."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    sources = ["testsrc=s=320x240:r=25:d=5", "sine=f=440:d=5,volume='lt(t,3)':eval=frame"]
    inputs = [part for source in sources for part in ("-f", "lavfi", "-i", source)]
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error"]
    subprocess.run([*program, *inputs, "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


def whole(film: Path, seconds: float = 5.0) -> Segment:
    return Segment(Source("film", str(film), "film", "ann", "CC0"), 0, 1, 0, None, seconds)


def found_in(
    segment: Segment,
    faces: list[list[Array]],
    config: FootageConfig | None = None,
    log: StageLog | None = None,
) -> list[Clip | DroppedTrack]:
    models = FootageModels(ScriptedLandmarker(faces), LengthEncoder(), None)
    config = config or FootageConfig(clip_seconds=2)
    path = Path(segment.source.url)
    return list(extract_clips(segment, path, models, config, VERSIONS, log or StageLog()))


def clips_in(*arguments: object) -> list[Clip]:
    return [found for found in found_in(*arguments) if isinstance(found, Clip)]  # type: ignore[arg-type]


def alone(landmarks: Array) -> list[list[Array]]:
    return [[face] for face in landmarks]


def test_clips_have_all_members_of_their_part(
    film: Path, talking_face: Callable[..., Array]
) -> None:
    landmarks = talking_face(0.2 + 0.1 * np.sin(np.arange(125)))
    faces = alone(landmarks)
    faces[60:70] = [[]] * 10  # too long to bridge
    log = StageLog()
    clips = clips_in(whole(film), faces, None, log)
    assert [clip.sample.meta.key for clip in clips] == [
        "film-00000-00-000",
        "film-00000-00-001",
        "film-00000-01-000",
        "film-00000-01-001",
    ]
    # 60 and 55 frames: in halves, because clips are at most two seconds long.
    bounds = [(0, 30), (30, 60), (70, 97), (97, 125)]
    for clip, (first, end) in zip(clips, bounds, strict=True):
        sample, meta = clip.sample, clip.sample.meta
        assert (meta.first_frame, meta.frame_count) == (first, end - first)
        assert meta.fps == Fraction(25)
        assert (meta.scheme, meta.licence, meta.speaker) == ("mesh478", "CC0", "ann")
        assert meta.versions == VERSIONS
        np.testing.assert_array_equal(sample.landmarks, landmarks[first:end])
        assert sample.crops.shape == (end - first, 192, 192, 3)
        assert sample.audio.shape == ((end - first) * 640,)
        assert sample.speech.shape == ((end - first) * 2, 512)
        lips = apply_box(sample.landmarks, sample.boxes)[:, list(MESH478.lips)]
        assert 0 < lips.min() < lips.max() < 192
        assert clip.face_share == 1.0
        assert clip.faces == 1
    # The test pattern shows the time: crops are from different frames.
    assert np.abs(clips[0].sample.crops[0].astype(int) - clips[2].sample.crops[0]).max() > 50
    # The tone stops at 3 s, which is 0.2 s into the third clip.
    audio = clips[2].sample.audio
    assert np.abs(audio[:2500]).max() > 1000
    assert np.abs(audio[4500:]).max() < 100
    assert log.tallies[Stage.TRACKS].done == 2
    assert log.tallies[Stage.CROPS].done == log.tallies[Stage.SPEECH].done == 4
    assert log.tallies[Stage.SHOTS].media_seconds == 5.0


def test_short_gaps_are_bridged(film: Path, talking_face: Callable[..., Array]) -> None:
    landmarks = talking_face(np.full(125, 0.2))
    faces = alone(landmarks)
    faces[20:24] = [[]] * 4
    clips = clips_in(whole(film), faces, FootageConfig(clip_seconds=10))
    (clip,) = clips
    assert (clip.sample.meta.frame_count, clip.sample.meta.bridged) == (125, 4)
    assert clip.face_share == pytest.approx(121 / 125)
    np.testing.assert_allclose(clip.sample.landmarks, landmarks, atol=0.2)


def test_two_people_of_one_shot_are_two_tracks(
    film: Path, talking_face: Callable[..., Array]
) -> None:
    one = talking_face(np.full(125, 0.2), unit=30)
    other = one + np.array([150, 0, 0], np.float32)
    faces = [
        [left, right] if time >= 30 else [left]
        for time, (left, right) in enumerate(zip(one, other, strict=True))
    ]
    clips = clips_in(whole(film), faces, FootageConfig(clip_seconds=10))
    by_key = {clip.sample.meta.key: clip for clip in clips}
    assert set(by_key) == {"film-00000-00-000", "film-00000-01-000"}
    assert [clip.faces for clip in clips] == [2, 2]
    assert by_key["film-00000-01-000"].sample.meta.first_frame == 30
    np.testing.assert_array_equal(by_key["film-00000-01-000"].sample.landmarks, other[30:])


def test_segments_give_the_same_clips_as_the_whole_film(
    film: Path, talking_face: Callable[..., Array]
) -> None:
    """Cut after three seconds: the same crops, landmarks, sound and frame numbers."""
    faces = alone(talking_face(0.2 + 0.1 * np.sin(np.arange(125))))
    config = FootageConfig(clip_seconds=1)
    source = whole(film).source
    first, second = Segment(source, 0, 2, 0, 75, 3.0), Segment(source, 1, 2, 75, None, 2.0)
    parts = clips_in(first, faces[:75], config) + clips_in(second, faces[75:], config)
    wholes = clips_in(whole(film), faces, config)
    assert [clip.sample.meta.key for clip in parts] == [
        *(f"film-00000-00-{number:03d}" for number in range(3)),
        *(f"film-01000-00-{number:03d}" for number in range(2)),
    ]
    for part, one in zip(parts, wholes, strict=True):
        assert part.sample.meta.first_frame == one.sample.meta.first_frame
        np.testing.assert_array_equal(part.sample.crops, one.sample.crops)
        np.testing.assert_array_equal(part.sample.landmarks, one.sample.landmarks)
        length = min(len(part.sample.audio), len(one.sample.audio))
        assert length >= 25 * 640 - 1024
        apart = np.abs(part.sample.audio[:length].astype(int) - one.sample.audio[:length])
        assert apart.max() <= 8


def test_clips_do_not_depend_on_the_run(film: Path, talking_face: Callable[..., Array]) -> None:
    faces = alone(talking_face(np.full(125, 0.1)))
    one, other = clips_in(whole(film), faces), clips_in(whole(film), faces)
    for first, second in zip(one, other, strict=True):
        assert first.sample.meta == second.sample.meta
        np.testing.assert_array_equal(first.sample.crops, second.sample.crops)
        assert (first.audio_hash, first.picture_hash) == (second.audio_hash, second.picture_hash)


def test_dropped_tracks_have_a_reason(film: Path, talking_face: Callable[..., Array]) -> None:
    face = alone(talking_face(np.full(125, 0.1)))
    small = alone(talking_face(np.full(125, 0.1), unit=10))
    turned = talking_face(np.full(125, 0.1))
    turn = np.radians(75)
    middle = turned.mean(axis=1, keepdims=True)
    about = np.array(
        [[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]], np.float32
    )
    flicker = [each if time // 10 % 2 else [] for time, each in enumerate(face)]
    for faces, reason in (
        (small, Reason.FACE_TOO_SMALL),
        (flicker, Reason.TOO_SHORT),
        (alone(((turned - middle) @ about + middle).astype(np.float32)), Reason.TOO_TURNED),
    ):
        log = StageLog()
        found = found_in(whole(film), faces, None, log)
        assert found
        assert {each.reason for each in found if isinstance(each, DroppedTrack)} == {reason}
        assert not any(isinstance(each, Clip) for each in found)
        assert log.tallies[Stage.TRACKS].filtered == len(found)


@pytest.mark.parametrize(("seconds", "end"), [(8, 50), (12, 49 + 25)])
def test_a_still_picture_gives_no_clip(
    film: Path,
    run_ffmpeg: Callable[..., Path],
    talking_face: Callable[..., Array],
    seconds: int,
    end: int,
) -> None:
    """A gap between two seconds of film, during which players show one picture.

    A gap of a few seconds counts as lost frames. A longer one is a still picture, of which only the
    first second is used.
    """
    held = run_ffmpeg(
        film.with_name("held.mkv"),
        *("-i", film, "-vf", f"setpts='PTS+gt(N,49)*{seconds}/TB'", "-fps_mode", "passthrough"),
        *("-frames:v", "100", "-c:v", "libx264", "-c:a", "copy"),
    )
    faces = alone(talking_face(0.2 + 0.1 * np.sin(np.arange(50 + end))))  # none afterwards
    clips = clips_in(whole(held, 4 + seconds), faces, FootageConfig(clip_seconds=10))
    bounds = [
        (clip.sample.meta.first_frame, clip.sample.meta.first_frame + clip.sample.meta.frame_count)
        for clip in clips
    ]
    assert bounds == [(0, end), (50 + seconds * 25, 100 + seconds * 25)]


def test_damaged_frames_are_left_out_and_counted(
    film: Path, run_ffmpeg: Callable[..., Path], talking_face: Callable[..., Array]
) -> None:
    encoded = run_ffmpeg(
        film.with_name("keyed.mkv"), "-i", film, "-c:v", "libx264", "-g", "25", "-c:a", "copy"
    )
    content = bytearray(encoded.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    holed = film.with_name("holed.mkv")
    holed.write_bytes(content)
    damaged = [frame.index for frame in iter_frames_at(holed, MOTION_FPS) if frame.damaged]
    assert 0 < len(damaged) < 50
    assert damaged[-1] % 25 == 24  # up to the next keyframe
    log = StageLog()
    faces = alone(talking_face(0.2 + 0.1 * np.sin(np.arange(125 - len(damaged)))))
    clips = clips_in(whole(holed), faces, FootageConfig(clip_seconds=10), log)
    used = {
        frame
        for clip in clips
        for frame in range(
            clip.sample.meta.first_frame,
            clip.sample.meta.first_frame + clip.sample.meta.frame_count,
        )
    }
    assert used == set(range(125)) - set(damaged)
    assert log.damaged_frames == len(damaged)
    row = segment_row(whole(holed), [], 1.0, "config", log.damaged_frames)
    assert row.message.endswith(f"{len(damaged)} damaged frames left out")


def test_footage_without_a_face_is_refused(film: Path) -> None:
    with pytest.raises(BadInputError) as refused:
        found_in(whole(film), [[]] * 125)
    assert refused.value.reason == Reason.NO_FACE
    assert refused.value.where == str(film)


def test_a_file_much_longer_than_its_header_says_is_refused(film: Path) -> None:
    with pytest.raises(BadInputError) as refused:
        found_in(whole(film, seconds=0.1), [[]] * 125, FootageConfig(clip_seconds=1))
    assert refused.value.reason == Reason.OVER_LIMIT


@pytest.fixture(scope="module")
def tools(landmarker_model: Path, whisper_dir: Path) -> Iterator[FootageModels]:
    with MeshLandmarker(landmarker_model) as landmarker:
        yield FootageModels(landmarker, SpeechEncoder(whisper_dir, threads=1), None)


def clip_of(path: Path, tools: FootageModels) -> Clip:
    segment = Segment(Source("jwp", str(path), "jwp", "jwp", ""), 0, 1, 0, None, 6.0)
    found = extract_clips(segment, path, tools, FootageConfig(), VERSIONS, StageLog())
    (clip,) = (each for each in found if isinstance(each, Clip))
    return clip


def test_a_sample_film_gives_a_clip_in_sync(
    sample_clips: dict[str, SampleClip], tools: FootageModels
) -> None:
    clip = clip_of(sample_clips["jwp_intro"].path, tools)
    sample = clip.sample
    frames = sample.meta.frame_count
    assert 5 * 25 < frames <= 6 * 25
    assert sample.crops.shape == (frames, 192, 192, 3)
    assert abs(len(sample.speech) - 2 * frames) <= 1
    assert abs(sample.meta.sync_shift) < 2
    assert abs(sample.meta.sync_offset) <= 1
    assert sample.meta.sync_confidence > 0.1
    assert clip.speech_share > 0.3


def test_delayed_sound_is_shifted_back_into_sync(
    sample_clips: dict[str, SampleClip],
    tools: FootageModels,
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
) -> None:
    path = sample_clips["jwp_intro"].path
    delay = ["-i", path, "-c:v", "copy", "-af", "adelay=200:all=1"]
    late = clip_of(run_ffmpeg(tmp_path / "late.mp4", *delay), tools).sample
    own = clip_of(path, tools).sample
    assert abs(late.meta.sync_shift - own.meta.sync_shift - 5) <= 0.5
    assert abs(late.meta.sync_offset) <= 1
    assert late.meta.sync_confidence == pytest.approx(own.meta.sync_confidence, abs=0.05)
    # The sound at each frame is the same as before the delay.
    moved = round((late.meta.sync_shift - own.meta.sync_shift - 5) * 640)
    one, other = own.audio[10_000:60_000], late.audio[10_000 - moved : 60_000 - moved]
    assert np.corrcoef(one, other)[0, 1] > 0.9


def test_an_anamorphic_source_gives_the_clip_in_square_pixels(
    sample_clips: dict[str, SampleClip],
    tools: FootageModels,
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
) -> None:
    def clip(name: str, picture: str) -> Clip:
        source = ("-i", sample_clips["jwp_intro"].path, "-t", "2")
        return clip_of(run_ffmpeg(tmp_path / name, *source, "-vf", picture, "-crf", "8"), tools)

    shown = clip("shown.mp4", "scale=640:480,setsar=1")
    squeezed = clip("squeezed.mp4", "scale=450:480:flags=lanczos,setsar=64/45")
    assert squeezed.sample.meta.pixel_aspect == Fraction(64, 45)
    assert shown.sample.meta.pixel_aspect == 1
    assert len(squeezed.sample.crops) == len(shown.sample.crops)
    apart = np.linalg.norm((squeezed.sample.landmarks - shown.sample.landmarks)[..., :2], axis=-1)
    assert np.median(apart) < 0.01 * shown.face_height
    assert squeezed.face_height == pytest.approx(shown.face_height, rel=0.02)
    difference = squeezed.sample.crops.astype(int) - shown.sample.crops
    assert np.abs(difference).mean() < 4
    # Boxes are similarity transforms: the same scale on both axes.
    gains = np.linalg.norm(squeezed.sample.boxes[:, :2], axis=-1)
    np.testing.assert_allclose(gains[:, 0], gains[:, 1], rtol=1e-4)
