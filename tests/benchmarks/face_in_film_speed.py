"""Cost of putting a drawn face into a film's frame, milliseconds on one core.

    python tests/benchmarks/face_in_film_speed.py [frames]

Prints, for faces of several sizes in a 10-bit 1080p film: cutting the reduced crop that the
renderer sees, applying a drawing of one reference, and putting the face into the picture, blending
and writing included, without and with grain. A second table has the cost of occlusion detection in
the analysis pass. The minimum of many calls is shown, which other load affects little; the median
is beside it.
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

from mytalk_core.appearance.grain import NO_GRAIN, measure_grain
from mytalk_core.appearance.mask_patch import mask_patch
from mytalk_core.appearance.redraw import applied
from mytalk_core.appearance.window_map import window_of_crop
from mytalk_core.dubbing.face_in_film import with_face
from mytalk_core.dubbing.film_crop import film_crop, reduced_crop
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.occlusion import OcclusionConfig, occluded
from mytalk_core.faces.occlusion_sample import occlusion_sample, sample_places
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.planes import PlaneLayout, Planes
from tests.drawn_faces import drawn_face, turned_box

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
        *("crop", "as the renderer sees it", "drawing applied", "face put in", "with grain"),
        title="minimum (median) ms",
    )
    for size in SIZES:
        table.add_row(str(size), *face_costs(planes, size, calls, random))
    console = Console()
    console.print(table, occlusion_costs(calls, random))
    console.print(f"load of the machine: {os.getloadavg()[0]:.1f}")


def face_costs(planes: Planes, size: int, calls: int, random: np.random.Generator) -> list[str]:
    """Return the costs of a slightly rotated face whose crop is `size` pixels of the film wide."""
    box = turned_box(size, 1.0, 0.05, (WIDTH / 2, HEIGHT / 2))
    crop = film_crop(planes, box, size)
    frames = crop + random.normal(0, 5, (7, *crop.shape)).astype(np.float32)
    grain = measure_grain(frames, np.ones((7, size, size), np.uint8))
    reference = np.clip(cv2.GaussianBlur(crop, (0, 0), 2) + 6, 0, 255).astype(np.uint8)
    plain, grainy = (drawn_face(reference, box, grain=each) for each in (NO_GRAIN, grain))
    window = window_of_crop(box, size)
    patch = mask_patch(plain.mask_outline, window, size // 24)
    assert patch is not None
    moved, (height, width) = window.moved(patch.left, patch.top), patch.mask.shape
    return [
        milliseconds(lambda: reduced_crop(planes, box, size, min(size, 384)), calls),
        milliseconds(lambda: applied(plain.drawing, plain.person, moved, (width, height)), calls),
        milliseconds(lambda: with_face(planes, plain, MESH478), calls),
        milliseconds(lambda: with_face(planes, grainy, MESH478), calls),
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
