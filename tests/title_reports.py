"""Reports of titles that were never dubbed: of any length, with every kind of line and finding."""

import base64
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.title_report.curves import MouthOpening, reported_curves
from mytalk_core.dubbing.title_report.values import (
    AdaptationScores,
    Finding,
    FramePair,
    LeftAloneStretch,
    LineFit,
    LinePicture,
    LineSync,
    NotJudged,
    ReportedConsent,
    ReportedLine,
    ReportedMember,
    ReportedSegment,
    ReportedShot,
    ReportedStep,
    ReportedTrack,
    Severity,
    TitleFacts,
    TitleReport,
)
from mytalk_core.dubbing.work_account import StageWork
from mytalk_core.films.members import TrackId
from mytalk_core.films.speaking import Evidence, SpeakerDecision, Speaking
from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.transcript import Interval, Word

FPS = Fraction(24000, 1001)
_LINE_FRAMES = 72
_SAID = Fraction(12, 5)  # seconds of a line
_TEXTS = (
    "I never said that I would stay until the morning.",
    "Where were you last night?",
    "Listen. There is somebody outside the door.",
    "We leave at six, with or without him.",
)
_NAMES = ("Anna", "Viktor", "Mrs. Hale", "The Boy", "Ines", "Dr. Okafor")


def picture(colour: tuple[int, int, int], text: str = "", size: int = 96) -> str:
    """A square of one colour as a data URI, with a text on it."""
    image = np.full((size, size, 3), colour, np.uint8)
    cv2.putText(image, text, (6, size // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]))
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def film_report(count: int = 48, people: int = 4) -> TitleReport:
    """A film with `count` lines, shots, several people and every kind of finding."""
    frames = (count + 1) * _LINE_FRAMES
    members = tuple(_member(number) for number in range(people))
    lines = tuple(_line(number, people) for number in range(count))
    facts = TitleFacts(
        id="harbour-ep1-de",
        film="harbour-ep1.mov",
        speech=("harbour-ep1-de.wav, track 1 of 1 (pcm_s24le, 48000 Hz, 1 channel)",),
        language="de",
        width=1920,
        height=1080,
        fps=FPS,
        frames=frames,
        duration=frames / FPS,
        start_timecode=Timecode.parse("10:00:00:00", FPS),
        tracks=("picture 1 of 1 (prores)", "sound 1 of 2 (pcm_s24le, stereo)"),
    )
    drawn = [line for line in lines if line.drawn_frames]
    return TitleReport(
        facts=facts,
        shots=tuple(_shots(frames)),
        members=members,
        tracks=tuple(_tracks(frames, people, drawn)),
        lines=lines,
        segments=tuple(_segments(drawn)),
        findings=tuple(_findings(lines)),
        checks={
            "frame count": Check(True, f"{frames} frames, the source has {frames}"),
            "timestamps": Check(True, f"all {frames} are those of the source"),
            "own sound tracks": Check(True, "2 tracks, every packet equal to the source's"),
        },
        curves=_curves(frames, drawn),
        frames_left_alone={
            LeftAlone.NO_FACE: frames - 60 * len(drawn) - 40,
            LeftAlone.TURNED: 40,
        },
        left_alone=(
            LeftAloneStretch(30, 48, LeftAlone.TURNED),
            LeftAloneStretch(200, 222, LeftAlone.TURNED),
        ),
        voice=tuple(line.interval for line in lines),
        pairs=tuple(_pair(Fraction(at)) for at in (2, 5)),
        steps=(
            ReportedStep("looking and listening", 54.1),
            ReportedStep("drawing", 133.4),
            ReportedStep("delivering", 8.1),
        ),
        stages=(
            StageWork("observe", 41.2, made=0, reused=3),
            StageWork("draw", 250.4, made=31, reused=9),
        ),
        versions={"mytalk": "0.9.0", "motion weights": "1b2c3d4e5f607182"},
        script_faults=("row 14: the cue is empty", "row 31: begins before the end of row 30"),
        notes=("the script's times count from 10:00:00:00",),
        consent=(ReportedConsent("Anna", "A. Keller", "contract 2026-114", "lips, de", ""),),
    )


def one_person_report() -> TitleReport:
    """A clip of five seconds with one person and one line, as `mytalk dub VIDEO SPEECH` makes."""
    whole = film_report(1, 1)
    line = replace(
        whole.lines[0],
        character="",
        sync=None,
        not_judged=NotJudged.TOO_SHORT,
        strip=(),
        words=_words(0),
    )
    only = SpeakerDecision(Speaking.ON_SCREEN, "m1", 0.8, "The film shows one person.")
    unchanged = replace(
        line.fit, speed=Fraction(1), pauses=Fraction(0), gap=Fraction(0), text="as spoken"
    )
    return replace(
        whole,
        facts=replace(whole.facts, id="", start_timecode=None, language="en"),
        shots=(ReportedShot(1, 0, whole.facts.frames),),
        lines=(replace(line, decision=only, fit=unchanged),),
        findings=(),
        script_faults=(),
        notes=(),
        consent=(),
    )


def _name(member: int) -> str:
    again = member // len(_NAMES)
    return _NAMES[member % len(_NAMES)] + (f" {again + 1}" if again else "")


def _line(index: int, people: int) -> ReportedLine:
    number, kind = index + 1, index % 12
    start = index * _LINE_FRAMES / FPS + Fraction(1, 4)
    slot = Interval(start, start + _SAID)
    member = index % people
    speaking, skipped, drawn = Speaking.ON_SCREEN, "", 60
    if kind == 5:
        speaking, skipped, drawn = Speaking.OFF_SCREEN, "the speaker is not in the picture", 0
    elif kind == 8:
        speaking, skipped, drawn = Speaking.UNDECIDED, "evidence for a speaker is too weak", 0
    elif kind == 10:
        skipped, drawn = "something is in front of the mouth", 0
    excess = Fraction(3, 10) if kind == 3 else Fraction(0)
    decided = speaking is not Speaking.UNDECIDED
    return ReportedLine(
        number=number,
        text=_TEXTS[index % len(_TEXTS)],
        character=_name(member).upper(),
        slot=slot,
        decision=SpeakerDecision(
            speaking,
            f"m{member + 1}" if decided else None,
            0.97 if decided else 0.41,
            f"The lips of {_name(member)} fit the film's sound best, 2.3 above the next face.",
            (
                Evidence("sync", 2.3, "the lips are in step with the film's sound"),
                Evidence("voice", 1.1, "the voice is that of 11 other lines"),
                Evidence("script", -0.4, "the script's name is new"),
            ),
        ),
        drawn_frames=drawn,
        fit=LineFit(
            Interval(slot.start + Fraction(1, 20), slot.end + excess),
            Fraction(113, 100),
            Fraction(12, 100),
            Fraction(8, 100),
            excess,
            "13 % faster, pauses 0.12 s shorter",
        ),
        sync=LineSync(-3 if kind == 7 else 0, 0.31) if drawn and kind != 9 else None,
        not_judged=NotJudged.UNCLEAR if kind == 9 else None if drawn else NotJudged.NO_LIPS,
        skipped=skipped,
        words=_words(index),
        strip=tuple(
            LinePicture(slot.start + Fraction(at, 2), picture((90, 70, 60)), picture((60, 70, 110)))
            for at in range(4)
        )
        if kind == 3
        else (),
    )


def _words(index: int) -> tuple[Word, ...]:
    texts = _TEXTS[index % len(_TEXTS)].split()
    start, step = index * _LINE_FRAMES / FPS + Fraction(1, 3), Fraction(2) / len(texts)
    return tuple(
        Word(text, start + place * step, start + (place + Fraction(4, 5)) * step)
        for place, text in enumerate(texts)
    )


def _findings(lines: tuple[ReportedLine, ...]) -> list[Finding]:
    found = [Finding(Severity.NOTE, "The recogniser heard German with probability 0.91.")]
    for line in lines:
        kind = (line.number - 1) % 12
        if kind == 3:
            text = "The line is 0.30 s too long for its slot."
            found.append(Finding(Severity.ERROR, text, line.slot.end, line.number))
        elif kind == 7:
            text = "The lips are 0.12 s behind the sound."
            found.append(Finding(Severity.WARNING, text, line.slot.start, line.number))
        elif kind == 8:
            text = "It is not clear who speaks: no lips were touched."
            found.append(Finding(Severity.WARNING, text, line.slot.start, line.number))
    return found


def _member(number: int) -> ReportedMember:
    return ReportedMember(
        id=f"m{number + 1}",
        name=_name(number),
        confidence=0.9,
        picture=picture((60 + 12 * number, 80, 120), f"m{number + 1}"),
        on_screen=Fraction(90, number + 1),
        drawn=Fraction(30, number + 1),
        style="style learned from 20 s of their own sound",
        appearance="8 of 8 held-out frames are better",
        adaptation=AdaptationScores(40, (29.1, 30.4), (0.061, 0.054)) if number == 0 else None,
    )


def _shots(frames: int) -> list[ReportedShot]:
    ends = [*range(3 * _LINE_FRAMES, frames, 3 * _LINE_FRAMES), frames]
    firsts = [0, *ends[:-1]]
    return [ReportedShot(n + 1, *span) for n, span in enumerate(zip(firsts, ends, strict=True))]


def _tracks(frames: int, people: int, drawn: list[ReportedLine]) -> list[ReportedTrack]:
    tracks = []
    for shot in _shots(frames):
        for member in sorted({(shot.number + each) % people for each in range(2)}):
            spans = tuple(
                (int(line.slot.start * FPS), int(line.slot.start * FPS) + line.drawn_frames)
                for line in drawn
                if line.decision.member == f"m{member + 1}"
                and shot.first <= line.slot.start * FPS < shot.end
            )
            count = sum(end - first for first, end in spans)
            tracks.append(
                ReportedTrack(
                    TrackId(shot.number - 1, member),
                    f"m{member + 1}",
                    shot.first,
                    shot.end,
                    count,
                    {LeftAlone.UNCHANGED: shot.end - shot.first - count},
                    spans,
                )
            )
    wall = {LeftAlone.STILL: 40}
    tracks.append(ReportedTrack(TrackId(0, 9), None, 10, 50, 0, wall, (), picture((80, 80, 80))))
    return sorted(tracks, key=lambda track: track.first)


def _segments(drawn: list[ReportedLine]) -> list[ReportedSegment]:
    return [
        ReportedSegment(
            number=place + 1,
            first=int(line.slot.start * FPS),
            end=int(line.slot.start * FPS) + line.drawn_frames,
            members=(line.decision.member or "",),
            reused=place % 4 == 0,
            seconds=0.0 if place % 4 == 0 else 4.2,
        )
        for place, line in enumerate(drawn)
    ]


def _curves(frames: int, drawn: list[ReportedLine]):
    time = np.arange(frames) / float(FPS)
    loudness = -30 + 12 * np.sin(time * 9) + 6 * np.sin(time * 1.3)
    mouths = []
    for line in drawn:
        first, count = int(line.slot.start * FPS), line.drawn_frames
        phase = np.arange(count) / float(FPS)
        target = 0.12 + 0.1 * np.sin(phase * 14)
        source = 0.1 + 0.08 * np.sin(phase * 11 + 1)
        mouths.append(MouthOpening(line.decision.member, first, target, source))
    return reported_curves(loudness, mouths, FPS)


def _pair(time: Fraction) -> FramePair:
    before, after = picture((90, 70, 60), "before", 200), picture((60, 70, 110), "after", 200)
    return FramePair(time, before, after, before, after)
