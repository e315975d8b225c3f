"""How the actor speaks, shown by another clip of them than the film."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.dubbing.film_faces import observe_film, require_runs, study_person
from mytalk_core.dubbing.own_style import OwnStyleConfig, learn_own_style
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.speech_motion import encode_speech
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.audio import read_audio
from mytalk_core.media.probe import probe_video
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.speech.features import SpeechEncoder


@dataclass(frozen=True)
class StyleReference:
    """What a clip taught."""

    model: SpeechToMotion  # in the style of the person
    identity: NDArray[np.float32]  # (N, 3 M) shapes for the identity extractor
    told: str  # for the report: what was learnt, or why nothing was


def learn_style_reference(
    path: Path,
    model: SpeechToMotion,
    encoder: SpeechEncoder,
    landmarker: MeshLandmarker,
    config: OwnStyleConfig,
    work: Path,
    progress: Progress,
) -> StyleReference:
    """Learn from the longest run of the face that the clip shows.

    What is not borne out, by the rules of `learn_own_style`, is not learnt; the face's shapes go to
    the identity extractor in any case.

    Args:
        path: a film with sound.
        landmarker: finds faces; what it follows is forgotten.
        work: folder for arrays, which exists.

    Raises:
        BadInputError: as `observe_film` and `require_runs`.
    """
    stage = "learning the style that the other clip shows"

    def learning(_: str, done: int, total: int) -> None:
        progress(stage, done, total)

    info = probe_video(path)
    folder = work / "style"
    folder.mkdir()
    faces = observe_film(info, landmarker, folder, learning)
    require_runs(faces, info.path)
    run = max(faces.runs, key=lambda each: each[1] - each[0])
    person = study_person(faces, run, model.scheme, MaskConfig())
    duration = faces.end
    sound = encode_speech(
        read_audio(info.path, choice=info.choice), duration, encoder, folder / "sound", learning
    )
    learnt = learn_own_style(model, faces, run, person, sound, config)
    return StyleReference(learnt.model, person.known.shapes, f"from {path.name}: {learnt.told}")
