"""face-alignment as the second judge, with networks replaced by a stub."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.evaluation.appearance_scores import Judges
from mytalk_core.evaluation.appearance_section import evaluate_appearance
from mytalk_core.evaluation.appearance_table import CROSS, RECONSTRUCTION, TRUTH, UNTOUCHED
from mytalk_core.evaluation.independent_judge import (
    JUDGE,
    independent_judge,
    independent_lip_scores,
)
from mytalk_core.evaluation.pasting import MEAN_MOUTH, PASTED
from mytalk_core.evaluation.redrawing import OURS, reconstruction_case
from mytalk_core.evaluation.sections import Section, to_json
from mytalk_core.faces.landmark_scheme import IBUG68, MESH478
from mytalk_core.faces.shape import aperture
from tests.synthetic_face import speaking_clip, write_curated

face_alignment = pytest.importorskip("face_alignment")


class StubNetworks:
    """Finds one face, whose mouth is as far open as the dark mouth in the picture is high."""

    def __init__(self, landmarks_type: Any, **options: Any) -> None:
        """Load nothing."""

    def get_landmarks_from_image(self, image: np.ndarray) -> list[np.ndarray]:
        middle = image.shape[1] // 2
        column = image[image.shape[0] // 2 :, middle, 0].astype(float)
        return [ibug_face(np.clip(90 - column, 0, 50).sum() / 50)]


def ibug_face(gap: float) -> np.ndarray:
    """(68, 3) a face of fixed shape whose inner lips are `gap` pixels apart."""
    face = np.random.default_rng(0).uniform(100, 300, (68, 3))
    for upper, lower in IBUG68.aperture_pairs:
        face[upper, :2], face[lower, :2] = (200, 250), (200, 250 + gap)
    return face


@pytest.fixture
def installed_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub folder with small files of the right names, and networks that need none of them."""
    from face_alignment import api
    from face_alignment.detection.sfd import sfd_detector

    content = b"weights"
    name = f"net-{hashlib.sha256(content).hexdigest()[:10]}"
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for file, urls, key in [
        (f"a{name}.pth", sfd_detector.models_urls, "s3fd"),
        (f"b{name}.pth.tar", api.models_urls, "3DFAN-4"),
        (f"c{name}.pth.tar", api.models_urls, "depth"),
    ]:
        monkeypatch.setitem(urls, key, f"https://weights.example/{file}")
        (checkpoints / file).write_bytes(content)
    monkeypatch.setattr(face_alignment, "FaceAlignment", StubNetworks)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "empty"))


def evaluated(folder: Path) -> Section:
    data = write_curated(folder / "data", {"test": ["ann"]})
    torch.manual_seed(0)
    renderer = Renderer(SIZES["tiny"]).eval()
    judges = Judges(independent=independent_judge())
    return evaluate_appearance([data], "test", renderer, judges, lambda done, total: None)


@pytest.mark.usefixtures("installed_weights")
def test_the_independent_judge_has_columns_beside_the_other_measures(tmp_path: Path) -> None:
    section = evaluated(tmp_path)
    own, cross = section.tables[RECONSTRUCTION], section.tables[CROSS]
    for table in (own, cross):
        titles = [metric.title for metric in table.metrics]
        assert {f"opening r ({JUDGE})", f"faces found ({JUDGE})"} <= set(titles)
        assert table.value(OURS, "fa68_found") == 1
        assert np.isnan(table.value(MEAN_MOUTH, "fa68_found"))
    assert own.value(TRUTH, "fa68_lmd") == pytest.approx(0, abs=1e-6)
    assert own.value(PASTED, "fa68_lmd") > 0
    assert own.value(TRUTH, "fa68_r") > 0.8
    assert cross.value(UNTOUCHED, "fa68_r") < own.value(TRUTH, "fa68_r")
    assert "fa68_lmd" not in {metric.name for metric in cross.metrics}
    document = to_json([section], {})
    assert JUDGE in document and "fa68_r" in document


@pytest.mark.usefixtures("no_weights")
def test_missing_weights_are_stated_and_leave_no_columns(tmp_path: Path) -> None:
    section = evaluated(tmp_path)
    notes = " ".join(section.notes)
    assert "face-alignment's weights are not installed" in notes
    assert "judge of the lips in drawn pictures is MediaPipe's landmarker" in notes
    for table in section.tables.values():
        assert not any(metric.name.startswith("fa68") for metric in table.metrics)
    assert not (tmp_path / "empty").exists()


@pytest.mark.usefixtures("installed_weights")
def test_damaged_weights_are_stated_and_not_loaded(tmp_path: Path) -> None:
    next((tmp_path / "hub" / "checkpoints").iterdir()).write_bytes(b"cut off")
    judge = independent_judge()
    assert judge.reader is None
    assert "face-alignment's weights are damaged" in judge.statement


def test_openings_are_compared_across_schemes_and_distances_are_inter_ocular() -> None:
    case = reconstruction_case(speaking_clip("ann", 0), "ann", MaskConfig())
    gaps = aperture(case.landmarks[case.frames], MESH478)
    own = np.stack([ibug_face(float(gap))[:, :2] for gap in gaps]).astype(np.float32)
    found = own.copy()
    found[:, list(IBUG68.lips), 0] += 0.05 * case.unit[:, None]
    scores = independent_lip_scores(case, found, own, IBUG68)
    assert scores["fa68_lmd"] == pytest.approx(0.05, rel=1e-3)
    assert scores["fa68_r"] == pytest.approx(1, abs=1e-3)
    assert scores["fa68_found"] == 1


def test_frames_without_a_face_in_either_picture_are_left_out() -> None:
    case = reconstruction_case(speaking_clip("ann", 0), "ann", MaskConfig())
    own = np.stack([ibug_face(3.0)[:, :2]] * len(case.frames)).astype(np.float32)
    found = own.copy()
    found[0], own[1] = np.nan, np.nan
    scores = independent_lip_scores(case, found, own, IBUG68)
    assert scores["fa68_found"] == pytest.approx(1 - 1 / len(own))
    assert scores["fa68_lmd"] == pytest.approx(0, abs=1e-6)
    nothing = independent_lip_scores(case, np.full_like(found, np.nan), own, IBUG68)
    assert nothing == {"fa68_found": 0}
