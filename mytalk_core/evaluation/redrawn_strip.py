"""A contact sheet of a case: inputs, output and truth."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import draw_landmarks
from mytalk_core.appearance.face_crops import to_window, window_slices
from mytalk_core.evaluation.redrawing import Pictures, RedrawCase

_SIDE = 220  # pixels of one picture
_MARGIN = 96  # pixels, for the names of the rows
_COLUMNS = 5
_MAGNIFIED = 4  # times


def redrawn_strip(case: RedrawCase, drawn: Pictures) -> NDArray[np.uint8]:
    """Arrange some frames of a case, evenly spread in time, from left to right; (H, W, 3) RGB.

    Rows: source and masked source as whole crops; then the lower face of the references, the target
    landmarks and the output; in reconstruction also the truth and the magnified difference from it.

    Args:
        drawn: (N, C, C, 3) RGB, of all frames drawn.
    """
    places = np.linspace(0, len(drawn) - 1, _COLUMNS).round().astype(int)
    window = (slice(None), *window_slices(drawn.shape[1]))
    source, output = case.pictures[places], drawn[places]
    masked = source * (1 - case.masks[places])[..., None]
    references = case.crops.pictures[case.references[:_COLUMNS]].astype(np.uint8, copy=False)
    rows = {
        "source": source,
        "masked": masked,
        "references": references[window],
        "landmarks": _landmarks(case, places),
        "output": output[window],
    }
    if case.is_reconstruction:
        difference = np.abs(output.astype(np.int16) - source) * _MAGNIFIED
        rows |= {
            "truth": source[window],
            f"difference x{_MAGNIFIED}": difference.clip(0, 255).astype(np.uint8)[window],
        }
    return np.concatenate([_row(name, pictures) for name, pictures in rows.items()])


def _landmarks(case: RedrawCase, places: NDArray[np.int64]) -> Pictures:
    size = case.pictures.shape[1]
    target = to_window(case.crops.points[case.frames[places]], size, _SIDE) * _SIDE
    drawings = [draw_landmarks(points, _SIDE, case.scheme) for points in target]
    return np.stack(drawings).transpose(0, 2, 3, 1)


def _row(name: str, pictures: Pictures) -> NDArray[np.uint8]:
    row = np.full((_SIDE, _MARGIN + _COLUMNS * _SIDE, 3), 255, np.uint8)
    for column, picture in enumerate(pictures):
        left = _MARGIN + column * _SIDE
        way = cv2.INTER_AREA if len(picture) > _SIDE else cv2.INTER_CUBIC
        row[:, left : left + _SIDE] = cv2.resize(picture, (_SIDE, _SIDE), interpolation=way)
    place = (6, _SIDE // 2)
    cv2.putText(row, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (60, 60, 60), 1, cv2.LINE_AA)
    return row
