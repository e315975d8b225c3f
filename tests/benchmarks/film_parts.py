"""Measure the time to read ten seconds of a long film, at its start, middle and end.

    python tests/benchmarks/film_parts.py [MINUTES]

Reads frames at 25 a second and sound at 16 kHz with one thread, as a preprocessing worker does,
from several containers. Prints a table in seconds. Late parts should cost as much as early ones;
transport and program streams are read, but not decoded, up to the part.
"""

import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe
from rich.console import Console
from rich.table import Table

from mytalk_core.data.samples import sample_footage
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames_at

FPS = Fraction(25)
PART_SECONDS = 10
ENCODINGS = {
    "mp4": ("-c", "copy"),
    "mkv": ("-c", "copy"),
    "ts": ("-c", "copy"),
    "mpg": ("-c:v", "mpeg2video", "-q:v", "5", "-c:a", "mp2", "-r", "25"),
}


def long_film(minutes: int, out: Path) -> Path:
    """Repeat the sample clip up to `minutes`."""
    clip = next(clip.path for clip in sample_footage() if clip.name == "jwp_intro")
    once = out.with_name(f"once{out.suffix}")
    program = [get_ffmpeg_exe(), "-nostdin", "-v", "fatal", "-y"]
    encoding = ENCODINGS[out.suffix[1:]]
    subprocess.run([*program, "-i", str(clip), *encoding, str(once)], check=True)
    repeat = ["-stream_loop", "-1", "-i", str(once), "-t", str(minutes * 60), "-c", "copy"]
    subprocess.run([*program, *repeat, str(out)], check=True)
    return out


def seconds_for(film: Path, start: int) -> tuple[float, float]:
    """Measure the seconds to read the frames and the sound of the part at `start` seconds."""
    started = time.perf_counter()
    first = start * int(FPS)
    frames = iter_frames_at(film, FPS, first, first + PART_SECONDS * int(FPS), threads=1)
    assert sum(1 for _ in frames) == PART_SECONDS * FPS
    between = time.perf_counter()
    assert len(read_audio(film, start=Fraction(start), duration=Fraction(PART_SECONDS))) > 0
    return between - started, time.perf_counter() - between


def main() -> None:
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    table = Table("container", "MB", "part from", "frames, s", "sound, s")
    with tempfile.TemporaryDirectory() as folder:
        for kind in ENCODINGS:
            film = long_film(minutes, Path(folder) / f"film.{kind}")
            for start in (0, minutes * 30, minutes * 60 - 2 * PART_SECONDS):
                frames, sound = seconds_for(film, start)
                size = f"{film.stat().st_size / 1e6:.0f}"
                table.add_row(kind, size, f"{start} s", f"{frames:.2f}", f"{sound:.2f}")
            film.unlink()
    Console().print(table)


if __name__ == "__main__":
    main()
