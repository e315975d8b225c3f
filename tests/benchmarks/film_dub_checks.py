"""What must hold for a dub of test film 1: speakers, untouched samples, fitted lines, lips."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.film_source import FilmSource, planes_of
from mytalk_core.dubbing.piece_drawing import DRAW, PieceRequest
from mytalk_core.dubbing.title_graph import PlannedTitle, PreparedTitle
from mytalk_core.dubbing.title_plan import Segment
from mytalk_core.dubbing.watching import FACES, FacesRequest, start_watching
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FilmFaces
from mytalk_core.films.speaking import Speaking
from mytalk_core.films.track_lips import TrackLips
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE, frame_at, sample_at
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.planes import Planes
from mytalk_core.speech.fitting import FittedLine
from mytalk_core.speech.transcript import Interval
from mytalk_core.sync.clip import lip_motion
from mytalk_core.sync.expert import SyncExpert
from mytalk_core.sync.offsets import SyncScore
from mytalk_core.sync.score import SHORTEST, lse_like
from tests.benchmarks.film_dub_opened import OpenedTitle
from tests.films.truth import Box, FilmTruth, Said

Rows = dict[str, str]
"""Rows of a table: what was measured, and its value."""

_AROUND = Fraction(1, 5)  # seconds before and after a line that the expert sees too


def member_rows(planned: PlannedTitle, truth: FilmTruth, people: Mapping[str, str | None]) -> Rows:
    """Members and shots against the answers."""
    shown = Counter(person for person in people.values() if person)
    real = {person.id for person in truth.people if person.member}
    borders = [(shot.first, shot.end) for shot in planned.film.found.faces.shots]
    known = [(shot.first, shot.end) for shot in truth.shots]
    return {
        "people of the film; members": f"{len(real)}; {len(people)}",
        "people with exactly one member": f"{sum(shown[person] == 1 for person in real)}",
        "shots; with both borders exact": f"{len(known)}; {len({*borders} & {*known})}",
        "shots found that are none": f"{len({*borders} - {*known})}",
    }


def untouched_rows(
    opened: OpenedTitle,
    planned: PlannedTitle,
    prepared: PreparedTitle,
    truth: FilmTruth,
    people: Mapping[str, str | None],
    share: int,
) -> Rows:
    """Compare the samples of losslessly encoded pieces with the film's.

    Args:
        share: every how many pieces with new lips are compared; those without are all compared.
    """
    with_lips = [each for each in planned.plan.segments if each.redraws][::share]
    chosen = [each for each in planned.plan.segments if not each.redraws or each in with_lips]
    by_segment = dict(zip(planned.plan.segments, prepared.requests, strict=True))
    requests = [replace(by_segment[segment], crf=0) for segment in chosen]
    counts: Counter[str] = Counter()
    for segment, request, piece in zip(
        chosen, requests, opened.context.made(DRAW, requests), strict=True
    ):
        drawn = _drawn_people(segment, planned, people)
        counts += _compared(request, piece.picture, truth, drawn)
    return {
        "pieces compared, without and with new lips": (
            f"{len(chosen) - len(with_lips)}, {len(with_lips)}"
        ),
        "frames without new lips; that differ": f"{counts['frames']}; {counts['frames differ']}",
        "frames with new lips; outside the speaker's head one differs": (
            f"{counts['drawn frames']}; {counts['outside differs']}"
        ),
        "silent faces in them; that differ": f"{counts['faces']}; {counts['faces differ']}",
    }


def _drawn_people(
    segment: Segment, planned: PlannedTitle, people: Mapping[str, str | None]
) -> set[str | None]:
    return {people[planned.plan.tracks[redraw.track].member] for redraw in segment.redraws}


def _compared(
    request: PieceRequest, picture: Path, truth: FilmTruth, drawn: set[str | None]
) -> Counter[str]:
    counts: Counter[str] = Counter()
    source = planes_of(request.film, request.first, request.starts)
    for before, after in zip(source, iter_planes(picture), strict=True):
        changed = _changed(before.planes, after.planes)
        if not drawn:
            counts["frames"] += 1
            counts["frames differ"] += bool(changed.any())
            continue
        shot = truth.shot_at(before.index)
        counts["drawn frames"] += 1
        silent = [seen.box for seen in shot.seen if seen.person not in drawn]
        silent += [still.box for still in shot.stills]
        for box in silent:
            counts["faces"] += 1
            counts["faces differ"] += bool(_within(changed, box).any())
        for seen in shot.seen:
            if seen.person in drawn:
                _within(changed, seen.box)[:] = False
        counts["outside differs"] += bool(changed.any())
    return counts


def _changed(before: Planes, after: Planes) -> NDArray[np.bool_]:
    """Which pixels have a sample that differs, (H, W)."""
    changed: NDArray[np.bool_] = before.y != after.y
    height, width = changed.shape
    for old, new in ((before.u, after.u), (before.v, after.v)):
        differs = old != new
        if differs.any():
            repeats = (height // len(differs), width // differs.shape[1])
            changed |= differs.repeat(repeats[0], axis=0).repeat(repeats[1], axis=1)
    return changed


def _within(changed: NDArray[np.bool_], box: Box) -> NDArray[np.bool_]:
    top, left = max(box.y, 0), max(box.x, 0)
    return changed[top : box.y + box.height, left : box.x + box.width]


def fit_rows(planned: PlannedTitle) -> Rows:
    """Lengths of the fitted lines, and from where they took time."""
    pairs = [
        (line, fitted)
        for line, fitted in zip(planned.lines.lines, planned.lines.fitted, strict=True)
        if fitted.sound is not None
    ]
    fits = [fitted for _, fitted in pairs]
    speech = [_speech_saved(fitted) for fitted in fits]
    taken = (
        float(sum(max(each.pauses, Fraction(0)) for each in fits)),
        float(sum(each.gap for each in fits)),
        float(sum(max(each, Fraction(0)) for each in speech)),
    )
    shares = ", ".join(f"{each / max(sum(taken), 1e-9):.0%}" for each in taken)
    faster_first = sum(
        each.speed > Fraction(21, 20) and not each.pauses and not each.gap and not each.excess
        for each in fits
    )
    return {
        "lines with sound; unchanged": f"{len(fits)}; {sum(e.time_map.is_identity for e in fits)}",
        "lengths off by a sample or more": str(sum(_is_off(each) for each in fits)),
        "lines beyond the limit of 15 %": str(
            sum(not Fraction(17, 20) <= each.speed <= Fraction(23, 20) for each in fits)
        ),
        "lines that do not fit; seconds cut off": (
            f"{sum(e.excess > 0 for e in fits)}; {float(sum(e.excess for e in fits)):.2f}"
        ),
        "seconds from pauses, gaps, faster speech": ", ".join(f"{each:.2f}" for each in taken),
        "share of these": shares,
        "lines over 5 % faster without using a pause or gap": str(faster_first),
        "lines that overlap another one": str(_overlaps(fits)),
    }


def _speech_saved(fitted: FittedLine) -> Fraction:
    """Seconds by which speech became shorter; negative where longer."""
    assert fitted.sound is not None  # lines without sound are left out
    return fitted.sound.length - fitted.pauses - fitted.excess - fitted.interval.length


def _is_off(fitted: FittedLine) -> bool:
    """Whether the end of the sound is elsewhere than where the line ends."""
    assert fitted.sound is not None
    if fitted.excess:
        return False
    end = sample_at(fitted.time_map.at(fitted.sound.end), SPEECH_SAMPLE_RATE)
    return end != sample_at(fitted.interval.end, SPEECH_SAMPLE_RATE)


def _overlaps(fits: Sequence[FittedLine]) -> int:
    ordered = sorted((each.interval for each in fits), key=lambda each: each.start)
    return sum(one.end > other.start for one, other in pairwise(ordered))


@dataclass(frozen=True)
class LipScore:
    """The lips of a line against its sound."""

    line: int
    score: SyncScore


def delivered_scores(
    opened: OpenedTitle,
    planned: PlannedTitle,
    film: Path,
    truth: FilmTruth,
    people: Mapping[str, str | None],
    expert: SyncExpert,
) -> list[LipScore]:
    """The lips of the dubbed film against the fitted sound, of each line that has lips."""
    source = FilmSource(opened.artifacts.media_file(film))
    context = replace(opened.context, film=source)
    ranges = tuple(each.result() for each in start_watching(context).ranges)
    found = context.runner.start(FACES, FacesRequest(source, ranges, False)).result()
    spoken = []
    for line, fitted, speaker in zip(
        planned.lines.lines, planned.lines.fitted, planned.speakers, strict=True
    ):
        decision = speaker.decision
        if decision.speaking is Speaking.ON_SCREEN and fitted.sound is not None:
            person = people.get(decision.member or "")
            sound = planned.lines.sounds[line.stem].samples.read()
            spoken.append((line.number, person, fitted.interval, sound))
    return list(_scores(spoken, found.faces, truth, expert))


def own_scores(planned: PlannedTitle, truth: FilmTruth, expert: SyncExpert) -> list[LipScore]:
    """The film's own lips against its own sound: what the expert reads of perfect lips."""
    assert planned.film.sound is not None  # the test film has sound
    sound = planned.film.sound.read()
    spoken = [
        (line.number, line.person, line.slot, sound)
        for line in truth.lines
        if line.said is Said.VISIBLE
    ]
    return list(_scores(spoken, planned.film.found.faces, truth, expert))


