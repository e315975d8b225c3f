"""The renderer learns the actor of a title from the title itself, once: what it learns is kept.

One renderer for all runs of a film, since a film with one face in a frame has, mostly, one actor;
each run is drawn, in learning too, from references of its own.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.adaptation import AdaptationConfig, AdaptationRecord, Adapted, adapt
from mytalk_core.appearance.adapted_file import load_adapted, save_adapted
from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.perceptual import perceptual_lpips
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.cache import cache_root
from mytalk_core.data.checked_file import sha256_of
from mytalk_core.data.model_store import model, pull
from mytalk_core.data.recipe import ResultKind, checksums, made_with
from mytalk_core.dubbing.film_faces import (
    FilmFaces,
    Person,
    observe_film,
    require_runs,
    study_person,
)
from mytalk_core.dubbing.left_alone import LeftAloneConfig
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.run_plans import plan_runs
from mytalk_core.dubbing.title_frames import Frames, collect_takes, spread_pairs
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478, LandmarkScheme
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.output import make_folder
from mytalk_core.media.probe import VideoInfo, probe_video

STAGE = "learning the actor's look"

JUDGE = "perceptual-alexnet"
"""The model in the store that says whether learning helped."""

# Pairs of frames that are learnt from and judged by, at most: more do not fit into two minutes.
PAIRS = 300


@dataclass(frozen=True)
class TitleAdaptation:
    """What a title taught the renderer of its actor."""

    renderer: Renderer  # that redraws the title
    record: AdaptationRecord | None  # None where the title was too short to learn from
    from_cache: bool  # whether it was learnt at an earlier time
    told: str  # for the report: what came of it


def adapt_to_title(
    video: VideoInfo,
    faces: FilmFaces,
    people: Sequence[Person],
    usable: Sequence[NDArray[np.bool_]],
    renderer: Renderer,
    models: DubModels,
    crop: CropConfig,
    mask: MaskConfig,
    scheme: LandmarkScheme,
    config: AdaptationConfig,
    progress: Progress,
) -> TitleAdaptation:
    """The renderer as it has learnt the actor of a film, now or in an earlier dub of it.

    Args:
        people: of each run.
        usable: of each run the frames that may teach: those that show the whole lower face, from
            where it can be redrawn.
        renderer: the shipped one, on the device where it shall learn, from `models`.
        crop: how faces are cropped; the size is the renderer's, whatever stands there.
        mask: with which `people` were studied.

    Raises:
        BadInputError: as decoding does.
        ModelError: where what was kept is damaged, or the judging network is missing.
        OutputError: where the cache cannot be written; nothing stands there then.
    """
    chosen = spread_pairs(faces.runs, usable, PAIRS)
    if not sum(map(len, chosen)):
        return TitleAdaptation(renderer, None, False, "no two frames in a row to learn from")
    crop = learning_crop(crop, renderer)
    settings = {
        "config": asdict(config),
        "crop": asdict(crop),
        "mask": asdict(mask),
        "scheme": scheme.name,
        "runs": faces.runs,
    }
    key = adaptation_key(Path(video.path), models, chosen, settings)
    kept = cache_root() / "adapted" / f"{key}.safetensors"
    if kept.is_file():
        adapted = load_adapted(kept)
        adapted.renderer.to(next(renderer.parameters()).device)
        return TitleAdaptation(adapted.renderer, adapted.record, True, _told(adapted.record, True))
    takes = collect_takes(video, faces, people, chosen, crop, scheme, progress, STAGE)
    try:
        adapted = learn(renderer, takes, config, progress)
    except BadInputError as error:
        if error.reason is not Reason.TOO_SHORT:
            raise
        return TitleAdaptation(renderer, None, False, error.what)
    make_folder(kept.parent)
    save_adapted(adapted, kept)
    return TitleAdaptation(adapted.renderer, adapted.record, False, _told(adapted.record, False))


def learn(
    renderer: Renderer, takes: Sequence[Take], config: AdaptationConfig, progress: Progress
) -> Adapted:
    """`adapt` with the judge from the model store."""
    lpips = perceptual_lpips(pull(JUDGE)).to(next(renderer.parameters()).device)
    return adapt(renderer, takes, config, lpips, lambda done, total: progress(STAGE, done, total))


def learning_crop(crop: CropConfig, renderer: Renderer) -> CropConfig:
    """The crop whose window is as large as the renderer's own."""
    return replace(crop, size=renderer.config.size * 3 // 2)


def film_takes(
    film: Path,
    landmarker: MeshLandmarker,
    pairs: int,
    crop: CropConfig,
    work: Path,
    progress: Progress,
) -> list[Take]:
    """What an actor can be learnt from in a film that is not going to be dubbed.

    Args:
        landmarker: finds faces; what it follows is forgotten.
        pairs: of frames, at most.
        work: an empty folder for arrays, which the takes do not need.

    Raises:
        BadInputError: as `observe_film` and `require_runs`.
    """
    info = probe_video(film)
    faces = observe_film(info, landmarker, work, progress)
    require_runs(faces, info.path)
    people = [study_person(faces, run, MESH478, MaskConfig()) for run in faces.runs]
    usable = [plan.usable for plan in plan_runs(info, faces, people, MESH478, LeftAloneConfig())]
    chosen = spread_pairs(faces.runs, usable, pairs)
    return collect_takes(info, faces, people, chosen, crop, MESH478, progress, STAGE)


def adaptation_key(
    film: Path,
    models: DubModels,
    chosen: Sequence[Frames],
    settings: Mapping[str, object],
) -> str:
    """A name for all that decides what is learnt: film, models, frames, settings and software.

    Film and models are known by their bytes, wherever they lie and whatever they are called.

    Args:
        settings: JSON values.
    """
    decides = {
        "versions": made_with(ResultKind.ADAPTATION),
        "film": sha256_of(film),
        "landmarker": checksums(models.landmarker),
        "renderer": checksums(models.renderer),
        "judge": [file.sha256 for file in model(JUDGE).files],
        "settings": settings,
    }
    hashed = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
    for frames in chosen:
        hashed.update(frames.tobytes())
    return hashed.hexdigest()


def _told(record: AdaptationRecord, from_cache: bool) -> str:
    minutes = f"{record.seconds / 60:.1f} min"
    when = f"learnt at an earlier time, in {minutes}" if from_cache else f"learnt in {minutes}"
    used = "used" if record.helped else "no better than the shipped weights, which are used"
    return f"{when} and {record.steps} steps from {record.learnt_frames} frames; {used}"
