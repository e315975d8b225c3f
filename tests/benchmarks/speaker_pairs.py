"""Two people who both move their lips while one is recorded: films of natural speech.

    python -m tests.benchmarks.speaker_pairs OUT [--seconds 2 1] [--music 0 -6]

Every line shows two people of ../shared/data/talkers with their lips in motion. The sound is that
of one of them, or in every fifth line of a third person. Finding the faces takes minutes; OUT keeps
them.
"""

import argparse
import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mytalk_core.data.model_store import pull
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_faces import FilmFaces, ShotSpan
from mytalk_core.films.film_speakers import film_speakers
from mytalk_core.films.line_speakers import line_speakers
from mytalk_core.films.members import Cast, Member, TrackId
from mytalk_core.films.speaker_evidence import film_evidence
from mytalk_core.films.speaking import SpeakerDecision, Speaking
from mytalk_core.films.stored_array import StoredArray
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_video
from mytalk_core.media.resampling import resampled
from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.other_sounds import plucked
from mytalk_core.speech.transcript import Interval
from mytalk_core.speech.voice_activity import voice_intervals
from mytalk_core.speech.voice_embedding import VoiceEmbedder
from mytalk_core.sync.light_expert import LightExpert
from tests.face_tracks import face_track

# Frames by which each person's sound is late, by the sync expert over all of their clips.
_LATE = {"p1": 3, "a2": 3, "a5": 2, "k1": 2, "a1": 1, "a3": 1, "a4": -1, "c1": 1}
_SAMPLES = 640  # of a frame at 25 fps
_PAUSE = 13  # frames between lines
_CLIPS = 12  # of a person
_FOREIGN = 0.2  # share of lines with a third person's sound
_BINS = (0.6, 0.7, 0.8, 0.9, 0.95, 1.01)

Array = NDArray[np.float32]
say = functools.partial(Console(markup=False, highlight=False, width=160).print, soft_wrap=True)


@dataclass(frozen=True)
class Take:
    """A person who speaks, with the sound in step."""

    person: str
    landmarks: Array  # (T, 478, 3) at 25 fps
    sound: Array  # (640 T,) 16 kHz


@dataclass(frozen=True)
class Pairs:
    """A film of lines with known answers."""

    faces: FilmFaces
    cast: Cast
    sound: Array
    lines: tuple[DubLine, ...]
    speakers: tuple[str | None, ...]  # of each line; None: off screen


def clip_landmarks(clip: Path, out: Path) -> Array:
    """The largest face of every frame, found once."""
    stored = out / f"{clip.parent.name}-{clip.stem}.npy"
    if not stored.is_file():
        found: list[Array] = []
        with MeshLandmarker(pull("face-landmarker")) as landmarker:
            for frame in iter_frames(clip, exact=False):
                faces = landmarker.detect(frame.image)
                found += [max(faces, key=lambda face: np.ptp(face[:, 1]))] if faces else found[-1:]
        np.save(stored, np.stack(found))
    return np.asarray(np.load(stored))


def takes(data: Path, out: Path, seconds: float) -> list[Take]:
    """Parts of all clips in which somebody speaks for most of the time."""
    found = []
    frames = int(seconds * 25)
    people = sorted((data / "talkers").iterdir())
    clips = [clip for person in people for clip in sorted(person.glob("*.mp4"))[:_CLIPS]]
    for clip in clips:
        person, rate = clip.parent.name, float(probe_video(clip).fps)
        landmarks = clip_landmarks(clip, out)
        count = int(len(landmarks) / rate * 25)
        landmarks = resampled(landmarks, (np.arange(count) + 0.5) / 25 * rate - 0.5)
        late = _LATE.get(person, 0) * _SAMPLES
        sound = np.pad(read_audio(clip), (max(-late, 0), count * _SAMPLES))[max(late, 0) :]
        sound = sound[: count * _SAMPLES] / (2 * np.abs(sound).max() + 1e-6)
        for first in range(0, count - frames + 1, frames):
            part = sound[first * _SAMPLES : (first + frames) * _SAMPLES]
            if sum(float(each.length) for each in voice_intervals(part)) >= seconds / 2:
                found.append(Take(person, landmarks[first : first + frames], part))
    return found


