"""Learn how an actor speaks from another clip of them than the film."""

from dataclasses import dataclass
from pathlib import Path

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.member_style import MemberStyle, learned_style
from mytalk_core.dubbing.own_style import StyleSpan
from mytalk_core.dubbing.person import study_person
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.stage_configs import OwnStyleConfig
from mytalk_core.dubbing.taught_film import faces_to_learn_from
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import MOTION_FPS, frame_at
from mytalk_core.media.probe import probe_video


@dataclass(frozen=True)
class StyleClipRequest:
    """A film with sound in which the actor speaks."""

    clip: MediaFile
    config: OwnStyleConfig
    models: str  # digest of the weights


def learn_style_clip(request: StyleClipRequest, context: StageContext) -> MemberStyle:
    """Learn from the longest track that the clip shows.

    The style is subject to the tests of `learn_own_style`; the shapes of the face are used in any
    case.

    Raises:
        BadInputError: as `faces_to_learn_from`.
    """
    path = request.clip.path
    info = probe_video(path)
    faces = faces_to_learn_from(info, context.tools.landmarker, context.scratch, context.progress)
    track = max(faces.faces.tracks, key=len)
    person = study_person(track, MaskConfig())
    first = frame_at(track.starts[0], MOTION_FPS)
    end = frame_at(track.starts[-1], MOTION_FPS) + 1
    sound = read_audio(info.path, choice=info.choice)
    span = StyleSpan(track, person, first, end)
    style = learned_style(sound, (span,), request.config, context)
    return MemberStyle(
        f"from {Path(path).name}: {style.summary}", style.speech_map, person.known.shapes
    )


STYLE_CLIP = Stage("style-clip", 2, StyleClipRequest, MemberStyle, learn_style_clip)
