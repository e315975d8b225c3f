"""A drawn face that copies one picture, for tests of what becomes of a drawing in a film."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import FaceCrops
from mytalk_core.appearance.grain import NO_GRAIN, Grain
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.redraw import FrameDrawing
from mytalk_core.appearance.renderer import Renderer, RendererConfig
from mytalk_core.dubbing.face_in_film import DrawnFace
from mytalk_core.dubbing.geometry import FaceGeometry
from mytalk_core.faces.landmark_scheme import MESH478

Array = NDArray[np.float32]
MIDDLE = np.array([0.5, 0.68], np.float32)
"""Of the mask in a crop, shares of its side."""
RADIUS = 0.25
"""Of the mask, a share of the crop's side."""
_RENDERER = Renderer(RendererConfig(size=64, widths=(8, 16, 16)))  # draws nothing


def turned_box(size: int, gain: float, angle: float, centre: tuple[float, float]) -> Array:
    """The transform (3, 2) to a crop whose middle is at `centre` of the film."""
    cos, sin = gain * np.cos(angle), gain * np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.vstack([turn, (size - 1) / 2 - np.array(centre) @ turn]).astype(np.float32)


def drawn_face(
    picture: NDArray[np.generic], box: Array, strength: float = 1.0, grain: Grain = NO_GRAIN
) -> DrawnFace:
    """A face that is drawn as a crop (C, C, 3) shows it, in a disc of the lower face."""
    size = len(picture)
    around = _circle(size, RADIUS, 60)
    lips = _circle(size, 0.05, len(MESH478.moving))
    block = FaceGeometry(
        first=0,
        boxes=box[None],
        points=lips[None],
        before=lips[None],
        after=lips[None],
        own=lips[None],
        mask_outlines=around[None],
        face_points=_circle(size, 0.6, 20)[None],
        opening=np.zeros(1, np.float32),
    )
    colour = np.array([120.0, 110.0, 100.0], np.float32)
    drawing = FrameDrawing(
        references=np.array([0]),
        flow=np.zeros((1, 32, 32, 2), np.float32),
        share=np.ones((1, 32, 32), np.float32),
        residual=np.zeros((64, 64, 3), np.float32),
        colour=colour,
        skins=colour[None],
    )
    crops = FaceCrops(
        picture[None],  # type: ignore[arg-type]
        *(block.points, block.before, block.after, block.mask_outlines, block.face_points),
    )
    person = PersonReferences(_RENDERER, crops, np.zeros(1), MESH478)
    return DrawnFace(drawing, person, grain, block, 0, size, strength, 0)


def _circle(size: int, radius: float, count: int) -> Array:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    return ((MIDDLE + radius * circle) * size - 0.5).astype(np.float32)
