from dataclasses import replace
from pathlib import Path

import cv2
import fsspec
import numpy as np
import torch

from jobs.training_report import write_training_report
from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.model import SpeechToMotion, save_model
from mytalk_core.motion.training import MotionTrainingConfig
from pipelines.train import TrainResult
from pipelines.training_job import TrainJob
from tests.synthetic_face import write_curated


def trained(
    folder: Path, model: str, encoder: Path, held_out: str, figures: dict[str, float]
) -> tuple[TrainJob, TrainResult]:
    """A finished job, on data with one held-out split."""
    data = write_curated(folder / "data", {"train": ["ann"], held_out: ["jo"]})
    job = TrainJob(model, data, folder, "tiny", 20, encoder, workers=1)
    history = [{"step": step, "loss": 1 / step, **figures} for step in (10, 20)]
    score = next(iter(figures.values()))
    weights = str(folder / job.weights)
    return job, TrainResult(weights, score, history, True, 90.0, (2.0, 3.0, 2.5))


def test_a_renderer_is_measured_on_held_out_speakers(tmp_path: Path) -> None:
    job, result = trained(tmp_path, "appearance", tmp_path, "test", {"negative_mouth_psnr": -28.25})
    save_renderer(Renderer(RENDERER_SIZES["tiny"]), Path(result.weights))
    page, _ = write_training_report(job, result)
    html = Path(page).read_text()
    assert "28.2500" in html
    assert "Split test: 2 clips of 1 speaker: jo (2)" in html
    assert "nearest of four references pasted" in html and "mouth" in html
    assert "best: jo_" in html and "mouth PSNR" in html
    for setting in ("losses.perceptual", "batches.references", "widths"):
        assert setting in html
    check_strip(tmp_path / "appearance.report" / "sample_1.png")


def check_strip(path: Path) -> None:
    """Check the rows of a sample: from the source frame to the difference from the truth."""
    strip = cv2.imread(str(path))
    names = ("source", "masked", "references", "landmarks", "output", "truth", "difference")
    rows = dict(zip(names, np.array_split(strip[:, len(strip[0]) // 8 :], 7), strict=True))
    black = {name: (row.max(axis=2) < 8).mean() for name, row in rows.items()}
    assert black["masked"] > black["source"] + 0.1
    assert max(black[name] for name in ("source", "references", "output", "truth")) < 0.05
    assert min(black["landmarks"], black["difference"]) > 0.8
    assert all((rows["landmarks"][..., channel] > 200).any() for channel in range(3))
    assert rows["difference"].max() > 20


def test_without_a_test_split_the_validation_speakers_are_measured(
    tmp_path: Path, whisper_dir: Path
) -> None:
    """Weights and report are in an object store."""
    figures = {"judged_by": 0.0314, "cross_lmd": 0.0214, "cross_r": 0.7}
    job, result = trained(tmp_path, "motion", whisper_dir, "val", figures)
    torch.manual_seed(0)
    job = replace(job, out=f"memory://{tmp_path.name}", motion=MotionTrainingConfig(batch=3))
    with job.store.publish(job.weights) as weights:
        save_model(SpeechToMotion(MOTION_SIZES["tiny"]), weights)
    result = replace(result, weights=f"{job.store.url}/{job.weights}")
    files = fsspec.filesystem("memory")
    html, text = (files.read_text(url) for url in write_training_report(job, result))
    assert "0.0314" in html
    assert "best: jo_0-00000-00-000, speech of jo_1-00000-00-000" in html and "worst: jo_" in html
    assert f'batch</th><td class="n">{job.motion.batch}<' in html
    for fact in ("20 of 20: stopped early", "1.5 min", "2.50 ("):
        assert fact in html
        assert fact in text
    assert "Split val: 2 clips of 1 speaker: jo (2)" in html
    assert "still mouth" in html and "denoiser.width" in html
