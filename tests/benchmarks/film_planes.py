"""Measure the cost of working on the YUV planes of a film, in ms of one core per frame.

    python tests/benchmarks/film_planes.py FILM [FRAMES]

Prints the cost of decoding, of reading and changing a square region, of checking the rest, and of
encoding, and the size and PSNR for several presets of the encoder. Processor time is measured, so
other load on the machine has little influence.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from mytalk_core.media import encode, film_encoder
from mytalk_core.media.decode import PlaneFrame, iter_planes
from mytalk_core.media.plane_regions import largest_outside_change, region_rgb
from mytalk_core.media.probe import VideoInfo, probe_video
from tests.changed_region import with_region

PRESETS = (("ultrafast", 16), ("superfast", 16), ("veryfast", 14), ("fast", 16))  # with crf


def milliseconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def luma_psnr(ours: list[PlaneFrame], theirs: list[PlaneFrame]) -> float:
    """Return the PSNR of the luma plane, dB, pooled over the frames."""
    peak = (1 << ours[0].planes.layout.bits) - 1
    pairs = zip(ours, theirs, strict=True)
    squares = [np.mean((one.planes.y.astype(float) - two.planes.y) ** 2) for one, two in pairs]
    return float(10 * np.log10(peak**2 / np.mean(squares)))


def write(out: Path, info: VideoInfo, crf: int, frames: list[PlaneFrame]) -> None:
    """Write the frames as a film."""
    with encode.VideoWriter(out, info, crf) as writer:
        for frame in frames:
            writer.write(frame)


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    film, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 50
    info = probe_video(film)
    frames: list[PlaneFrame] = []
    decoding = milliseconds(lambda: frames.extend(islice(iter_planes(film), count)))
    console = Console()
    title = f"{info.width}x{info.height} {info.layout.name}, {len(frames)} frames"
    table = Table("step", "region", "ms", title=title)
    table.add_row("decode", "", f"{decoding / len(frames):.1f}")
    for size in (256, 384, 512):
        left, top = info.width // 2 - size // 2, info.height // 2 - size // 2
        share = np.ones((size, size), np.float32)
        inside = np.zeros((info.height, info.width), bool)
        inside[top : top + size, left : left + size] = True
        planes, region = frames[0].planes, (left, top, left + size, top + size)
        rgb = region_rgb(planes, *region) + 9
        changed = with_region(planes, rgb, share, left, top)
        steps = {
            "read": partial(region_rgb, planes, *region),
            "change": partial(with_region, planes, rgb, share, left, top),
            "check": partial(largest_outside_change, planes, changed, inside),
        }
        for name, step in steps.items():
            spent = [milliseconds(step) for _ in range(20)]
            table.add_row(name, f"{size}", f"{np.median(spent):.1f}")
    console.print(table)
    table = Table("encode", "crf", "ms", "kB", "luma PSNR, dB", title=title)
    for preset, crf in PRESETS:
        film_encoder._FILM_PRESET = preset  # the encoder has no public option for it
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.mp4"
            cost = milliseconds(partial(write, out, info, crf, frames)) / len(frames)
            psnr = luma_psnr(frames, list(iter_planes(out)))
            size = out.stat().st_size // 1000
        table.add_row(preset, str(crf), f"{cost:.1f}", str(size), f"{psnr:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