def _scores(
    spoken: Sequence[tuple[int, str | None, Interval, NDArray[np.float32]]],
    faces: FilmFaces,
    truth: FilmTruth,
    expert: SyncExpert,
) -> Iterator[LipScore]:
    for number, person, interval, sound in spoken:
        track = _track_of(person, interval, faces, truth)
        if track is None:
            continue
        lips = TrackLips(track)
        first = max(lips.span[0], int((interval.start - _AROUND) * MOTION_FPS))
        end = min(lips.span[1], int((interval.end + _AROUND) * MOTION_FPS))
        if end - first < SHORTEST:
            continue
        motion = lip_motion(lips.shapes((first, end)))
        begin, last = (sample_at(each / MOTION_FPS, SPEECH_SAMPLE_RATE) for each in (first, end))
        yield LipScore(number, lse_like(motion, np.array(sound[begin:last]), expert))


def _track_of(
    person: str | None, interval: Interval, faces: FilmFaces, truth: FilmTruth
) -> FaceTrack | None:
    """The track of a person in the middle of an interval."""
    frame = frame_at((interval.start + interval.end) / 2, truth.fps)
    for track in faces.tracks:
        if track.first <= frame < track.end:
            x, y = track.landmarks[frame - track.first, :, :2].mean(axis=0).tolist()
            if truth.person_at(frame, x, y) == person:
                return track
    return None


def lip_rows(name: str, scores: Sequence[LipScore]) -> Rows:
    """Offsets of lines in a table."""
    offsets = [each.score.offset for each in scores]
    near = [abs(offset) <= 1 for offset in offsets]
    sure = np.median([each.score.confidence for each in scores])
    far = ", ".join(
        f"{each.line}: {each.score.offset:+d}" for each in scores if abs(each.score.offset) > 1
    )
    return {
        f"{name}: lines": str(len(scores)),
        f"{name}: offset 0; within one frame": (
            f"{np.mean([not offset for offset in offsets]):.0%}; {np.mean(near):.0%}"
        ),
        f"{name}: median offset; median confidence": f"{np.median(offsets):+.0f}; {sure:.2f}",
        f"{name}: farther lines": far or "none",
    }
