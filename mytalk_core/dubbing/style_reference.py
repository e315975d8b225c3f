"""Learn how an actor speaks from another clip of them than the film."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.dubbing.film_faces import faces_to_learn_from
from mytalk_core.dubbing.listening import encode_speech
from mytalk_core.dubbing.own_style import OwnStyle, OwnStyleConfig, learn_own_style
from mytalk_core.dubbing.person import study_person
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.films.progress import Progress
from mytalk_core.media.audio import read_audio
from mytalk_core.media.probe import probe_video


@dataclass(frozen=True)
class StyleReference:
    """What a clip shows of its actor."""

    style: OwnStyle
    shapes: NDArray[np.float32]  # (N, 3 M) for the identity extractor


def learn_style_reference(
    path: Path, tools: DubTools, config: OwnStyleConfig, work: Path, progress: Progress
) -> StyleReference:
    """Learn from the longest track that the clip shows.

    The style is subject to the tests of `learn_own_style`; the shapes of the face are used in any
    case.

    Args:
        path: a film with sound.
        work: folder for arrays; it exists.

    Raises:
        BadInputError: as `faces_to_learn_from`.
    """
    stage = "learning the style that the other clip shows"

    def learning(_: str, done: int, total: int) -> None:
        progress(stage, done, total)

    info = probe_video(path)
    folder = work / "style"
    folder.mkdir()
    faces = faces_to_learn_from(info, tools.landmarker, folder, learning)
    track = max(faces.tracks, key=len)
    person = study_person(track, MaskConfig())
    sound = read_audio(info.path, choice=info.choice)
    features = encode_speech(
        sound, faces.timing.end, tools.speech_encoder, folder / "sound", learning
    )
    style = learn_own_style(tools.motion, track, person, features.read(), config)
    summary = f"from {path.name}: {style.summary}"
    return StyleReference(OwnStyle(summary, style.speech_map), person.known.shapes)
