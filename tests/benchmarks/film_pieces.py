"""Measure a film encoded in pieces and joined, against one pass.

    python tests/benchmarks/film_pieces.py FILM [SECONDS]

FILM is repeated to SECONDS, 60 by default. Prints the processor time of a frame, decoding not
counted, the size, and what joining takes.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe
from rich.console import Console
from rich.table import Table

from mytalk_core.media.decode import PlaneFrame, iter_planes
from mytalk_core.media.encode import FrameWriter, VideoWriter
from mytalk_core.media.pieces import PieceWriter, join_pieces
from mytalk_core.media.probe import VideoInfo, probe_video

PIECES = (1, 12, 60, 300)


def repeated(film: Path, seconds: int, out: Path) -> Path:
    """Return the film, repeated to a length without encoding."""
    program = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-stream_loop", "-1"]
    copy = ["-i", str(film), "-t", str(seconds), "-map", "0:v:0", "-c", "copy", str(out)]
    subprocess.run([*program, *copy], check=True)
    return out


def seconds_of(work: Callable[[], object]) -> float:
    """Return the processor time of a call, all threads together."""
    start = time.process_time()
    work()
    return time.process_time() - start


def write(film: Path, writers: Sequence[tuple[FrameWriter, int]]) -> Fraction:
    """Write so many frames of the film with each writer, and return the film's end in seconds."""
    frames = iter_planes(film)
    for writer, count in writers:
        with writer:
            for frame in islice(frames, count):
                writer.write(frame)
    return writer.end


def decode(film: Path) -> PlaneFrame:
    """Return the last frame of the film."""
    for frame in iter_planes(film):
        last = frame
    return last


def piece_paths(folder: Path, count: int) -> list[Path]:
    """Return the paths of so many pieces."""
    return [folder / f"{count}-{number}.nut" for number in range(count)]


def piece_writers(
    info: VideoInfo, frames: int, paths: Sequence[Path]
) -> list[tuple[FrameWriter, int]]:
    """Return a writer for each piece and its number of frames."""
    borders = [frames * number // len(paths) for number in range(len(paths) + 1)]
    counts = [after - before for before, after in pairwise(borders)]
    return [(PieceWriter(path, info), count) for path, count in zip(paths, counts, strict=True)]


def main() -> None:
    """Measure and print."""
    clip, length = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    table = Table("", "ms a frame", "MB", "join, s", "joined, MB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = repeated(clip, length, folder / "film.mp4")
        info = probe_video(film)
        frames = 1 + decode(film).index
        decoding = seconds_of(lambda: decode(film))
        whole = folder / "whole.mp4"
        spent = seconds_of(lambda: write(film, [(VideoWriter(whole, info), frames)])) - decoding
        table.add_row("one pass", f"{1000 * spent / frames:.1f}", _mb([whole]), "", "")
        for count in PIECES:
            paths = piece_paths(folder, count)
            start = time.process_time()
            end = write(film, piece_writers(info, frames, paths))
            spent = time.process_time() - start - decoding
            out = folder / "joined.mp4"
            begin = time.perf_counter()
            join_pieces(paths, info, end, out)
            joining = time.perf_counter() - begin
            table.add_row(
                f"{count} pieces",
                f"{1000 * spent / frames:.1f}",
                _mb(paths),
                f"{joining:.2f}",
                _mb([out]),
            )
            for path in paths:
                path.unlink()
    title = f"{clip.name}: {info.width} x {info.height}, {frames} frames"
    console = Console(width=100)
    console.print(title)
    console.print(table)


def _mb(paths: Sequence[Path]) -> str:
    return f"{sum(path.stat().st_size for path in paths) / 1e6:.1f}"


if __name__ == "__main__":
    main()
