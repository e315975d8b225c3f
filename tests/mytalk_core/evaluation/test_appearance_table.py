from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.data.model_store import pull
from mytalk_core.errors import MytalkError
from mytalk_core.evaluation.appearance_scores import (
    Judges,
    picture_scores,
    source_texture,
    texture_scores,
)
from mytalk_core.evaluation.appearance_section import evaluate_appearance, stored_judges
from mytalk_core.evaluation.appearance_table import (
    CROSS,
    DERIVED,
    OTHER_CLIP,
    RECONSTRUCTION,
    TRUTH,
    UNTOUCHED,
    AppearanceTables,
)
from mytalk_core.evaluation.pasting import CLIP_PASTED, MEAN_MOUTH, PASTED, PASTING
from mytalk_core.evaluation.redrawing import (
    APART,
    OURS,
    RAW,
    cross_case,
    reconstruction_case,
    renderer_drawer,
)
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import MESH478
from tests.synthetic_face import speaking_clip, write_curated


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    torch.manual_seed(0)
    return Renderer(SIZES["tiny"]).eval()


@pytest.fixture(scope="module")
def sample():
    return speaking_clip("ann", 0)


@pytest.fixture(scope="module")
def own(sample):
    """A reconstruction whose skin has some grain."""
    noise = np.random.default_rng(0).integers(-4, 5, sample.crops.shape)
    grainy = (sample.crops.astype(int) + noise).clip(0, 255).astype(np.uint8)
    return reconstruction_case(replace(sample, crops=grainy), "ann", MaskConfig())


def test_texture_scores_of_the_truth_are_one(own):
    scores = texture_scores(own, own.pictures, source_texture(own))
    assert scores == {"sharpness": 1, "flicker": 1, "seam": 1, "outside": 0}


def test_texture_scores_of_a_flat_still_source_are_nan(sample):
    flat = replace(sample, crops=np.full_like(sample.crops, 128))
    case = reconstruction_case(flat, "ann", MaskConfig())
    scores = texture_scores(case, case.pictures, source_texture(case))
    assert all(np.isnan(scores[name]) for name in ("flicker", "seam"))
    assert scores["outside"] == 0


def test_noise_in_the_mouth_raises_sharpness_and_flicker(own):
    random = np.random.default_rng(0)
    noise = own.masks[..., None] * random.normal(0, 20, own.pictures.shape)
    drawn = (own.pictures + noise).clip(0, 255).astype(np.uint8)
    scores = texture_scores(own, drawn, source_texture(own))
    assert scores["sharpness"] > 1.2 and scores["flicker"] > 2
    assert scores["outside"] == 0


def test_picture_scores_of_the_truth_and_of_a_known_error(own):
    scores = picture_scores(own, own.pictures, None)
    assert np.isnan(scores["psnr_mouth"]) and np.isnan(scores["psnr_mouth_pooled"])
    assert scores["ssim_mouth"] == pytest.approx(1)
    drawn = own.pictures.copy()
    drawn[0] += 4
    drawn[1:] += 1
    scores = picture_scores(own, drawn, None)
    count = len(drawn)
    psnrs = 20 * np.log10(255 / np.array([4] + [1] * (count - 1)))
    assert scores["psnr_mouth"] == pytest.approx(psnrs.mean())
    error = (16 + count - 1) / count
    assert scores["psnr_mouth_pooled"] == pytest.approx(10 * np.log10(255**2 / error))


