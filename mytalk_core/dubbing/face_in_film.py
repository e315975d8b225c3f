"""Put a drawn face into the film's picture, at the film's own pixels.

The drawing is applied where the film has its pixels, so the mouth is resampled once, from the
reference frames, and nothing of it passes through a crop.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.blending import BlendConfig, DrawnPicture, blend, blend_scale
from mytalk_core.appearance.face_hulls import FaceHulls, face_hulls
from mytalk_core.appearance.grain import Grain
from mytalk_core.appearance.mask_patch import MaskPatch, mask_patch
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.redraw import FrameDrawing, applied
from mytalk_core.appearance.window_map import window_of_crop
from mytalk_core.dubbing.geometry import FaceGeometry
from mytalk_core.faces.crop import Region, invert_box
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.media.plane_regions import region_rgb, with_change
from mytalk_core.media.planes import Planes
from mytalk_core.media.tone import tone_of

Floats = NDArray[np.float32]

_BLEND = BlendConfig()


@dataclass(frozen=True)
class DrawnFace:
    """A face of one frame, and its drawing."""

    drawing: FrameDrawing
    person: PersonReferences
    grain: Grain
    block: FaceGeometry
    at: int  # place of the frame in the block
    crop_size: int  # of the block's geometry, pixels
    strength: float  # 0..1, below 1 where drawing fades in or out
    frame: int  # of the film

    @property
    def box(self) -> Floats:
        """From the film's pixels to those of the crop, (3, 2)."""
        box: Floats = self.block.boxes[self.at]
        return box

    @property
    def mask_outline(self) -> Floats:
        """Of the redrawn region, (O, 2) pixels of the film."""
        return self.in_film(self.block.mask_outlines[self.at])

    def in_film(self, points: Floats) -> Floats:
        """Points of the crop (N, 2) in pixels of the film."""
        inverse = invert_box(self.box)
        placed: Floats = points @ inverse[:2] + inverse[2:]
        return placed


def with_face(planes: Planes, face: DrawnFace, scheme: LandmarkScheme) -> Planes:
    """The film's picture with a drawn face; the same object where nothing changes."""
    window = window_of_crop(face.box, face.crop_size)
    gain = float(np.sqrt(abs(np.linalg.det(face.box[:2]))))  # crop pixels a pixel of the film
    scale = blend_scale(face.crop_size, face.crop_size / gain)
    patch = mask_patch(face.mask_outline, window, scale.cell)
    inside = None if patch is None else _inside(patch, planes)
    if patch is None or inside is None:
        return planes
    before = _film_in_patch(planes, patch, inside)
    height, width = patch.mask.shape
    drawn = applied(face.drawing, face.person, window.moved(patch.left, patch.top), (width, height))
    shown = DrawnPicture(drawn, patch.mask, _hulls(face, patch, scheme), face.frame)
    picture, share = blend(before, shown, scale, face.grain, _BLEND)
    share = _part(share, patch, inside) * np.float32(face.strength)
    where = share > 0
    x, y, columns, rows = cv2.boundingRect(where.view(np.uint8))
    if not columns:
        return planes
    part = (slice(y, y + rows), slice(x, x + columns))
    change = (_part(picture, patch, inside) - _part(before, patch, inside))[part]
    change *= share[part][..., None]
    left, top = inside.left + x, inside.top + y
    tone = tone_of(planes, left, top, left + columns, top + rows)
    return with_change(planes, change, where[part], left, top, tone)


def _hulls(face: DrawnFace, patch: MaskPatch, scheme: LandmarkScheme) -> FaceHulls:
    """The hulls of a face in the pixels of a patch."""
    block, at = face.block, face.at
    own, target, upper = (
        face.in_film(points[at]) for points in (block.own, block.points, block.face_points)
    )
    return face_hulls(own, target, upper, scheme).beside(
        np.array([patch.left, patch.top], np.float32)
    )


def _inside(patch: MaskPatch, planes: Planes) -> Region | None:
    """The part of a patch that lies in the picture."""
    height, width = patch.mask.shape
    left, top = max(patch.left, 0), max(patch.top, 0)
    right = min(patch.left + width, planes.width)
    bottom = min(patch.top + height, planes.height)
    return Region(left, top, right, bottom) if left < right and top < bottom else None


def _part(picture: Floats, patch: MaskPatch, inside: Region) -> Floats:
    """The part of a picture of a patch that lies in the film's picture."""
    y, x = inside.top - patch.top, inside.left - patch.left
    return picture[y : y + inside.height, x : x + inside.width]


def _film_in_patch(planes: Planes, patch: MaskPatch, inside: Region) -> Floats:
    """The film's own pixels in a patch; its edges are repeated beyond the picture."""
    pixels = region_rgb(planes, inside.left, inside.top, inside.right, inside.bottom)
    height, width = patch.mask.shape
    above, before = inside.top - patch.top, inside.left - patch.left
    below, after = height - above - inside.height, width - before - inside.width
    if not any((above, below, before, after)):
        return pixels
    border = cv2.BORDER_REPLICATE
    repeated = cv2.copyMakeBorder(pixels, above, below, before, after, border)
    return repeated.astype(np.float32, copy=False)
