"""Footage becomes clips: found under stable names, cut to parts, each with all its members."""

import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.data.footage import (
    FootageConfig,
    Part,
    Source,
    extract_clips,
    find_parts,
    find_sources,
)
from mytalk_core.data.samples import SampleClip
from mytalk_core.data.schema import ClipSample
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.speech.features import SpeechEncoder

Array = NDArray[np.float32]
VERSIONS = {"mytalk": "0"}


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_name_speakers_and_titles(tmp_path: Path) -> None:
    touch(tmp_path / "s1" / "bbaf2n.mpg", tmp_path / "s1" / "lbax4n.mpg", tmp_path / "s2" / "a.mpg")
    sources = find_sources([tmp_path])
    assert [(source.speaker, source.title) for source in sources] == [
        ("s1", "s1_bbaf2n"),
        ("s1", "s1_lbax4n"),
        ("s2", "s2_a"),
    ]
    assert all(source.path.is_file() for source in sources)


def test_titles_do_not_depend_on_where_footage_is_mounted(tmp_path: Path) -> None:
    names = ["s1/a.mpg", "s1/a.mp4", "s1/a b.mp4", "s1/a_b.mp4", "other/s1/a.mpg", "third/s1/a.mpg"]
    found = []
    for mount in ("here", "far/away/there"):
        touch(*(tmp_path / mount / name for name in names))
        sources = find_sources([tmp_path / mount])
        found.append([(s.title, s.path.relative_to(tmp_path / mount).as_posix()) for s in sources])
    assert found[0] == found[1]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "b", "c/d"]),
            st.sampled_from(["s1", "s 1", "s_1"]),
            st.sampled_from(["x", "x_2", "x 2", "x.2"]),
            st.sampled_from([".mp4", ".avi"]),
        ),
        min_size=1,
        max_size=12,
        unique=True,
    )
)
def test_no_file_is_lost_to_another_of_the_same_title(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("footage")
    files = {folder / above / speaker / (stem + kind) for above, speaker, stem, kind in parts}
    touch(*files)
    sources = find_sources([folder])
    assert {source.path for source in sources} == {file.resolve() for file in files}
    assert len({source.title for source in sources}) == len(files)


def test_a_file_given_twice_is_one_source(tmp_path: Path) -> None:
    file = tmp_path / "s1" / "a.mp4"
    touch(file)
    assert len(find_sources([file, tmp_path, file])) == 1


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(BadInputError) as refused:
            find_sources([path])
        assert refused.value.reason == Reason.NOT_FOUND
        assert refused.value.where == str(path)


def test_runs_are_cut_to_the_longest_clip() -> None:
    config = FootageConfig(clip_seconds=2, shortest_seconds=1)
    assert find_parts([(0, 120), (130, 150), (200, 225)], config) == [
        Part(0, 0, 0, 50),
        Part(0, 1, 50, 100),
        # The rest of the first run and the whole second one are too short.
        Part(2, 0, 200, 225),
    ]


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 30)), max_size=6))
def test_parts_lie_in_their_runs_without_overlap(gaps: list[tuple[int, int]]) -> None:
    runs, frame = [], 0
    for length, gap in gaps:
        runs.append((frame + gap, frame + gap + length))
        frame += gap + length
    config = FootageConfig(clip_seconds=3, shortest_seconds=1)
    parts = find_parts(runs, config)
    assert all(25 <= part.end - part.first <= 75 for part in parts)
    assert all(runs[part.shot][0] <= part.first < part.end <= runs[part.shot][1] for part in parts)
    assert all(one.end <= other.first for one, other in pairwise(parts))
    kept = sum(part.end - part.first for part in parts)
    assert sum(end - first for first, end in runs) - kept < 25 * max(len(runs), 1)


class ScriptedLandmarker(MeshLandmarker):
    """Sees a face of known landmarks in each frame; None is no face."""

    def __init__(self, faces: list[Array | None]) -> None:
        self._faces = faces

    def restart(self) -> None:
        self._next: Iterator[Array | None] = iter(self._faces)

    def detect(self, image: NDArray[np.uint8], time_ms: int) -> list[Array]:
        face = next(self._next)
        return [] if face is None else [face]


