"""The renderer learns the actor of a title from the title itself, once: the result is kept.

One renderer serves all tracks of a film, since most films with one face in a frame have one actor.
Each track is drawn, also during learning, from its own reference frames.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

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
from mytalk_core.dubbing.film_faces import faces_to_learn_from
from mytalk_core.dubbing.left_alone import LeftAloneConfig
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.title_frames import Frames, collect_takes, spread_pairs
from mytalk_core.dubbing.title_plan import PlanConfig, PlannedTrack, plan_title
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.progress import Progress
from mytalk_core.media.output import make_folder
from mytalk_core.media.probe import VideoInfo, probe_video

STAGE = "learning the actor's look"

JUDGE = "perceptual-alexnet"
"""The model in the store that decides whether learning helped."""

# Pairs of frames to learn from and to judge by, at most: more do not fit into two minutes.
PAIRS = 300


@dataclass(frozen=True)
class TitleAdaptation:
    """What the renderer learned of the actor of a title."""

    weights: Path | None  # of the renderer that draws the title; None: the shipped one
    record: AdaptationRecord | None  # None where the title was too short to learn from
    from_cache: bool  # whether an earlier dub learned it
    summary: str  # for the report

    def renderer(self, shipped: Renderer) -> Renderer:
        """The renderer that draws the title, on the device of the shipped one.

        Raises:
            ModelError: where the weights are damaged.
        """
        if self.weights is None:
            return shipped
        return load_adapted(self.weights).renderer.to(next(shipped.parameters()).device)


def adapt_to_title(
    video: VideoInfo,
    tracks: Sequence[PlannedTrack],
    tools: DubTools,
    plan: PlanConfig,
    config: AdaptationConfig,
    progress: Progress,
) -> TitleAdaptation:
    """Learn the actor of a film, or take what an earlier dub of it learned.

    Args:
        tracks: of which frames with a strength of 1 are learned from.
        plan: with which they were planned.

    Raises:
        BadInputError: as decoding does.
        ModelError: where the kept result is damaged, or the judging network is missing.
        OutputError: where the cache cannot be written; nothing new is stored then.
    """
    renderer = tools.renderer
    chosen = spread_pairs([each.drawing.usable for each in tracks], PAIRS)
    if not sum(map(len, chosen)):
        return TitleAdaptation(None, None, False, "no two consecutive frames to learn from")
    crop = learning_crop(plan.crop, renderer)
    settings = {
        "config": asdict(config),
        "crop": asdict(crop),
        "mask": asdict(plan.mask),
        "scheme": tracks[0].track.scheme.name,
        "tracks": [(each.track.first, each.track.end) for each in tracks],
    }
    key = adaptation_key(Path(video.path), tools.files, chosen, settings)
    kept = cache_root() / "adapted" / f"{key}.safetensors"
    if kept.is_file():
        record = load_adapted(kept).record
        return TitleAdaptation(kept, record, True, _summary(record, True))
    takes = collect_takes(video, tracks, chosen, crop.size, progress, STAGE)
    try:
        adapted = learn(renderer, takes, config, progress)
    except BadInputError as error:
        if error.reason is not Reason.TOO_SHORT:
            raise
        return TitleAdaptation(None, None, False, error.what)
    make_folder(kept.parent)
    save_adapted(adapted, kept)
    return TitleAdaptation(kept, adapted.record, False, _summary(adapted.record, False))


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
    """Frames to learn an actor from, of a film that is not going to be dubbed.

    Args:
        pairs: of frames, at most.
        work: an empty folder for arrays, which the takes do not need.

    Raises:
        BadInputError: as `faces_to_learn_from`.
    """
    info = probe_video(film)
    faces = faces_to_learn_from(info, landmarker, work, progress)
    tracks = plan_title(info, faces, PlanConfig(MaskConfig(), crop, LeftAloneConfig())).tracks
    if not tracks:
        return []
    chosen = spread_pairs([each.drawing.usable for each in tracks], pairs)
    return collect_takes(info, tracks, chosen, crop.size, progress, STAGE)


def adaptation_key(
    film: Path,
    models: DubModels,
    chosen: Sequence[Frames],
    settings: Mapping[str, object],
) -> str:
    """A key of all that decides what is learned: film, models, frames, settings and software.

    Film and models are identified by their bytes, not by their paths.

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


def _summary(record: AdaptationRecord, from_cache: bool) -> str:
    minutes = f"{record.seconds / 60:.1f} min"
    when = f"learned by an earlier dub, in {minutes}" if from_cache else f"learned in {minutes}"
    used = "used" if record.helped else "no better than the shipped weights, which are used"
    return f"{when} and {record.steps} steps from {record.learnt_frames} frames; {used}"
