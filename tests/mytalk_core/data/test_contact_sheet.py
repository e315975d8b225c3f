"""The contact sheet draws landmarks and curves correctly and is self-contained."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.data.contact_sheet import CURVE_HEIGHT, CURVE_WIDTH, strip, write_contact_sheet
from mytalk_core.data.schema import ClipSample
from mytalk_core.errors import OutputError
from mytalk_core.faces.landmark_scheme import MESH478
from tests.synthetic_face import SIZE, speaking_clip


@pytest.fixture(scope="module")
def sample() -> ClipSample:
    return speaking_clip("ann", 0)


def pixels(uri: str) -> np.ndarray:
    """Decode the picture of a data URI to (H, W, 3) RGB."""
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    encoded = np.frombuffer(base64.b64decode(data), np.uint8)
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def points_of(path: str) -> np.ndarray:
    """Return the points of SVG path data, (N, 2)."""
    return np.array(re.findall(r"([\d.-]+) ([\d.-]+)", path), float)


def test_landmarks_are_drawn_on_the_face_of_a_rotated_and_shifted_crop(sample: ClipSample) -> None:
    box = np.array([[0, 1], [-1, 0], [SIZE, 0]], np.float32)  # a quarter turn
    turned = replace(
        sample,
        boxes=np.repeat(box[None], len(sample.boxes), axis=0),
        crops=np.full_like(sample.crops, 60),
    )
    picture = pixels(strip(turned).pictures[0])
    yellow = (picture[..., 0] > 150) & (picture[..., 1] > 120) & (picture[..., 2] < 120)
    found = np.argwhere(yellow).mean(axis=0)[::-1] / len(picture) * SIZE
    lips = sample.landmarks[0, list(MESH478.outer_lips), :2].mean(axis=0)
    np.testing.assert_allclose(found, [SIZE - lips[1], lips[0]], atol=3)


def test_the_curve_follows_mouth_and_sound(sample: ClipSample) -> None:
    curve = strip(sample).curve
    opening, loudness = points_of(curve.opening), points_of(curve.loudness)
    frames = sample.meta.frame_count
    assert len(opening) == frames and len(loudness) == frames + 2  # two to close the area
    # The synthetic mouth opens with the loudness. SVG's y axis points down for both curves.
    assert np.corrcoef(opening[:, 1], loudness[1:-1, 1])[0, 1] > 0.7
    assert opening[:, 0].min() >= 0 and opening[:, 0].max() <= CURVE_WIDTH
    assert opening[:, 1].min() >= 0 and opening[:, 1].max() <= CURVE_HEIGHT


@settings(max_examples=15)
@given(st.integers(1, 20))
def test_clips_of_any_length_have_a_strip(frames: int) -> None:
    shown = strip(speaking_clip("bo", 1, frames))
    assert len(shown.pictures) == len(shown.times) == len(shown.curve.marks) == min(frames, 6)
    assert list(shown.times) == sorted(set(shown.times))


def test_silence_is_drawn_at_the_bottom(sample: ClipSample) -> None:
    silent = replace(sample, audio=np.zeros(0, np.int16))
    assert (points_of(strip(silent).curve.loudness)[:, 1] == CURVE_HEIGHT).all()


def test_the_page_has_the_facts_and_no_external_resources(
    sample: ClipSample, tmp_path: Path
) -> None:
    meta = replace(
        sample.meta, fps=Fraction(30000, 1001), sync_offset=-2.0, source="<script>film</script>"
    )
    path = tmp_path / "sheet.html"
    write_contact_sheet(path, "my <shard>", [sample, replace(sample, meta=meta)])
    page = path.read_text()
    assert page.count("<section>") == 2
    assert "30000/1001" in page and "-2.0" in page and "my &lt;shard&gt;" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_a_failed_write_leaves_no_file(sample: ClipSample, tmp_path: Path) -> None:
    def breaking() -> Iterator[ClipSample]:
        yield sample
        raise RuntimeError("the sample's own")

    with pytest.raises(RuntimeError, match="own"):
        write_contact_sheet(tmp_path / "sheet.html", "", breaking())
    with pytest.raises(OutputError):
        write_contact_sheet(tmp_path / "absent" / "sheet.html", "", [sample])
    assert list(tmp_path.iterdir()) == []
