"""A title from its files to its film: the speech is listened to, then the lips follow it."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from mytalk_core.data.catalogue import CatalogueRow
from mytalk_core.data.model_store import model
from mytalk_core.data.recipe import ResultKind, checksums, made_with
from mytalk_core.data.title_status import DubbedTitle
from mytalk_core.dubbing.dub import DubConfig, DubResult, dub
from mytalk_core.dubbing.inputs import Inputs, open_inputs
from mytalk_core.dubbing.left_alone_reason import counts_text
from mytalk_core.dubbing.models import DubModels, NamedModels, stored_models
from mytalk_core.dubbing.notes import input_notes
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.report import unheard_speech
from mytalk_core.dubbing.title_adaptation import JUDGE
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.media.audio import read_audio
from mytalk_core.media.damage import damage_text
from mytalk_core.speech.recognition import Recogniser
from mytalk_core.speech.transcript import Transcript

_LISTENING = "listening"
_LISTENING_STEPS = 100


def dub_title(
    inputs: Inputs,
    film: Path,
    models: DubModels,
    config: DubConfig,
    recogniser: Recogniser,
    progress: Progress,
    tools: DubTools | None = None,
) -> tuple[DubResult, Transcript]:
    """Find out what the speech says and when, then make the lips follow it.

    `tools` are the networks of `models`, of who dubs several titles with them.

    Raises:
        BadInputError, ModelError, OutputError: as `dub`; nothing new stands under `film` then.
    """
    heard = 0.0

    def listened(share: float) -> None:
        nonlocal heard
        heard += share
        progress(_LISTENING, round(heard * _LISTENING_STEPS), _LISTENING_STEPS)

    start = time.monotonic()
    transcript = recogniser.transcribe(
        read_audio(inputs.speech, choice=inputs.speech_tracks),
        inputs.script,
        listened,
        inputs.language,
    )
    spent = {_LISTENING: time.monotonic() - start}
    result = dub(inputs, film, models, config, transcript, progress, spent, tools)
    return result, transcript


class TitleDubber:
    """Dubs the titles of a catalogue one after the other with models that it loads once."""

    def __init__(self, models: DubModels, config: DubConfig) -> None:
        self._models = models
        self._config = config
        self._recogniser = Recogniser(models.speech_encoder)
        self._tools = DubTools(models)

    def __call__(self, row: CatalogueRow, film: Path, beat: Callable[[], None]) -> DubbedTitle:
        """Dub one title into `film`, its report beside it; call `beat` each time work gets on.

        Raises:
            BadInputError, ModelError, OutputError: as `open_inputs` and `dub_title`.
        """
        inputs = open_inputs(
            row.video,
            row.speech,
            row.script,
            language=row.language,
            even_size=self._config.even_size,
        )
        result, transcript = dub_title(
            inputs,
            film,
            self._models,
            self._config,
            self._recogniser,
            lambda *_: beat(),
            self._tools,
        )
        warnings = (
            *input_notes(inputs, transcript),
            length_warning(transcript, result.duration),
            damage_text(result.damage),
            nothing_drawn_warning(result),
        )
        return DubbedTitle(
            result.film,
            result.report,
            result.frames,
            "; ".join(filter(None, warnings)),
            result.rendered_frames,
            {reason.value: frames for reason, frames in result.left_alone.items()},
        )


def stored_dubber(config: DubConfig) -> TitleDubber:
    """One with the models of the store and the shipped weights, as this machine has them.

    Raises:
        ModelError: as `stored_models`.
    """
    return TitleDubber(stored_models(None, None), config)


def length_warning(transcript: Transcript, duration: Fraction) -> str:
    """What to tell people where a speech goes on after the film's `duration` in seconds."""
    late = unheard_speech(transcript, duration)
    return f"the film ends {float(late):.1f} s before the speech does" if late else ""


def nothing_drawn_warning(result: DubResult) -> str:
    """What to tell people where every frame keeps its own mouth; else the empty string."""
    if result.rendered_frames:
        return ""
    return f"no frame has new lips ({counts_text(result.left_alone)}), only the sound is new"


def recipe(models: DubModels | NamedModels, config: DubConfig) -> dict[str, object]:
    """All that decides a film beside the title's own files, as JSON values."""
    return {
        "versions": made_with(ResultKind.DUBBING),
        "weights": {name: checksums(path) for name, path in asdict(models).items()},
        "judge": [file.sha256 for file in model(JUDGE).files] if config.adapt_seconds else [],
        "config": json.loads(json.dumps(asdict(config), default=str)),
    }
