"""Who says each line of test film 1: accuracy, wrong faces, off-screen lines, reliability.

    python -m tests.benchmarks.speaker_accuracy OUT [--tiny] [--music 0 -6]

Observes the pictures once; music under the speech changes the sound only. Members are the people
of the film's answers, so that the cast's own errors are not measured here.
"""

import argparse
import functools
import pickle
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mytalk_core.data.model_store import pull
from mytalk_core.dubbing.title_faces import join_faces
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FilmFaces, track_id
from mytalk_core.films.film_range import FILM_LANDMARKER, observe_range
from mytalk_core.films.film_speakers import film_speakers
from mytalk_core.films.line_speakers import line_speakers
from mytalk_core.films.members import Cast, Member, TrackId
from mytalk_core.films.speaker_evidence import film_evidence
from mytalk_core.films.speaking import LineSpeaker, SpeakerDecision, Speaking
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import frame_at
from mytalk_core.media.probe import probe_video
from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.stretches import samples_of
from mytalk_core.speech.voice_embedding import VoiceEmbedder
from mytalk_core.sync.light_expert import LightExpert
from tests.films.build import BuiltFilm, film_one, tiny_film
from tests.films.truth import FilmTruth, LineTruth, Lips, Said

say = functools.partial(Console(markup=False, highlight=False, width=160).print, soft_wrap=True)

_BINS = (0.0, 0.6, 0.7, 0.8, 0.9, 0.95, 1.01)


@dataclass(frozen=True)
class Observed:
    """The pictures of a film, looked at once."""

    truth: FilmTruth
    faces: FilmFaces
    cast: Cast


def observe(film: BuiltFilm, folder: Path) -> Observed:
    """Find all faces, or read what an earlier run found."""
    stored = folder / "observed.pickle"
    if stored.is_file():
        observed: Observed = pickle.loads(stored.read_bytes())
        return observed
    ranges, tracks = folder / "ranges", folder / "tracks"
    for each in (ranges, tracks):
        each.mkdir(parents=True, exist_ok=True)
    video = probe_video(film.film)
    with MeshLandmarker(pull("face-landmarker"), FILM_LANDMARKER) as landmarker:
        observation = observe_range(video, landmarker, ranges, lambda *_: None)
        faces = join_faces(video, [observation], landmarker.scheme, tracks).faces
    truth = film.truth
    observed = Observed(truth, faces, true_cast(truth, faces))
    stored.write_bytes(pickle.dumps(observed))
    return observed


def true_cast(truth: FilmTruth, faces: FilmFaces) -> Cast:
    """The members as the film's answers say; faces in photographs are in none."""
    tracks: dict[str, list[TrackId]] = {}
    pictures = []
    for track in faces.tracks:
        person = _person(truth, track)
        if person is None:
            pictures.append(track_id(track))
        else:
            tracks.setdefault(person, []).append(track_id(track))
    members = [Member(id, id, tuple(each), 1.0) for id, each in tracks.items()]
    return Cast(tuple(members), tuple(pictures))


def _person(truth: FilmTruth, track: FaceTrack) -> str | None:
    middle = len(track) // 2
    x, y = np.median(track.landmarks[middle, :, :2], axis=0).tolist()
    return truth.person_at(track.first + middle, x, y)


def dub_lines(truth: FilmTruth, named: bool) -> list[DubLine]:
    """The lines of the script, with the names of the speakers or without."""
    return [
        DubLine(
            line.number,
            line.text,
            line.slot,
            line.sound,
            (),
            character=truth.name_of(line.person) if named else "",
        )
        for line in truth.lines
    ]


def is_right(line: LineTruth, decision: SpeakerDecision, members: set[str]) -> bool:
    """Whether lips are touched exactly if the speaker is visible, and no other member is named."""
    known = line.person if line.person in members else None
    if line.said is Said.VISIBLE:
        return decision.speaking is Speaking.ON_SCREEN and decision.member == line.person
    if decision.speaking is Speaking.ON_SCREEN:
        return line.said is Said.COVERED and decision.member == line.person
    return decision.speaking is Speaking.OFF_SCREEN and decision.member in (known, None)


def is_wrong_face(line: LineTruth, decision: SpeakerDecision) -> bool:
    """Whether lips are touched that do not speak."""
    if decision.speaking is not Speaking.ON_SCREEN or line.said is Said.COVERED:
        return decision.speaking is Speaking.ON_SCREEN and decision.member != line.person
    return decision.member != line.person or line.said is not Said.VISIBLE


def others_move(truth: FilmTruth, line: LineTruth) -> bool:
    """Whether somebody else in the picture moves the lips on a sentence that is not audible."""
    shot = truth.shots[line.shot]
    start = frame_at((line.slot.start + line.slot.end) / 2, truth.fps)
    slot = sum(first <= start for first in shot.slots) - 1
    return any(each.lips[slot] is Lips.MOVE for each in shot.seen if each.person != line.person)