def test_tables_have_every_speaker_and_no_metric_without_its_judge(tmp_path, renderer):
    data = write_curated(tmp_path, {"test": ["ann", "li"]})
    steps = []
    section = evaluate_appearance(
        [data], "test", renderer, Judges(), lambda *progress: steps.append(progress)
    )
    assert steps == [(1, 4)] * 4
    assert list(section.tables) == [RECONSTRUCTION, CROSS, DERIVED]
    own, cross = section.tables[RECONSTRUCTION], section.tables[CROSS]
    assert own.speakers == cross.speakers == ["ann", "li"]
    assert own.methods == [OURS, RAW, APART, PASTED, CLIP_PASTED, MEAN_MOUTH, TRUTH]
    drawn = [method for method in own.methods[:-1] if method != APART]
    assert cross.methods == [*drawn, UNTOUCHED]
    for table in (own, cross):
        for method in table.methods:
            assert table.value(method, "outside") == 0
    assert 0 < own.value(OURS, "ssim_mouth") < 1
    assert own.value(CLIP_PASTED, "psnr_mouth") > own.value(MEAN_MOUTH, "psnr_mouth")
    assert own.value(TRUTH, "sharpness") == 1
    judged = {metric.name for table in (own, cross) for metric in table.metrics}
    assert not judged & {"csim", "identity_l2", "lpips_mouth", "asked_lmd", "own_r"}
    notes = " ".join(section.notes)
    assert "Not measured here: LPIPS, lips found again, identity" in notes
    assert "4 clips of 2 speakers" in notes
    assert len(section.examples) == 4
    assert section.failures


def test_further_methods_are_measured_beside_ours(own, renderer):
    drawers = {OURS: renderer_drawer(renderer), "theirs": PASTING[PASTED], **PASTING}
    tables = AppearanceTables(drawers, Judges())
    tables.add(own)
    table = tables.tables()[RECONSTRUCTION]
    assert table.value("theirs", "psnr_mouth") == table.value(PASTED, "psnr_mouth")
    assert CROSS not in tables.tables()


@pytest.fixture(scope="module")
def judges() -> Iterator[Judges]:
    names = ("perceptual-alexnet", "face-landmarker", "face-embedding")
    try:
        files = [pull(name) for name in names]
    except MytalkError as error:
        pytest.skip(f"no judges here: {error}")
    with stored_judges(*files) as opened:
        yield opened


@pytest.fixture(scope="module")
def real_cases(film_clip):
    """Two clips of one man: each with its own lips, and the first with those of the second."""
    one, other = film_clip("jwp_intro", 60), film_clip("test_movie", 60)
    shape = face_motion(other.landmarks, MESH478).shape[:, list(MESH478.moving)]
    mask = MaskConfig()
    return [
        reconstruction_case(one, "jwp", mask),
        reconstruction_case(other, "jwp", mask),
        cross_case(one, "jwp", other.meta.key, shape, mask),
    ]


def test_judges_rank_methods_on_real_footage(real_cases, renderer, judges):
    tables = AppearanceTables({OURS: renderer_drawer(renderer), **PASTING}, judges)
    for case in real_cases:
        tables.add(case)
    own, cross = (tables.tables()[title] for title in (RECONSTRUCTION, CROSS))
    # The landmarker's own error, and that of a similar mouth.
    assert own.value(TRUTH, "asked_lmd") < 0.015
    assert own.value(TRUTH, "asked_lmd") < own.value(PASTED, "asked_lmd") < 0.1
    assert own.value(TRUTH, "asked_r") > 0.9
    assert own.value(TRUTH, "found") == 1
    for leak in ("own_r", "own_share"):
        assert cross.value(UNTOUCHED, leak) > 0.9 > abs(cross.value(PASTED, leak))
    assert cross.value(UNTOUCHED, "asked_r") < cross.value(CLIP_PASTED, "asked_r")
    assert 0 < own.value(CLIP_PASTED, "lpips_mouth") < own.value(MEAN_MOUTH, "lpips_mouth") < 0.5
    assert own.value(TRUTH, "lpips_mouth") == pytest.approx(0, abs=1e-6)
    assert own.value(MEAN_MOUTH, "sharpness") < own.value(CLIP_PASTED, "sharpness")
    assert own.value(PASTED, "psnr_mouth") > 20
    assert own.value(PASTED, "identity_l2") < own.value(OTHER_CLIP, "identity_l2") < 0.6
    assert own.value(PASTED, "csim") > 0.9
