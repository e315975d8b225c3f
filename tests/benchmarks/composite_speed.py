"""Cost of blending and compositing a redrawn crop into a film's frame, milliseconds on one core.

    python tests/benchmarks/composite_speed.py [frames]

Prints, for crops of several sizes in a 10-bit 1080p film: reading the crop, blending without and
with grain, mapping the patch to the film, and writing the samples. A second table has the cost of
occlusion detection in the analysis pass. The minimum of many calls is shown, which other load
affects little; the median is beside it.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from mytalk_core.appearance.blending import BlendConfig, DrawnCrop, blend
from mytalk_core.appearance.composite import composite
from mytalk_core.appearance.face_hulls import FaceHulls
from mytalk_core.appearance.grain import NO_GRAIN, measure_grain
from mytalk_core.faces.crop import cut_crop, place
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.occlusion import OcclusionConfig, occluded
from mytalk_core.faces.occlusion_sample import occlusion_sample, sample_places
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.plane_regions import region_rgb, with_region
from mytalk_core.media.planes import PlaneLayout, Planes

WIDTH, HEIGHT = 1920, 1080
SIZES = (192, 384, 576, 960)


def milliseconds(work: Callable[[], object], calls: int) -> str:
    """Return the minimum and the median time of a call."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return f"{min(times):.2f} ({np.median(times):.2f})"


def film(random: np.random.Generator) -> Planes:
    """Return a 10-bit picture with grain."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    luma = 400 + 100 * np.sin(x / 90) * np.cos(y / 70) + random.normal(0, 12, (HEIGHT, WIDTH))
    u, v = (np.full((HEIGHT // 2, WIDTH // 2), level, np.uint16) for level in (460, 570))
    tags = ColourTags(matrix=1, primaries=1, transfer=1, range=1)
    return Planes(luma.astype(np.uint16), u, v, PlaneLayout(bits=10), tags)


def main() -> None:
    """Measure and print."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    planes = film(random)
    table = Table(
        "crop", "read", "blend", "with grain", "map", "write", title="minimum (median) ms"
    )
    for size in SIZES:
        table.add_row(str(size), *crop_costs(planes, size, calls, random))
    console = Console()
    console.print(table, occlusion_costs(calls, random))
    console.print(f"load of the machine: {os.getloadavg()[0]:.1f}")


def crop_costs(planes: Planes, size: int, calls: int, random: np.random.Generator) -> list[str]:
    """Return the costs of a slightly rotated crop of `size` pixels at the film's resolution."""
    turn = np.array([[np.cos(0.05), -np.sin(0.05)], [np.sin(0.05), np.cos(0.05)]])
    shift = size / 2 - np.array([WIDTH / 2, HEIGHT / 2]) @ turn
    box = np.vstack([turn, shift]).astype(np.float32)
    region = place(box, size, WIDTH, HEIGHT)
    assert region is not None

    def read() -> np.ndarray:
        pixels = region_rgb(planes, region.left, region.top, region.right, region.bottom)
        return cut_crop(pixels, box, size, (region.left, region.top))

    before = read()
    mask = np.zeros((size, size), np.uint8)
    middle = (size // 2, int(0.68 * size))
    cv2.ellipse(mask, middle, (int(0.31 * size), int(0.27 * size)), 0, 0, 360, (1,), -1)
    angle = np.linspace(0, 6.28, 40)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32) * size
    centre = np.array([0.5, 0.68], np.float32) * size
    hulls = FaceHulls(centre + 0.12 * circle, centre + 0.25 * circle)
    drawn = before.copy()
    drawn[mask > 0] = cv2.GaussianBlur(before, (0, 0), 2)[mask > 0] + 6
    frames = before + random.normal(0, 5, (7, *before.shape)).astype(np.float32)
    grain = measure_grain(frames, np.repeat(1 - mask[None], 7, axis=0))
    config = BlendConfig()
    crop = DrawnCrop(drawn, mask, hulls, 0)
    picture, share = blend(before, crop, grain, config)
    patch = composite(picture, share, box, WIDTH, HEIGHT)
    assert patch is not None
    return [
        milliseconds(read, calls),
        milliseconds(lambda: blend(before, crop, NO_GRAIN, config), calls),
        milliseconds(lambda: blend(before, crop, grain, config), calls),
        milliseconds(lambda: composite(picture, share, box, WIDTH, HEIGHT), calls),
        milliseconds(
            lambda: with_region(planes, patch.rgb, patch.share, patch.left, patch.top), calls
        ),
    ]


def occlusion_costs(calls: int, random: np.random.Generator) -> Table:
    """Return the costs of occlusion detection per frame."""
    table = Table("occlusion detection", "ms a frame")
    image = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    face = random.uniform(700, 1000, (478, 3)).astype(np.float32)
    places = len(sample_places(MESH478).weights)
    samples = random.integers(90, 140, (600, places, 4), np.uint8)
    facing, yaw = np.ones(600, np.bool_), np.zeros(600, np.float32)
    start = time.perf_counter()
    occluded(samples, yaw, facing, 25.0, MESH478, OcclusionConfig())
    each = (time.perf_counter() - start) / 600 * 1000
    table.add_row("sample", milliseconds(lambda: occlusion_sample(image, face, MESH478), calls))
    table.add_row("decision over a run of 600", f"{each:.2f}")
    return table


if __name__ == "__main__":
    main()
