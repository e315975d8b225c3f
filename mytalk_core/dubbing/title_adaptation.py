"""The renderer learns a member of the cast from the film itself.

Each track is drawn, also during learning, from its own reference frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.adaptation import AdaptationConfig, AdaptationRecord, Adapted, adapt
from mytalk_core.appearance.adapted_file import save_adapted
from mytalk_core.appearance.perceptual import perceptual_lpips
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.model_store import pull
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.models import JUDGE
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.stage_configs import StudyConfig
from mytalk_core.dubbing.taught_film import faces_to_learn_from
from mytalk_core.dubbing.title_frames import collect_takes, spread_pairs
from mytalk_core.dubbing.track_study import study
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.progress import Progress
from mytalk_core.media.probe import probe_video

STAGE_NAME = "learning what the actors look like"

# Pairs of frames to learn from and to judge by, at most: more do not fit into two minutes.
PAIRS = 300


@dataclass(frozen=True)
class AdaptRequest:
    """A member whose appearance the renderer learns."""

    film: FilmSource
    tracks: tuple[PlannedTrack, ...]  # by first frame; frames that show the mouth well are used
    crop: CropConfig
    config: AdaptationConfig
    models: str  # digest of the renderer and of the judge


@dataclass(frozen=True)
class MemberAdaptation:
    """What the renderer learned of a member."""

    weights: Path | None  # of the renderer that draws the member; None: the shipped one
    record: AdaptationRecord | None  # None where there was too little to learn from
    summary: str  # for the report


def adapt_to_member(request: AdaptRequest, context: StageContext) -> MemberAdaptation:
    """Learn a member from the film.

    Raises:
        BadInputError: as decoding does.
        ModelError: where the judging network is missing.
        OSError: where the disk is full.
    """
    renderer = context.tools.renderer
    chosen = spread_pairs([each.drawing.usable for each in request.tracks], PAIRS)
    if not sum(map(len, chosen)):
        return MemberAdaptation(None, None, "no two consecutive frames to learn from")
    film, size = request.film.info, learning_crop(request.crop, renderer).size
    takes = collect_takes(film, request.tracks, chosen, size, context.progress, STAGE_NAME)
    try:
        adapted = learn(renderer, takes, request.config, context.progress)
    except BadInputError as error:
        if error.reason is not Reason.TOO_SHORT:
            raise
        return MemberAdaptation(None, None, error.what)
    weights = context.folder / "renderer.safetensors"
    save_adapted(adapted, weights)
    return MemberAdaptation(weights, adapted.record, _summary(adapted.record))


def learn(
    renderer: Renderer, takes: Sequence[Take], config: AdaptationConfig, progress: Progress
) -> Adapted:
    """`adapt` with the judge from the model store."""
    lpips = perceptual_lpips(pull(JUDGE)).to(next(renderer.parameters()).device)
    return adapt(
        renderer, takes, config, lpips, lambda done, total: progress(STAGE_NAME, done, total)
    )


def learning_crop(crop: CropConfig, renderer: Renderer) -> CropConfig:
    """The crop whose window is as large as the renderer's own."""
    return replace(crop, size=renderer.config.size * 3 // 2)


def film_takes(
    film: Path,
    landmarker: MeshLandmarker,
    pairs: int,
    config: StudyConfig,
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
    tracks = [
        studied
        for track in faces_to_learn_from(info, landmarker, work, progress).faces.tracks
        if (studied := study(info, track, config)).drawing.drawn
    ]
    if not tracks:
        return []
    chosen = spread_pairs([each.drawing.usable for each in tracks], pairs)
    return collect_takes(info, tracks, chosen, config.crop.size, progress, STAGE_NAME)


def _summary(record: AdaptationRecord) -> str:
    used = "used" if record.helped else "no better than the shipped weights, which are used"
    return (
        f"learned in {record.seconds / 60:.1f} min and {record.steps} steps"
        f" from {record.learnt_frames} frames; {used}"
    )


ADAPT = Stage("adapt", 1, AdaptRequest, MemberAdaptation, adapt_to_member)
