"""Films for tests of who speaks: members, tracks and evidence without pictures."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FilmFaces, ShotSpan
from mytalk_core.films.members import Cast, Member, TrackId
from mytalk_core.films.speaker_evidence import FaceEvidence, SpeakerEvidence, StretchEvidence
from mytalk_core.films.speaking import (
    FilmSpeakers,
    SpeakerDecision,
    SpeakerScore,
    Speaking,
    SpokenStretch,
)
from mytalk_core.films.spoken_stretches import Stretch
from mytalk_core.films.stored_array import StoredArray
from mytalk_core.films.sync_evidence import SyncSample
from mytalk_core.films.timing import FilmTiming
from mytalk_core.speech.transcript import Interval

FPS = Fraction(25)
NONE = StoredArray(Path("none"), "float32", (0, 478, 3))


def interval(start: float, end: float) -> Interval:
    return Interval(Fraction(str(start)), Fraction(str(end)))


def track(number: int, first: int, end: int, shot: int = 0) -> FaceTrack:
    """A face that is detected in frames [first, end); its landmarks are not needed."""
    starts = tuple(frame / FPS for frame in range(first, end))
    seen = np.ones(end - first, np.bool_)
    return FaceTrack(shot, number, first, starts, seen, FPS, Fraction(1), MESH478, NONE, NONE, NONE)


def film(tracks: Sequence[FaceTrack], frames: int) -> FilmFaces:
    timing = FilmTiming(
        tuple(frame / FPS for frame in range(frames)), frames / FPS, FPS, Fraction(1)
    )
    return FilmFaces(timing, (ShotSpan(0, 0, frames),), tuple(tracks), (), NONE)


def cast(**tracks: Sequence[int]) -> Cast:
    """Members by name with the numbers of their tracks in shot 0."""
    return Cast(
        tuple(
            Member(name, name.title(), tuple(TrackId(0, number) for number in numbers), 1.0)
            for name, numbers in tracks.items()
        )
    )


def voice(direction: int, noise: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """A voice: one of the axes, with some noise."""
    vector = np.random.default_rng([direction, seed]).standard_normal(256) * noise / 16
    vector[direction] += 1
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def stretch(
    start: float,
    end: float,
    faces: Mapping[int, float],
    sound: NDArray[np.float32],
    continues: bool = False,
    movement: float = 0.03,
    clarity: float = 25.0,
) -> StretchEvidence:
    """A stretch with the sync scores of the tracks in the picture."""
    windows = max(int((end - start) * 25) - 4, 4)
    return StretchEvidence(
        Stretch(interval(start, end), continues),
        sound,
        clarity,
        tuple(
            FaceEvidence(
                TrackId(0, number), SyncSample(windows, score * 0.1, 0.0, 0.1), movement, 1.0
            )
            for number, score in faces.items()
        ),
    )


def evidence(*stretches: StretchEvidence) -> SpeakerEvidence:
    return SpeakerEvidence(0, stretches)


def spoken(
    start: float, end: float, scores: Mapping[tuple[str | None, bool], float]
) -> SpokenStretch:
    """A stretch with probabilities by member and whether on screen."""
    listed = tuple(
        SpeakerScore(member, Speaking.ON_SCREEN if on else Speaking.OFF_SCREEN, probability)
        for (member, on), probability in scores.items()
    )
    best = max(listed, key=lambda each: each.probability)
    decision = SpeakerDecision(best.speaking, best.member, best.probability, "Measured.")
    return SpokenStretch(interval(start, end), decision, listed)


def speakers(*stretches: SpokenStretch) -> FilmSpeakers:
    return FilmSpeakers(0, stretches)