def film_of(parts: Sequence[Take], folder: Path) -> Pairs:
    """One line for each part, in an order and with others that depend on nothing else."""
    random = np.random.default_rng(0)
    step = len(parts[0].landmarks) + _PAUSE
    tracks, lines, speakers = [], [], []
    sound = np.zeros(len(parts) * step * _SAMPLES, np.float32)
    members: dict[str, list[TrackId]] = {}
    for shot, place in enumerate(random.permutation(len(parts))):
        part, first = parts[place], shot * step
        sound[first * _SAMPLES :][: len(part.sound)] = part.sound
        others = [each for each in parts if each.person != part.person]
        beside = others[random.integers(len(others))]
        strangers = [each for each in others if each.person != beside.person]
        foreign = random.random() < _FOREIGN
        left = strangers[random.integers(len(strangers))] if foreign else part
        for number, take in enumerate((left, beside)):
            track = face_track(folder, take.landmarks, Fraction(25), first)
            tracks.append(replace(track, shot=shot, number=number))
            members.setdefault(take.person, []).append(TrackId(shot, number))
        slot = Interval(Fraction(first, 25), Fraction(first + step - _PAUSE, 25))
        lines.append(DubLine(shot + 1, "", slot, slot, ()))
        speakers.append(None if foreign else part.person)
    frames = len(parts) * step
    starts = tuple(Fraction(frame, 25) for frame in range(frames))
    timing = FilmTiming(starts, Fraction(frames, 25), Fraction(25), Fraction(1))
    shots = tuple(ShotSpan(k, k * step, (k + 1) * step) for k in range(len(parts)))
    pictures = StoredArray(folder / "none", "uint8", (0, 150, 150, 3))
    faces = FilmFaces(timing, shots, tuple(tracks), (), pictures)
    cast = Cast(tuple(Member(id, id, tuple(each), 1.0) for id, each in members.items()))
    return Pairs(faces, cast, sound, tuple(lines), tuple(speakers))


def with_music(sound: Array, level: float | None) -> Array:
    """A melody of plucked notes under the speech, dB against it."""
    if level is None:
        return sound
    music = plucked(len(sound), np.random.default_rng(0))
    voice = np.sqrt(np.mean(sound[sound != 0] ** 2))
    mixed = sound + music * (voice * 10 ** (level / 20) / np.sqrt(np.mean(music**2)))
    return (mixed / np.abs(mixed).max()).astype(np.float32)


def report(title: str, film: Pairs, decisions: Sequence[SpeakerDecision]) -> None:
    """Print how many lines are right, and how often decisions of each confidence are."""
    pairs = list(zip(film.speakers, decisions, strict=True))
    right = [
        each.speaking is Speaking.OFF_SCREEN
        if who is None
        else each.speaking is Speaking.ON_SCREEN and each.member == who
        for who, each in pairs
    ]
    wrong = [
        each.confidence
        for good, (_, each) in zip(right, pairs, strict=True)
        if each.speaking is Speaking.ON_SCREEN and not good
    ]
    unclear = sum(each.speaking is Speaking.UNDECIDED for each in decisions)
    off = [good for good, who in zip(right, film.speakers, strict=True) if who is None]
    sure = sum(each > 0.8 for each in wrong)
    say(f"\n{title}: {len(pairs)} lines, right {np.mean(right):.1%}, undecided {unclear},")
    say(f"  wrong face {len(wrong)}, above 0.8: {sure}, off screen {sum(off)} of {len(off)}")
    for low, high in pairwise(_BINS):
        here = [
            (each.confidence, good)
            for good, each in zip(right, decisions, strict=True)
            if each.speaking is not Speaking.UNDECIDED and low <= each.confidence < high
        ]
        if here:
            mean, good = np.mean(here, axis=0)
            say(f"  {low:.2f}..{min(high, 1):.2f}  {len(here):4d} lines  {mean:.2f}  {good:.3f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder for what was found")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seconds", type=float, nargs="*", default=[2, 1], help="of a line")
    parser.add_argument("--music", type=float, nargs="*", default=[], help="dB, further variants")
    arguments = parser.parse_args()
    expert, embedder = LightExpert(), VoiceEmbedder(pull("voice-embedding"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seconds in arguments.seconds:
        folder = arguments.out / f"tracks-{seconds:g}"
        folder.mkdir(exist_ok=True)
        film = film_of(takes(arguments.data, arguments.out, seconds), folder)
        for level in (None, *arguments.music):
            sound = with_music(film.sound, level)
            evidence = film_evidence(film.faces, sound, expert, embedder)
            speakers = film_speakers(film.faces, film.cast, evidence)
            found = line_speakers(film.lines, speakers, film.cast, film.faces)
            music = "" if level is None else f", music at {level:+.0f} dB"
            report(f"lines of {seconds:g} s{music}", film, [each.decision for each in found])


if __name__ == "__main__":
    sys.exit(main())
