"""Drawn figures as files and as arrays."""

import base64
import io

import cv2
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

_DPI = 120


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file; the same figure gives the same bytes."""
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    buffer = io.BytesIO()
    # The salt and the missing date give the same bytes for the same figure.
    with matplotlib.rc_context({"svg.hashsalt": "mytalk", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


def svg_uri(figure: Figure) -> str:
    """The figure as a data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def png_uri(data: bytes) -> str:
    """A PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def jpeg_uri(picture: NDArray[np.uint8]) -> str:
    """Pixels (H, W, 3) RGB as a data URI, a photograph in a tenth of the bytes of a PNG."""
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def rgb(figure: Figure) -> NDArray[np.uint8]:
    """The figure as pixels, (H, W, 3) RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = drawn[..., :3].copy()
    return pixels
