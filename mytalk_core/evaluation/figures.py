"""Figures as files, data URIs and arrays."""

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
    """Encode the figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """Encode the figure as SVG; a fixed salt and no date make the bytes reproducible."""
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "mytalk", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata=no_metadata)
    return buffer.getvalue()


def svg_uri(figure: Figure) -> str:
    """Return the figure as an SVG data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def png_uri(data: bytes) -> str:
    """Return a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def jpeg_uri(picture: NDArray[np.uint8]) -> str:
    """Return pixels (H, W, 3) RGB as a JPEG data URI, a tenth of the size of a PNG."""
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def rgb(figure: Figure) -> NDArray[np.uint8]:
    """Render the figure to pixels, (H, W, 3) RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = drawn[..., :3].copy()
    return pixels
