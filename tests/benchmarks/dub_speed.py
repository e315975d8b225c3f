"""Measure the speed and memory of a dub for films of growing length.

    python tests/benchmarks/dub_speed.py [SECONDS...]
    python tests/benchmarks/dub_speed.py FILM SPEECH [FILM SPEECH...]

Runs `mytalk dub` on 360x288 films of one person, or on the given films, with an empty folder of
intermediate results, and prints a table: frames a second of the whole command and of each step, and
the peak of the memory of all its processes together. Memory must not grow with the film. Run it on
an idle machine; the table includes the load.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from imageio_ffmpeg import get_ffmpeg_exe
from rich.console import Console
from rich.table import Table

from mytalk_core.data.samples import sample_footage

ROOT = Path(__file__).parents[2]
GRID_SPEAKER = ROOT / "../shared/data/grid/s33"
SECONDS = (20, 60, 180)


@dataclass(frozen=True)
class Measurement:
    """One run of the command."""

    film: str
    frames: int
    rendered_frames: int
    wall_seconds: float  # of the whole process, start to end
    cpu_seconds: float  # processor time of all its processes
    stage_seconds: dict[str, float]
    peak_megabytes: float  # of all its processes together; shared pages count once
    load: float  # of the machine at the end, mean of the last minute


def footage() -> list[Path]:
    """Return clips of one speaker: GRID sentences if available, else the sample clips."""
    sentences = sorted(GRID_SPEAKER.glob("*.mpg"))
    return sentences or [clip.path for clip in sample_footage()]


def joined(clips: Sequence[Path], seconds: int, out: Path, picture: bool) -> Path:
    """Concatenate clips repeatedly up to `seconds`; picture or sound only."""
    normal = (
        "scale=360:288:force_original_aspect_ratio=increase,crop=360:288,fps=25,setsar=1"
        if picture
        else "aresample=16000,aformat=channel_layouts=mono"
    )
    kind = "v" if picture else "a"
    chains = [f"[{n}:{kind}]{normal}[c{n}]" for n in range(len(clips))]
    ends = "".join(f"[c{n}]" for n in range(len(clips)))
    joint = f"{ends}concat=n={len(clips)}:v={int(picture)}:a={int(not picture)}[out]"
    once = out.with_name(f"once.{out.name}")
    inputs = [part for clip in clips for part in ("-i", str(clip))]
    run = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    graph = ["-filter_complex", ";".join([*chains, joint]), "-map", "[out]"]
    subprocess.run([*run, *inputs, *graph, str(once)], check=True)
    loop = ["-stream_loop", "-1", "-i", str(once), "-t", str(seconds), "-c", "copy"]
    subprocess.run([*run, *loop, str(out)], check=True)
    return out


def film_and_speech(clips: Sequence[Path], seconds: int, folder: Path) -> tuple[Path, Path]:
    """Make a film of `seconds`, and speech from the same clips in another order."""
    return (
        joined(clips, seconds, folder / f"{seconds} s.mp4", picture=True),
        joined(clips[::-1], seconds, folder / f"speech_{seconds}.wav", picture=False),
    )


class Usage(Thread):
    """Samples the memory and the processor time of all processes of a session."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._ended = Event()
        self._cpu: dict[int, float] = {}  # seconds by process
        self._peak = 0  # kB

    def run(self) -> None:
        """Sample until the end."""
        while not self._ended.wait(0.2):
            memory = 0
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[3]) != self._session:
                        continue
                    ticks = int(fields[11]) + int(fields[12])
                    shares = (folder / "smaps_rollup").read_text()
                except OSError:
                    continue
                self._cpu[int(folder.name)] = ticks / os.sysconf("SC_CLK_TCK")
                memory += int(re.search(r"^Pss: +(\d+) kB", shares, re.MULTILINE)[1])
            self._peak = max(self._peak, memory)

    def end(self) -> tuple[float, float]:
        """Return processor time in seconds and the peak in MB."""
        self._ended.set()
        self.join()
        return sum(self._cpu.values()), self._peak / 1024


def measure(film: Path, speech: Path, folder: Path) -> Measurement:
    """Dub a film and measure the command."""
    command = ["-m", "jobs.app", "--json", "dub", film, speech, "--out", folder / "dubbed.mp4"]
    with tempfile.TemporaryDirectory(dir=folder) as work:
        start = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *map(str, command), "--work", work],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        usage = Usage(process.pid)
        usage.start()
        output, _ = process.communicate()
        wall_seconds = time.monotonic() - start
        cpu_seconds, peak_megabytes = usage.end()
    summary = json.loads(output)
    return Measurement(
        film=film.stem,
        frames=summary["frames"],
        rendered_frames=summary["rendered_frames"],
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
        stage_seconds=summary["stage_seconds"],
        peak_megabytes=peak_megabytes,
        load=os.getloadavg()[0],
    )


def table(runs: Sequence[Measurement]) -> Table:
    """Return a table with one column per film."""
    result = Table(title=f"mytalk dub, {os.cpu_count()} CPUs")
    result.add_column("film")
    for run in runs:
        result.add_column(run.film, justify="right")

    def row(name: str, figures: Sequence[str]) -> None:
        result.add_row(name, *figures)

    row("re-rendered frames", [str(run.rendered_frames) for run in runs])
    row("whole command, s", [f"{run.wall_seconds:.1f}" for run in runs])
    row(
        "re-rendered frames/s, whole command",
        [f"{run.rendered_frames / run.wall_seconds:.1f}" for run in runs],
    )
    row("processor time, s", [f"{run.cpu_seconds:.1f}" for run in runs])
    for stage in runs[0].stage_seconds:
        spent = [run.stage_seconds[stage] for run in runs]
        row(
            f"{stage}, s (frames/s)",
            [f"{s:.1f} ({run.frames / s:.0f})" for s, run in zip(spent, runs, strict=True)],
        )
    row("peak memory, MB", [f"{run.peak_megabytes:.0f}" for run in runs])
    row("load of the machine", [f"{run.load:.1f}" for run in runs])
    return result


def main(given: Sequence[str]) -> None:
    """Measure films of these lengths in seconds, or these films, and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if all(each.isdigit() for each in given):
            clips = footage()
            films = [film_and_speech(clips, int(seconds), folder) for seconds in given or SECONDS]
        else:
            paths = [Path(each).absolute() for each in given]
            films = list(zip(paths[::2], paths[1::2], strict=True))
        runs = [measure(*film, folder) for film in films]
    Console(width=100).print(table(runs))


if __name__ == "__main__":
    main(sys.argv[1:])
