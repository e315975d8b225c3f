"""The measures behind the limits of `plausibility`.

    python tests/benchmarks/face_plausibility.py [every]

Uses the talking footage beside the clone and the sample footage, or every n-th clip of it:
unmodified, upside down, with the mouth cut off by the picture's edge, under a bar or under letters,
and photographs of the faces with noise and a moving camera. Prints for each kind percentiles of
every measure, the limit, and the number of tracks rejected for each reason. Also prints the
smallest face that is detected in a whole image.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.occlusion import written_share
from mytalk_core.faces.occlusion_sample import occlusion_sample
from mytalk_core.faces.plausibility import (
    CheckedFaces,
    FaceChecker,
    MouthFlags,
    mouth_outside,
    on_flat_colour,
    track_fault,
    written_over,
)
from mytalk_core.faces.shape import face_height
from mytalk_core.faces.stillness import movement_ratio
from mytalk_core.faces.tracks import FacesInMemory, Track
from mytalk_core.films.joining import join_ranges
from mytalk_core.films.observing import ObserverConfig, RangeObserver, RangeScanner, SeenFrame
from mytalk_core.media.decode import iter_frames

DATA = Path(__file__).parents[2] / "../shared/data"
_VIDEO = {".mpg", ".mp4", ".webm"}
_FPS = Fraction(25)
_MOST_FRAMES = 125  # of a clip
_EVERY = 10  # frames between checks
_LEAST_FRAMES = 25  # of a track, as in preprocessing
_PERCENTILES = (0, 1, 5, 50, 95, 99, 100)
_SHARES = (0.08, 0.1, 0.11, 0.12, 0.13, 0.14, 0.16, 0.2)  # heights of small faces

Image = NDArray[np.uint8]
Modify = Callable[[list[Image], NDArray[np.float32]], list[Image]]
"""Modify images, given the landmarks of the middle frame."""


def upside_down(images: list[Image], face: NDArray[np.float32]) -> list[Image]:
    return [np.ascontiguousarray(image[::-1, ::-1]) for image in images]


def cut_off(images: list[Image], face: NDArray[np.float32]) -> list[Image]:
    edge = int(face[list(MESH478.lips), 1].min())
    return [image[:edge] for image in images]


def barred(images: list[Image], face: NDArray[np.float32]) -> list[Image]:
    edge = int(face[list(MESH478.lips), 1].min())
    shown = [image.copy() for image in images]
    for image in shown:
        image[edge:] = 0
    return shown


def lettered(images: list[Image], face: NDArray[np.float32]) -> list[Image]:
    mouth = face[list(MESH478.lips), :2].mean(axis=0)
    size = float(np.ptp(face[:, 1])) / 160
    place = (int(mouth[0] - 110 * size), int(mouth[1] + 22 * size))
    shown = [image.copy() for image in images]
    for colour, width in (((0, 0, 0), 8), ((255, 255, 255), 3)):
        thick = max(round(width * size), 1)
        for image in shown:
            cv2.putText(
                image, "BIN BLUE AT", place, cv2.FONT_HERSHEY_SIMPLEX, 1.2 * size, colour, thick
            )
    return shown


def photograph(images: list[Image], face: NDArray[np.float32]) -> list[Image]:
    """Repeat the middle frame with noise, pan and zoom."""
    random = np.random.default_rng(0)
    picture = images[len(images) // 2]
    height, width = picture.shape[:2]
    shown = []
    for time in range(len(images)):
        zoom = 1 + 0.1 * time / len(images)
        shift = [width * (0.5 - zoom / 2 + 0.02 * np.sin(time / 9)), height * (0.5 - zoom / 2)]
        view = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        moved = cv2.warpAffine(picture, view, (width, height), borderMode=cv2.BORDER_REPLICATE)
        noise = random.normal(0, 4, (height, width, 1))
        shown.append(np.clip(moved + noise, 0, 255).astype(np.uint8))
    return shown


def unmodified(images: list[Image], face: NDArray[np.float32]) -> list[Image]:
    return images


def on_its_side(images: list[Image], face: NDArray[np.float32]) -> list[Image]:
    return [np.ascontiguousarray(np.rot90(image)) for image in images]


GOOD: dict[str, Modify] = {"unmodified": unmodified, "on its side": on_its_side}
BAD: dict[str, Modify] = {
    "upside down": upside_down,
    "mouth cut off": cut_off,
    "mouth under a bar": barred,
    "letters over the mouth": lettered,
    "photograph": photograph,
}
LIMITS = {
    "upright": ">= 0",
    "distance": "<= 0.35",
    "outside": "<= 0.1",
    "on bar": "<= 0.1",
    "letters": "< 0.3",
    "movement": ">= 1",
}


def tracks_of(
    images: list[Image], landmarker: MeshLandmarker
) -> Iterator[tuple[Track, CheckedFaces, list[Image]]]:
    checker = FaceChecker(landmarker.check, _EVERY, MESH478)
    config, faces = ObserverConfig(), FacesInMemory()
    scanner = RangeScanner(config, _FPS)
    observer = RangeObserver(landmarker, config, faces, checker)
    for scanned in scanner.scan(
        SeenFrame(number / _FPS, (number + 1) / _FPS, image) for number, image in enumerate(images)
    ):
        observer.observe(scanned)
    film = join_ranges([observer.finish(scanner)], [faces], MESH478, config, _FPS)
    for track in film.tracks:
        if track.end - track.first >= _LEAST_FRAMES:
            yield track, film.checked, images


def measured(
    track: Track, checked: CheckedFaces, images: list[Image]
) -> tuple[dict[str, float], str]:
    """Return the measures of a track, and the reason of its rejection."""
    height, width = images[0].shape[:2]
    some = track.frames[:: max(len(track.frames) // 20, 1)]
    samples = np.stack(
        [
            occlusion_sample(images[frame], face, MESH478)
            for frame, face in zip(some.tolist(), track.at(some), strict=True)
        ]
    )
    outside = mouth_outside(track.landmarks, width, height, MESH478)
    bar = on_flat_colour(samples, MESH478)
    agreements = [each.agreement for each in checked.of(track)]
    values = {
        "upright": float(np.median([each.upright for each in agreements])),
        "distance": float(np.median([each.distance for each in agreements])),
        "outside": float(outside.mean()),
        "on bar": float(bar.mean()),
        "letters": float(np.median(written_share(samples, MESH478))),
        "movement": movement_ratio(track.landmarks, MESH478, float(_FPS)),
    }
    mouth = MouthFlags(outside | (2 * bar.sum() > len(bar)), written_over(samples, MESH478))
    fault = track_fault(checked, track, mouth, MESH478, float(_FPS))
    return values, fault.value if fault else "kept"


def clips() -> list[Path]:
    found = [
        path
        for folder in ("grid", "grid_hq720", "talkers", "films_source")
        for path in sorted((DATA / folder).rglob("*"))
        if path.suffix in _VIDEO
    ]
    return found + [clip.path for clip in sample_footage()]


def smallest_found(image: Image, face: NDArray[np.float32], model: Path) -> float | None:
    """Return the height of the smallest copy detected in a wide image, over its width."""
    own = float(face_height(face[None], MESH478)[0])
    for share in _SHARES:
        canvas = np.full((720, 1280, 3), 90, np.uint8)
        scale = share * 1280 / own
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = small[:720, :1280]
        top, left = (720 - len(small)) // 2, (1280 - small.shape[1]) // 3
        canvas[top : top + len(small), left : left + small.shape[1]] = small
        with MeshLandmarker(model) as landmarker:
            if landmarker.detect(canvas):
                return share
    return None


def main() -> None:
    """Print the tables."""
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    smallest: list[float | None] = []
    rejected: list[str] = []
    model = pull("face-landmarker")
    with MeshLandmarker(model) as landmarker:
        for number, path in enumerate(clips()[::every]):
            frames = (frame for frame in iter_frames(path, exact=False))
            images = [frame.image for frame in frames if frame.index < _MOST_FRAMES]
            landmarker.restart()
            face = [landmarker.detect(image) for image in images[: len(images) // 2 + 1]][-1]
            if not face:
                continue
            # Modified clips take long and vary less: every tenth clip.
            kinds = GOOD | BAD if number % 10 == 0 else {"unmodified": unmodified}
            for kind, modify in kinds.items():
                for track, checked, shown in tracks_of(modify(images, face[0]), landmarker):
                    found, outcome = measured(track, checked, shown)
                    outcomes[kind][outcome] += 1
                    for name, value in found.items():
                        values[kind][name].append(value)
                    if kind in GOOD and outcome != "kept":
                        rejected.append(f"{path.parent.name}/{path.name} {kind}: {outcome} {found}")
            if number % 40 == 0:
                smallest.append(smallest_found(images[len(images) // 2], face[0], model))
    report(values, outcomes, rejected)
    Console().print("smallest face detected, share of the longer side:", smallest)


def report(
    values: dict[str, dict[str, list[float]]],
    outcomes: dict[str, Counter[str]],
    rejected: list[str],
) -> None:
    console = Console(width=140)
    table = Table(title="measures of tracks, percentiles " + " ".join(map(str, _PERCENTILES)))
    for heading in ("kind", "tracks", *(f"{name}\n{limit}" for name, limit in LIMITS.items())):
        table.add_column(heading)
    for kind, measures in values.items():
        cells = [
            "\n".join(f"{value:.3f}" for value in np.percentile(measures[name], _PERCENTILES))
            for name in LIMITS
        ]
        table.add_row(kind, str(outcomes[kind].total()), *cells, end_section=True)
    console.print(table)
    for kind, counts in outcomes.items():
        console.print(f"{kind}:", dict(counts))
    console.print("rejected tracks of good footage:", rejected or "none")


if __name__ == "__main__":
    main()
