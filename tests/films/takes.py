"""Takes: sentences of a corpus with picture, sound and the times of their words."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

SAMPLE_RATE = 48_000  # of every sound of a test film
LEVEL = 10 ** (-24 / 20)  # RMS of every voice where it speaks

_GRID_UNIT = Fraction(1, 25_000)  # seconds; of word alignments
_GRID_FPS = Fraction(25)
_GRID_FRAMES = 75
_SILENT = frozenset({"sil", "sp"})
_OPENS_EARLY = 3  # frames before the first word and after the last one in which lips move
_LEAST_QUIET = 3  # frames
_MOST_MISSING = 2  # frames


@dataclass(frozen=True)
class SpokenWord:
    """A word of a take."""

    text: str
    start: Fraction  # seconds of the take
    end: Fraction  # seconds of the take


@dataclass(frozen=True)
class Take:
    """A person saying one sentence to the camera."""

    person: str
    path: Path
    frames: int
    fps: Fraction
    words: tuple[SpokenWord, ...]
    first: int = 0  # frame of the file

    @property
    def text(self) -> str:
        """The sentence."""
        return sentence(self.words)

    @property
    def quiet_before(self) -> int:
        """Frames at the start in which the lips do not move."""
        return max(int(self.words[0].start * self.fps) - _OPENS_EARLY, _LEAST_QUIET)

    @property
    def quiet_after(self) -> int:
        """Frames at the end in which the lips do not move."""
        moving = int(self.words[-1].end * self.fps) + _OPENS_EARLY
        return max(self.frames - moving, _LEAST_QUIET)


def sentence(words: Sequence[SpokenWord]) -> str:
    """The text of words, as a line of a script."""
    text = " ".join(word.text for word in words)
    return f"{text[:1].upper()}{text[1:]}."


def grid_takes(data: Path, person: str) -> tuple[Take, ...]:
    """The sentences of a speaker of the GRID corpus whose words have times, by name.

    Args:
        data: folder with `grid` and `grid_align`.
    """
    clips = sorted((data / "grid" / person).glob("*.mpg"))
    words = [_aligned(data / "grid_align" / person / f"{path.stem}.align") for path in clips]
    return tuple(
        Take(person, path, _GRID_FRAMES, _GRID_FPS, spoken)
        for path, spoken in zip(clips, words, strict=True)
        if spoken
    )


def _aligned(path: Path) -> tuple[SpokenWord, ...]:
    """The words of an alignment; none where the file is only a reference to large-file storage."""
    rows = [row.split() for row in path.read_text().splitlines()]
    return tuple(
        SpokenWord(row[2], int(row[0]) * _GRID_UNIT, int(row[1]) * _GRID_UNIT)
        for row in rows
        if len(row) == 3 and row[2] not in _SILENT
    )


def take_pictures(take: Take) -> NDArray[np.uint8]:
    """The frames of a take, (T, H, W, 3) RGB; some clips lack the last one, which is repeated."""
    width, height = _size(take.path)
    chosen = f"trim=start_frame={take.first}:end_frame={take.first + take.frames}"
    raw = _program_output(
        *("-i", take.path, "-vf", f"{chosen},scale={width}:{height}:flags=accurate_rnd"),
        *("-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24"),
    )
    frames = np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)
    missing = take.frames - len(frames)
    assert 0 <= missing <= _MOST_MISSING, f"{take.path}: {len(frames)} frames"
    return np.concatenate([frames, *[frames[-1:]] * missing])


def take_sound(take: Take, speed: Fraction) -> NDArray[np.float32]:
    """The sound of a take played faster by a factor, mono, with its voice at `LEVEL`."""
    rate = round(_sound_rate(take.path) * speed)
    start = take.first / take.fps
    end = start + take.frames / take.fps
    raw = _program_output(
        *("-i", take.path, "-vn", "-af"),
        f"atrim={float(start):.6f}:{float(end):.6f},asetpts=PTS-STARTPTS,asetrate={rate},"
        f"aresample={SAMPLE_RATE},aformat=channel_layouts=mono",
        *(
            "-f",
            "f32le",
        ),
    )
    sound = np.frombuffer(raw, np.float32)
    first, last = (
        int(at / speed * SAMPLE_RATE) for at in (take.words[0].start, take.words[-1].end)
    )
    return sound * np.float32(LEVEL / np.sqrt(np.mean(np.square(sound[first:last]))))


def _size(path: Path) -> tuple[int, int]:
    with av.open(path) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def _sound_rate(path: Path) -> int:
    with av.open(path) as container:
        return container.streams.audio[0].rate


def _program_output(*arguments: str | Path) -> bytes:
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", *map(str, arguments), "-"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
