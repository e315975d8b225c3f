"""The known answers of a test film: shots, people, faces and lines."""

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from mytalk_core.data.values import dump_value, load_value
from mytalk_core.speech.transcript import Interval


class Said(StrEnum):
    """Where the speaker of a line is while it is said."""

    VISIBLE = "visible"  # in the picture, and the lips move on the line
    COVERED = "covered"  # in the picture behind a board; somebody else is seen
    ELSEWHERE = "elsewhere"  # out of frame, while somebody else is seen moving the lips
    VOICE_OVER = "voice_over"  # off-screen: a narrator, or a member who is not in the picture


class Lips(StrEnum):
    """What the lips of a face do during a line."""

    SPEAK = "speak"  # on the voice that is audible
    MOVE = "move"  # on a sentence that is not audible
    STILL = "still"  # closed, in frames without speech
    COVERED = "covered"  # behind a board


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the film; x and y of its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def contains(self, x: float, y: float) -> bool:
        """Whether a point is inside."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


@dataclass(frozen=True)
class PersonTruth:
    """Somebody who is seen or audible in the film."""

    id: str  # of the corpus, e.g. "s26"
    name: str  # in the script
    member: bool  # False: a narrator, who is never seen


@dataclass(frozen=True)
class SeenTruth:
    """A person in a shot. The box contains the whole head and no other."""

    person: str
    box: Box
    lips: tuple[Lips, ...]  # by slot of the shot
    board: Box | None = None  # what the mouth is behind, at rest; it moves by a few pixels


@dataclass(frozen=True)
class StillTruth:
    """A photograph or poster of a person who is not in the film."""

    person: str
    box: Box


@dataclass(frozen=True)
class ShotTruth:
    """A shot: frames [first, end)."""

    number: int
    scene: int  # from 1
    first: int
    end: int
    slots: tuple[int, ...]  # frame at which each slot starts; one line a slot at most
    seen: tuple[SeenTruth, ...]  # from left to right; empty: a slate
    stills: tuple[StillTruth, ...] = ()


@dataclass(frozen=True)
class LineTruth:
    """A line of the film, and of its dub by the same voice with another sentence."""

    number: int  # from 1
    person: str
    shot: int
    said: Said
    slot: Interval  # seconds of the film: from the first to the last word, slightly widened
    own_text: str  # what is said in the film
    text: str  # what the dub says
    sound: Interval  # seconds of the dub stem: the dub's voice; may be longer than the slot

    @property
    def touches_lips(self) -> bool:
        """Whether a dub must move visible lips on this line."""
        return self.said is Said.VISIBLE


@dataclass(frozen=True)
class FilmTruth:
    """The known answers of a film."""

    name: str
    fps: Fraction
    frames: int
    width: int  # pixels
    height: int  # pixels
    people: tuple[PersonTruth, ...]
    shots: tuple[ShotTruth, ...]
    lines: tuple[LineTruth, ...]
    notes: str = ""  # what the film cannot prove

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return self.frames / self.fps

    def name_of(self, person: str) -> str:
        """The name of a person in the script."""
        return next(each.name for each in self.people if each.id == person)

    def shot_at(self, frame: int) -> ShotTruth:
        """The shot of a frame."""
        return next(shot for shot in self.shots if shot.first <= frame < shot.end)

    def person_at(self, frame: int, x: float, y: float) -> str | None:
        """Who is seen at a pixel of a frame; None where no one is, or a photograph."""
        shot = self.shot_at(frame)
        if any(still.box.contains(x, y) for still in shot.stills):
            return None
        return next((seen.person for seen in shot.seen if seen.box.contains(x, y)), None)


def repeated(truth: FilmTruth, times: int) -> FilmTruth:
    """The answers of the film shown several times in a row."""
    shots: list[ShotTruth] = []
    lines: list[LineTruth] = []
    for turn in range(times):
        frames, seconds = turn * truth.frames, turn * truth.duration
        for shot in truth.shots:
            later = replace(
                shot,
                number=len(shots),
                scene=shot.scene + turn * truth.shots[-1].scene,
                first=shot.first + frames,
                end=shot.end + frames,
                slots=tuple(slot + frames for slot in shot.slots),
            )
            shots.append(later)
        for line in truth.lines:
            later_line = replace(
                line,
                number=len(lines) + 1,
                shot=line.shot + turn * len(truth.shots),
                slot=_shifted(line.slot, seconds),
                sound=_shifted(line.sound, seconds),
            )
            lines.append(later_line)
    return replace(truth, frames=truth.frames * times, shots=tuple(shots), lines=tuple(lines))


def write_truth(path: Path, truth: FilmTruth) -> None:
    """Write the answers as JSON."""
    path.write_text(dump_value(truth, FilmTruth, path.parent))


def read_truth(path: Path) -> FilmTruth:
    """Read what `write_truth` wrote."""
    return load_value(path.read_text(), FilmTruth, path.parent)


def _shifted(interval: Interval, seconds: Fraction) -> Interval:
    return Interval(interval.start + seconds, interval.end + seconds)