class LengthEncoder(SpeechEncoder):
    """One row per 20 ms, which holds the number of samples."""

    def __init__(self) -> None:
        """Needs no model."""

    def encode(self, audio: Array) -> NDArray[np.float16]:
        return np.full((-(-len(audio) // 320), 512), len(audio) / 1000, np.float16)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of test pattern, 25 fps, with a tone that falls silent after three."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    sources = ["testsrc=s=320x240:r=25:d=5", "sine=f=440:d=5,volume='lt(t,3)':eval=frame"]
    inputs = [part for source in sources for part in ("-f", "lavfi", "-i", source)]
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error"]
    subprocess.run([*program, *inputs, "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


def clips_of(
    film: Path, faces: list[Array | None], config: FootageConfig | None = None
) -> list[ClipSample]:
    source = Source(film, "film", "somebody")
    found = extract_clips(
        source,
        ScriptedLandmarker(faces),
        LengthEncoder(),
        config or FootageConfig(clip_seconds=2),
        VERSIONS,
    )
    return list(found)


def test_clips_carry_all_of_their_part(film: Path, talking_face: Callable[..., Array]) -> None:
    landmarks = talking_face(0.2 + 0.1 * np.sin(np.arange(125)))
    faces: list[Array | None] = list(landmarks)
    faces[60:63] = [None] * 3  # runs of 60 and 62 frames: a clip each, and rests too short
    one, other = clips_of(film, faces)
    assert [clip.meta.key for clip in (one, other)] == ["film-00000-00-000", "film-00001-00-000"]
    for clip, first in ((one, 0), (other, 63)):
        assert clip.meta.first_frame == first
        assert clip.meta.frame_count == len(clip.landmarks) == len(clip.boxes) == 50
        assert clip.meta.fps == Fraction(25)
        assert clip.meta.scheme == "mesh478"
        assert clip.meta.versions == VERSIONS
        np.testing.assert_array_equal(clip.landmarks, landmarks[first : first + 50])
        assert clip.crops.shape == (50, 128, 128, 3)
        assert clip.audio.shape == (32_000,)
        assert clip.speech.shape == (100, 512)
        lips = apply_box(clip.landmarks, clip.boxes)[:, list(MESH478.lips)]
        assert lips.min() > 0
        assert lips.max() < 128
    # The test pattern counts time: crops are those of their own frames.
    assert np.abs(one.crops[0].astype(int) - other.crops[0]).max() > 50
    # The tone stops at 3 s, which is 0.48 s into the second clip.
    assert np.abs(other.audio[:7000]).max() > 1000
    assert np.abs(other.audio[9000:]).max() < 100


def test_clips_do_not_depend_on_the_run(film: Path, talking_face: Callable[..., Array]) -> None:
    faces = list(talking_face(np.full(125, 0.1)))
    one, other = clips_of(film, faces), clips_of(film, faces)
    assert [clip.meta for clip in one] == [clip.meta for clip in other]
    assert all(
        np.array_equal(first.crops, second.crops) for first, second in zip(one, other, strict=True)
    )


def test_footage_without_a_clip_says_why(film: Path, talking_face: Callable[..., Array]) -> None:
    face: list[Array | None] = list(talking_face(np.full(125, 0.1)))
    small: list[Array | None] = list(talking_face(np.full(125, 0.1), unit=10))
    flicker = [each if time // 10 % 2 else None for time, each in enumerate(face)]
    nobody: list[Array | None] = [None] * 125
    for faces, reason in (
        (nobody, Reason.NO_FACE),
        (small, Reason.FACE_TOO_SMALL),
        (flicker, Reason.TOO_SHORT),
    ):
        with pytest.raises(BadInputError) as refused:
            clips_of(film, faces)
        assert refused.value.reason == reason
        assert refused.value.where == str(film)


def test_a_sample_becomes_a_clip_whose_mouth_follows_its_sound(
    sample_clips: dict[str, SampleClip], landmarker_model: Path, whisper_dir: Path
) -> None:
    source = Source(sample_clips["jwp_intro"].path, "jwp_intro", "jwp")
    with MeshLandmarker(landmarker_model) as landmarker:
        encoder = SpeechEncoder(whisper_dir, threads=1)
        (clip,) = extract_clips(source, landmarker, encoder, FootageConfig(), VERSIONS)
    frames = clip.meta.frame_count
    assert 5 * 25 < frames <= 6 * 25
    assert clip.crops.shape == (frames, 128, 128, 3)
    assert abs(len(clip.speech) - 2 * frames) <= 1
    assert abs(clip.meta.sync_offset) <= 5
    assert clip.meta.sync_confidence > 0.2