def report(name: str, truth: FilmTruth, found: Sequence[LineSpeaker], cast: Cast) -> None:
    """Print the acceptance table of one variant."""
    members = {member.id for member in cast.members}
    pairs = [(line, each.decision) for line, each in zip(truth.lines, found, strict=True)]
    right = [is_right(line, decision, members) for line, decision in pairs]
    wrong = [is_wrong_face(line, decision) for line, decision in pairs]
    off = [decision for line, decision in pairs if line.said is Said.VOICE_OVER]
    hidden = [pair for pair in pairs if pair[0].said in (Said.COVERED, Said.ELSEWHERE)]
    undecided = sum(each.speaking is Speaking.UNDECIDED for _, each in pairs)
    sure = sum(bad and each.confidence > 0.8 for bad, (_, each) in zip(wrong, pairs, strict=True))
    say(f"\n{name}: {len(pairs)} lines")
    say(f"  speaker right             {sum(right)} ({np.mean(right):.1%})")
    say(f"  undecided                 {undecided}")
    say(f"  wrong face                {sum(wrong)}, at confidence above 0.8: {sure}")
    found_off = sum(each.speaking is Speaking.OFF_SCREEN for each in off)
    say(f"  off-screen found          {found_off} of {len(off)}")
    kept = sum(not is_wrong_face(line, decision) for line, decision in hidden)
    say(f"  hidden or elsewhere kept  {kept} of {len(hidden)}")
    moving = [
        good for (line, _), good in zip(pairs, right, strict=True) if others_move(truth, line)
    ]
    say(f"  while others move lips    {sum(moving)} right of {len(moving)}")
    for line, decision, good in zip(truth.lines, (each for _, each in pairs), right, strict=True):
        if not good:
            say(
                f"    line {line.number} {line.person} {line.said}: {decision.speaking}"
                f" {decision.member} {decision.confidence:.2f}. {decision.why}"
            )


def reliability(pairs: Sequence[tuple[float, bool]]) -> None:
    """Print how often decisions of each confidence are right."""
    say("\nreliability of decided lines\n  confidence   lines  mean  right")
    for low, high in pairwise(_BINS):
        here = [(value, good) for value, good in pairs if low <= value < high]
        if here:
            mean, good = np.mean(here, axis=0)
            say(f"  {low:.2f}..{min(high, 1):.2f}  {len(here):6d}  {mean:.2f}  {good:.3f}")


def film_sound(film: BuiltFilm, truth: FilmTruth, music_db: float | None) -> NDArray[np.float32]:
    """The film's own sound with its music, dB against the voices within the lines."""
    voices = read_audio(film.film)
    if music_db is None:
        return voices
    music = read_audio(film.music_and_effects)[: len(voices)]
    music = np.pad(music, (0, len(voices) - len(music)))
    within = np.concatenate([samples_of(voices, line.slot) for line in truth.lines])
    gain = 10 ** (music_db / 20) * np.sqrt(np.mean(within**2) / np.mean(music**2))
    return np.clip(voices + np.float32(gain) * music, -1, 1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the built films")
    parser.add_argument("--tiny", action="store_true", help="the film of 13 s")
    parser.add_argument("--music", type=float, nargs="*", default=[], help="dB, further variants")
    arguments = parser.parse_args()
    pairs: list[tuple[float, bool]] = []
    film = (tiny_film if arguments.tiny else film_one)(arguments.out)
    observed = observe(film, arguments.out / "observed")
    truth, cast = observed.truth, observed.cast
    expert, embedder = LightExpert(), VoiceEmbedder(pull("voice-embedding"))
    for level in (None, *arguments.music):
        name = "without music" if level is None else f"music at {level:+.0f} dB"
        sound = film_sound(film, truth, level)
        evidence = film_evidence(observed.faces, sound, expert, embedder)
        speakers = film_speakers(observed.faces, cast, evidence)
        say(
            f"\n{name}: offset {evidence.offset}, {len(evidence.stretches)} stretches,",
            dict(Counter(str(each.decision.speaking) for each in speakers.stretches)),
        )
        members = {member.id for member in cast.members}
        for named in (False, True):
            lines = dub_lines(truth, named)
            found = line_speakers(lines, speakers, cast, observed.faces)
            title = f"{name}, {'names in the script' if named else 'no names'}"
            report(title, truth, found, cast)
            pairs += [
                (each.decision.confidence, is_right(line, each.decision, members))
                for line, each in zip(truth.lines, found, strict=True)
                if each.decision.speaking is not Speaking.UNDECIDED
            ]
    reliability(pairs)


if __name__ == "__main__":
    sys.exit(main())
