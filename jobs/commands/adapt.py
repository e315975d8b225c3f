"""`mytalk adapt`: the renderer learns an actor from films of them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Group
from rich.table import Table

from jobs.console import note, result, stages

if TYPE_CHECKING:
    from mytalk_core.appearance.adaptation import AdaptationRecord

_SUFFIX = ".safetensors"


def adapt(
    films: Annotated[
        list[Path],
        typer.Argument(show_default=False, help="Films of one actor; one face in each frame."),
    ],
    out: Annotated[Path, typer.Option(show_default=False, help="The weights, a safetensors file.")],
    seconds: Annotated[
        float, typer.Option(min=1, help="How long to learn, at most, once faces are found.")
    ] = 120.0,
    renderer: Annotated[
        Path | None, typer.Option(show_default=False, help="Other weights to begin with.")
    ] = None,
) -> None:
    """Teach the renderer an actor from films of them: their skin, teeth and beard.

    A fifth of each film is kept back. It chooses the weights and says what was gained; a page
    beside the weights, OUT.report.html, shows it. Where nothing was gained, OUT holds the weights
    that learning began with. `mytalk dub --adapt 120` does this with the film that it dubs.

    \b
    mytalk adapt film.mp4 --out actor.safetensors
    mytalk adapt scene1.mp4 scene2.mp4 --seconds 300 --out actor.safetensors
    mytalk dub film.mp4 speech.wav --renderer actor.safetensors --out dubbed.mp4
    """
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.data.page import report_path

    given = [*films, *([renderer] if renderer else [])]
    check_output_files([out, report_path(out)], given, suffixes=(_SUFFIX,))

    from mytalk_core.media.picture_check import check_picture

    for film in films:
        check_picture(film)  # before seconds go into loading models

    from mytalk_core.appearance.adaptation import AdaptationConfig, plan_lesson
    from mytalk_core.appearance.adapted_file import save_adapted
    from mytalk_core.appearance.checkpoint import load_renderer
    from mytalk_core.data.model_store import pull
    from mytalk_core.dubbing.models import shipped_weights
    from mytalk_core.dubbing.title_adaptation import PAIRS, film_takes, learn, learning_crop
    from mytalk_core.evaluation.adaptation_page import (
        AdaptationPage,
        mouth_strip,
        write_adaptation_page,
    )
    from mytalk_core.evaluation.training_page import settings
    from mytalk_core.faces.crop import CropConfig
    from mytalk_core.faces.landmarker import MeshLandmarker
    from mytalk_core.films.film_range import FILM_LANDMARKER
    from mytalk_core.media.output import work_folder

    weights = renderer or shipped_weights("appearance")
    shipped, config = load_renderer(weights), AdaptationConfig.lasting(seconds)
    crop = learning_crop(CropConfig(), shipped)
    takes = []
    with stages() as report, MeshLandmarker(pull("face-landmarker"), FILM_LANDMARKER) as landmarker:
        for film in films:
            with work_folder(out) as work:
                pairs = max(PAIRS // len(films), 1)
                takes += film_takes(film, landmarker, pairs, crop, work, report)
        adapted = learn(shipped, takes, config, report)
    save_adapted(adapted, out)
    page = report_path(out)
    write_adaptation_page(
        page,
        AdaptationPage(
            films=[film.name for film in films],
            weights=out.name,
            shipped=weights.name,
            record=adapted.record,
            strip=mouth_strip(plan_lesson(takes, config).reporting, shipped, adapted.renderer),
            settings=settings(config),
        ),
    )
    if not adapted.record.helped:
        note("Learning did not help on the frames kept back: the weights are those it began with.")
    result(
        {"weights": str(out), "report": str(page), **asdict(adapted.record)},
        Group(_table(adapted.record), f"weights: {out}\nreport:  {page}"),
    )


def _table(record: "AdaptationRecord") -> Table:
    """Frames kept back, before and after."""
    minutes = record.seconds / 60
    before, after = record.before, record.after
    gains = after.psnr - before.psnr, after.lpips - before.lpips
    table = Table(box=box.SIMPLE, title=f"{record.reporting_frames} frames kept back")
    table.add_column("")
    for heading in ("mouth PSNR, dB", "mouth LPIPS"):
        table.add_column(heading, justify="right")
    table.add_row("before", f"{before.psnr:.2f}", f"{before.lpips:.4f}")
    table.add_row(f"after {minutes:.1f} min", f"{after.psnr:.2f}", f"{after.lpips:.4f}")
    table.add_row("gain per minute", *(f"{gain / minutes:+.3f}" for gain in gains))
    return table
