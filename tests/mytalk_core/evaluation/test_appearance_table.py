from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.data.model_store import pull
from mytalk_core.errors import BadInputError, MytalkError
from mytalk_core.evaluation.appearance_table import (
    OTHER_FRAME,
    appearance_table,
    evaluate_appearance,
)
from mytalk_core.evaluation.redrawing import ALIGNED, OURS, PASTED, RAW, redraw, redraw_case
from mytalk_core.faces.embedding import FaceEmbedder
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.footage.clips import Clip, FootageConfig, FootageModels, extract_clips
from mytalk_core.footage.listing import Source
from mytalk_core.footage.stages import StageLog
from mytalk_core.footage.units import Segment
from tests.synthetic_face import speaking_clip, write_curated


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    torch.manual_seed(0)
    return Renderer(SIZES["tiny"]).eval()


@pytest.fixture(scope="module")
def sample():
    return speaking_clip("ann", 0)


def test_no_measured_frame_is_a_reference(sample):
    case = redraw_case(sample, 5, MaskConfig())
    assert len(case.references) == 4
    assert not set(case.frames) & set(case.references)


def test_the_references_show_the_mouth_shut_to_open(sample):
    case = redraw_case(sample, 5, MaskConfig())
    upper, lower = MESH478.aperture_pairs[0]
    opening = case.landmarks[case.references, lower, 1] - case.landmarks[case.references, upper, 1]
    assert (np.diff(opening) > 0).all()


def test_nothing_changes_outside_the_mask_whatever_the_method(sample, renderer):
    redrawing = redraw(redraw_case(sample, 5, MaskConfig()), renderer)
    assert set(redrawing.by_method) == {OURS, RAW, ALIGNED, PASTED}
    for pictures in redrawing.by_method.values():
        assert np.array_equal(pictures[redrawing.masks == 0], redrawing.true[redrawing.masks == 0])
        assert not np.array_equal(pictures, redrawing.true)


def test_copying_a_reference_with_the_same_lips_is_near_the_truth(sample):
    # A still clip: every frame is like every other, so copying is right and colour is all.
    still = replace(
        sample,
        landmarks=np.repeat(sample.landmarks[:1], 40, axis=0),
        crops=np.repeat(sample.crops[:1], 40, axis=0),
    )
    redrawing = redraw(redraw_case(still, 5, MaskConfig()), Renderer(SIZES["tiny"]).eval())
    for method in (ALIGNED, PASTED):
        difference = redrawing.by_method[method].astype(int) - redrawing.true
        assert np.abs(difference).max() <= 1


def test_aligning_undoes_the_motion_of_the_head(sample, renderer):
    # The picture moves by whole pixels and the landmarks with it.
    shifts = np.array([(0, 0), (5, 3)] * 20)
    moved = replace(
        sample,
        landmarks=np.repeat(sample.landmarks[:1], 40, axis=0)
        + np.concatenate([shifts, 0 * shifts[:, :1]], axis=1)[:, None].astype(np.float32),
        crops=np.stack([np.roll(sample.crops[0], (y, x), (0, 1)) for x, y in shifts]),
    )
    table = appearance_table([moved], renderer, None, lambda: None)
    assert table.value(ALIGNED, "psnr_mouth") > table.value(PASTED, "psnr_mouth") + 3


def test_the_table_has_every_speaker_and_no_identity_without_its_network(tmp_path, renderer):
    data = write_curated(tmp_path, {"test": ["ann", "li"]})
    steps = []
    section = evaluate_appearance(data, "test", renderer, None, lambda *told: steps.append(told))
    (table,) = section.tables.values()
    assert steps == [(1, 4)] * 4
    assert table.speakers == ["ann", "li"]
    assert table.value(OURS, "outside") == table.value(RAW, "outside") == 0
    assert 0 < table.value(OURS, "ssim_mouth") < table.value(OURS, "ssim") <= 1
    assert "csim" not in [metric.name for metric in table.metrics]
    notes = " ".join(section.notes)
    assert "LPIPS is not available" in notes
    assert "4 clips of 2 speakers" in notes


def test_crops_of_another_size_are_refused(sample):
    large = Renderer(replace(SIZES["tiny"], size=64)).eval()
    with pytest.raises(BadInputError, match="128 pixels wide, this renderer draws 64"):
        appearance_table([sample], large, None, lambda: None)


@pytest.fixture(scope="module")
def real_clip(sample_clips, landmarker_model: Path, whisper_dir: Path):
    """The first clip of the sample footage."""
    from mytalk_core.speech.features import SpeechEncoder

    path = sample_clips["jwp_intro"].path
    segment = Segment(Source("jwp", str(path), "jwp", "jwp", ""), 0, 1, 0, None, 6.0)
    with MeshLandmarker(landmarker_model) as landmarker:
        models = FootageModels(landmarker, SpeechEncoder(whisper_dir, threads=1), None)
        found = extract_clips(segment, path, models, FootageConfig(), {}, StageLog())
        return next(each.sample for each in found if isinstance(each, Clip))


def test_on_real_footage_copying_keeps_the_person(real_clip, renderer):
    try:
        embedder = FaceEmbedder(pull("face-embedding"), MESH478)
    except MytalkError as error:
        pytest.skip(f"no face-embedding here: {error}")
    table = appearance_table([real_clip], renderer, embedder, lambda: None)
    assert table.value(PASTED, "psnr_mouth") > 20
    assert table.value(OURS, "outside") == 0
    for method in (ALIGNED, OTHER_FRAME):
        assert table.value(method, "identity_l2") < 0.6
    assert table.value(PASTED, "csim") > 0.9
