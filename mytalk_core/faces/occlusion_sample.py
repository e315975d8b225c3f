"""Samples of colour and roughness on a face, small enough to store for every frame of a film.

They are taken at places of the lower face, and of the upper face as a reference of light. Places
are means of landmarks, so they follow the skin, and sample any object in front of it.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.crop import cut_crop
from mytalk_core.faces.landmark_scheme import LandmarkScheme

Floats = NDArray[np.float32]

# Size in pixels of the bounding box of the places in the sampled crop, and the margin around it.
_SPAN, _AROUND = 80, 8
_ROUGHNESS_GAIN = 4  # of 255; skin has 1 to 10


@dataclass(frozen=True)
class SamplePlaces:
    """N sample places of a face."""

    weights: Floats  # (N, P) weights of landmarks; every place is a weighted mean
    chin: NDArray[np.bool_]  # (N,) between lower lip and jaw
    upper_lip: NDArray[np.bool_]  # (N,) between upper lip, nose and cheeks
    mouth: NDArray[np.bool_]  # (N,) on and between the lips
    # (N, 2) approximate positions on a face at rest, inter-ocular units; y down from the eyes.
    resting: Floats

    @property
    def upper_face(self) -> NDArray[np.bool_]:
        """(N,) all other places, on skin that objects in front of a mouth do not cover."""
        others: NDArray[np.bool_] = ~(self.chin | self.upper_lip | self.mouth)
        return others


@lru_cache
def sample_places(scheme: LandmarkScheme) -> SamplePlaces:
    """Return the sample places of a scheme."""
    points = np.eye(scheme.point_count)
    half = len(scheme.outer_lips) // 2
    lower = points[list(scheme.outer_lips[: half + 1])]
    upper = points[[scheme.outer_lips[0], *scheme.outer_lips[: half - 1 : -1]]]
    jaw = points[list(scheme.jaw)]
    nose = points[scheme.nose_base]
    left, right = jaw[1], jaw[-2]
    over_lip = np.stack(
        [0.85 * left + 0.15 * nose, (left + nose) / 2, nose]
        + [(right + nose) / 2, 0.85 * right + 0.15 * nose]
    )
    across = np.linspace(0, 1, 13)
    chin = _between(_along(lower, across), _along(jaw, 0.15 + 0.7 * across), (0.2, 0.4, 0.6, 0.8))
    lip = _between(_along(upper, across), _along(over_lip, across), (0.25, 0.5, 0.75))
    within = np.linspace(0.1, 0.9, 9)
    mouth = _between(_along(upper, within), _along(lower, within), (0, 0.25, 0.5, 0.75, 1))
    light = _upper_face(points, scheme)
    weights = np.concatenate([chin, lip, mouth, light]).astype(np.float32)
    kind = np.repeat(np.arange(4), [len(chin), len(lip), len(mouth), len(light)])
    return SamplePlaces(
        weights, kind == 0, kind == 1, kind == 2, (weights @ _resting(scheme)).astype(np.float32)
    )


def occlusion_sample(
    image: NDArray[np.uint8], face: NDArray[np.float32], scheme: LandmarkScheme
) -> NDArray[np.uint8]:
    """Sample colour and roughness at the places of a face.

    Args:
        image: (H, W, 3) RGB; only the region of the face is read.
        face: (P, 3) pixels; NaN without a face.

    Returns:
        (N, 4): RGB and the standard deviation of fine detail; 0 without a face.
    """
    places = sample_places(scheme).weights @ face[:, :2]
    if not np.isfinite(places).all():
        return np.zeros((len(places), 4), np.uint8)
    low, high = places.min(axis=0), places.max(axis=0)
    gain = _SPAN / max(float((high - low).max()), 1.0)
    size = _SPAN + 2 * _AROUND
    shift = size / 2 - gain * (low + high) / 2
    box = np.array([[gain, 0], [0, gain], shift], np.float32)
    small = cut_crop(image, box, size)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), 2)
    # Rounding in the running sums of the blur can give values below 0.
    rough = _ROUGHNESS_GAIN * np.sqrt(np.maximum(cv2.blur(detail * detail, (5, 5)), 0))
    seen = np.dstack([cv2.blur(small, (3, 3)), np.minimum(rough, 255).astype(np.uint8)])
    x, y = (gain * places + shift).T.astype(np.float32)
    sample = cv2.remap(seen, x[:, None], y[:, None], cv2.INTER_LINEAR)
    return sample[:, 0].astype(np.uint8, copy=False)


def _along(line: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate a line at shares 0..1 of its number of points, (K, P)."""
    place = shares * (len(line) - 1)
    first = np.minimum(place.astype(int), len(line) - 2)
    rest = (place - first)[:, None]
    mixed: NDArray[np.float64] = (1 - rest) * line[first] + rest * line[first + 1]
    return mixed


def _between(
    inner: NDArray[np.float64], outer: NDArray[np.float64], shares: tuple[float, ...]
) -> NDArray[np.float64]:
    """Interpolate at shares between two lines, (K * len(shares), P)."""
    return np.concatenate([(1 - share) * inner + share * outer for share in shares])


def _upper_face(points: NDArray[np.float64], scheme: LandmarkScheme) -> NDArray[np.float64]:
    """Return places under the eyes, beside and along the nose, and on the forehead."""
    high, low = (points[point] for point in scheme.vertical)
    nose = points[scheme.nose_base]
    places = [(1 - share) * high + share * low for share in (0.3, 0.45, 0.6, 0.8, 1.0)]
    places += [(1 - share) * low + share * nose for share in (0.35, 0.65)]
    for side in (0, 1):
        eye, mouth = points[scheme.eye_corners[side]], points[scheme.mouth_corners[side]]
        lobe = points[scheme.jaw[-side]]
        places += [(1 - share) * eye + share * mouth for share in (0.3, 0.45)]
        places += [0.45 * eye + 0.2 * mouth + 0.35 * lobe, 0.4 * eye + 0.3 * low + 0.3 * nose]
    return np.stack(places)


def _resting(scheme: LandmarkScheme) -> NDArray[np.float64]:
    """Return approximate positions (P, 2) of the landmarks used here on a face at rest."""
    face = np.zeros((scheme.point_count, 2))
    count = len(scheme.outer_lips)
    angle = np.pi - 2 * np.pi * np.arange(count) / count
    face[list(scheme.outer_lips)] = np.stack(
        [0.28 * np.cos(angle), 0.8 + 0.1 * np.sin(angle)], axis=1
    )
    across = np.linspace(-np.pi / 2, np.pi / 2, len(scheme.jaw))
    face[list(scheme.jaw)] = np.stack([0.68 * np.sin(across), 0.35 + 0.9 * np.cos(across)], axis=1)
    face[scheme.nose_base] = 0, 0.52
    face[list(scheme.eye_corners)] = [[-0.5, 0], [0.5, 0]]
    face[list(scheme.mouth_corners)] = [[-0.26, 0.8], [0.26, 0.8]]
    face[list(scheme.vertical)] = [[0, -0.7], [0, 0.3]]
    return face
