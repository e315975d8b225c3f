"""Of two faces that both speak, the one that is recorded is in step with the sound."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import SampleClip
from mytalk_core.data.values import dump_value, load_value
from mytalk_core.errors import MytalkError
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_faces import FilmFaces, ShotSpan
from mytalk_core.films.film_speakers import film_speakers
from mytalk_core.films.members import Cast, Member, TrackId
from mytalk_core.films.speaker_evidence import SpeakerEvidence, film_evidence
from mytalk_core.films.speaking import Speaking
from mytalk_core.films.timing import FilmTiming
from mytalk_core.films.track_lips import TrackLips, mouth_movement
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_video
from mytalk_core.speech.voice_embedding import VoiceEmbedder
from mytalk_core.sync.light_expert import LightExpert
from tests.face_tracks import face_track
from tests.mytalk_core.films.speaker_films import NONE

SECONDS = 4
Array = NDArray[np.float32]


def landmarks_of(clip: Path, model: Path) -> Array:
    frames = int(SECONDS * probe_video(clip).fps)
    with MeshLandmarker(model) as landmarker:
        found = [landmarker.detect(frame.image) for frame in islice(iter_frames(clip), frames)]
    last = next(faces[0] for faces in found if faces)
    rows = [last := (faces[0] if faces else last) for faces in found]
    return np.stack(rows)


@pytest.fixture(scope="module")
def two_faces(
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[FilmFaces, Array]:
    """Both sample clips side by side, with the sound of the first only."""
    folder = tmp_path_factory.mktemp("tracks")
    tracks = []
    for number, name in enumerate(("jwp_intro", "test_movie")):
        fps = probe_video(sample_clips[name].path).fps
        landmarks = landmarks_of(sample_clips[name].path, landmarker_model)
        track = face_track(folder, landmarks, fps)
        tracks.append(type(track)(**{**vars(track), "number": number}))
    sound = read_audio(sample_clips["jwp_intro"].path, duration=Fraction(SECONDS))
    starts = tracks[0].starts
    timing = FilmTiming(starts, Fraction(SECONDS), tracks[0].fps, Fraction(1))
    shots = (ShotSpan(0, 0, len(starts)),)
    return FilmFaces(timing, shots, tuple(tracks), (), NONE), sound


@pytest.fixture(scope="module")
def evidence(two_faces: tuple[FilmFaces, Array]) -> SpeakerEvidence:
    try:
        embedder = VoiceEmbedder(pull("voice-embedding"))
    except MytalkError as error:
        pytest.skip(f"no voice-embedding here: {error}")
    faces, sound = two_faces
    return film_evidence(faces, sound, LightExpert(), embedder)


def test_the_recorded_face_speaks(
    evidence: SpeakerEvidence, two_faces: tuple[FilmFaces, Array]
) -> None:
    cast = Cast((Member("a", "A", (TrackId(0, 0),), 1), Member("b", "B", (TrackId(0, 1),), 1)))
    found = film_speakers(two_faces[0], cast, evidence)
    spoken = [each.decision for each in found.stretches]
    assert spoken
    assert not [each for each in spoken if each.member == "b" and each.confidence > 0.8]
    longest = max(found.stretches, key=lambda each: each.interval.length).decision
    assert (longest.speaking, longest.member) == (Speaking.ON_SCREEN, "a")


def test_evidence_can_be_stored(evidence: SpeakerEvidence, tmp_path: Path) -> None:
    text = dump_value(evidence, SpeakerEvidence, tmp_path)
    again = load_value(text, SpeakerEvidence, tmp_path)
    assert dump_value(again, SpeakerEvidence, tmp_path) == text


def test_stretches_name_the_visible_faces(evidence: SpeakerEvidence) -> None:
    first = max(evidence.stretches, key=lambda each: each.stretch.interval.length)
    assert [face.track for face in first.faces] == [TrackId(0, 0), TrackId(0, 1)]
    assert all(face.seen == 1 and face.movement > 0 for face in first.faces)
    assert np.linalg.norm(first.voice) == pytest.approx(1, abs=1e-5)


def test_lips_at_25_fps_do_not_depend_on_the_piece(two_faces: tuple[FilmFaces, Array]) -> None:
    lips = TrackLips(two_faces[0].tracks[0])
    first, end = lips.span
    assert first == 0 and 25 * SECONDS - 2 <= end <= 25 * SECONDS
    whole = lips.shapes((first, end))
    np.testing.assert_allclose(lips.shapes((30, 60)), whole[30:60], atol=1e-4)
    assert mouth_movement(whole, two_faces[0].tracks[0]) > 0.005
