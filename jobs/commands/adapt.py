"""`mytalk adapt`: fine-tune the renderer on films of one actor."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Group
from rich.table import Table

from jobs.console import note, result, stages
from jobs.options import with_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mytalk_core.appearance.actor_frames import Take
    from mytalk_core.appearance.adaptation import AdaptationConfig, AdaptationRecord
    from mytalk_core.appearance.renderer import Renderer
    from mytalk_core.films.progress import Progress

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class AdaptOptions:
    """What `mytalk adapt` takes."""

    films: Annotated[list[Path], typer.Argument(show_default=False)]
    """Films of one actor; one face in each frame."""

    out: Annotated[Path, typer.Option(show_default=False)]
    """The weights, a safetensors file."""

    seconds: Annotated[float, typer.Option(min=1)] = 120.0
    """Time limit for training, in seconds; finding faces is not counted."""

    renderer: Annotated[Path | None, typer.Option(show_default=False)] = None
    """Initial weights instead of the shipped ones."""


@with_options
def adapt(options: AdaptOptions) -> None:
    """Adapt the renderer to the skin, teeth and beard of one actor.

    A fifth of each film is held out. It chooses the checkpoint and measures the gain, which the
    report OUT.report.html shows. Without a gain OUT holds the initial weights. `mytalk dub
    --adapt 120` does the same with the film that it dubs.

    \b
    mytalk adapt film.mp4 --out actor.safetensors
    mytalk adapt scene1.mp4 scene2.mp4 --seconds 300 --out actor.safetensors
    mytalk dub film.mp4 speech.wav --renderer actor.safetensors --out dubbed.mp4
    """
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.data.page import report_path

    page = report_path(options.out)
    given = [*options.films, *([options.renderer] if options.renderer else [])]
    check_output_files([options.out, page], given, suffixes=(_SUFFIX,))

    from mytalk_core.media.picture_check import check_picture

    for film in options.films:
        check_picture(film)  # before models are loaded

    from mytalk_core.appearance.adaptation import AdaptationConfig
    from mytalk_core.appearance.adapted_file import save_adapted
    from mytalk_core.appearance.checkpoint import load_renderer
    from mytalk_core.dubbing.models import shipped_weights
    from mytalk_core.dubbing.title_adaptation import learn
    from mytalk_core.evaluation.adaptation_page import AdaptationPage, write_adaptation_page
    from mytalk_core.evaluation.training_page import settings

    weights = options.renderer or shipped_weights("appearance")
    shipped, config = load_renderer(weights), AdaptationConfig.lasting(options.seconds)
    with stages() as report:
        takes = _takes(options, shipped, report)
        adapted = learn(shipped, takes, config, report)
    save_adapted(adapted, options.out)
    described = AdaptationPage(
        films=[film.name for film in options.films],
        weights=options.out.name,
        shipped=weights.name,
        record=adapted.record,
        strip=_strip(takes, config, shipped, adapted.renderer),
        settings=settings(config),
    )
    write_adaptation_page(page, described)
    if not adapted.record.helped:
        note("Adaptation did not improve the held-out frames: OUT holds the initial weights.")
    result(
        {"weights": str(options.out), "report": str(page), **asdict(adapted.record)},
        Group(_table(adapted.record), f"weights: {options.out}\nreport:  {page}"),
    )


def _takes(options: AdaptOptions, shipped: Renderer, report: Progress) -> list[Take]:
    """Return the pairs of frames of every film for training."""
    from mytalk_core.appearance.drawing_config import MaskConfig
    from mytalk_core.data.model_store import pull
    from mytalk_core.dubbing.left_alone import LeftAloneConfig
    from mytalk_core.dubbing.stage_configs import StudyConfig
    from mytalk_core.dubbing.title_adaptation import PAIRS, film_takes, learning_crop
    from mytalk_core.faces.crop import CropConfig
    from mytalk_core.faces.landmarker import MeshLandmarker
    from mytalk_core.films.film_range import FILM_LANDMARKER
    from mytalk_core.media.output import work_folder

    config = StudyConfig(MaskConfig(), learning_crop(CropConfig(), shipped), LeftAloneConfig())
    pairs = max(PAIRS // len(options.films), 1)
    takes = []
    with MeshLandmarker(pull("face-landmarker"), FILM_LANDMARKER) as landmarker:
        for film in options.films:
            with work_folder(options.out) as work:
                takes += film_takes(film, landmarker, pairs, config, work, report)
    return takes


def _strip(
    takes: list[Take], config: AdaptationConfig, shipped: Renderer, adapted: Renderer
) -> NDArray[np.uint8]:
    from mytalk_core.appearance.adaptation import split_takes
    from mytalk_core.evaluation.adaptation_page import mouth_strip

    return mouth_strip(split_takes(takes, config).test, shipped, adapted)


def _table(record: AdaptationRecord) -> Table:
    """Return the scores on held-out frames, before and after adaptation."""
    minutes = record.seconds / 60
    before, after = record.before, record.after
    gains = after.psnr - before.psnr, after.lpips - before.lpips
    table = Table(box=box.SIMPLE, title=f"{record.reporting_frames} held-out frames")
    table.add_column("")
    for heading in ("mouth PSNR, dB", "mouth LPIPS"):
        table.add_column(heading, justify="right")
    table.add_row("before", f"{before.psnr:.2f}", f"{before.lpips:.4f}")
    table.add_row(f"after {minutes:.1f} min", f"{after.psnr:.2f}", f"{after.lpips:.4f}")
    table.add_row("gain per minute", *(f"{gain / minutes:+.3f}" for gain in gains))
    return table
