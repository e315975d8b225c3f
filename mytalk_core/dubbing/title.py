"""A title from its files to its film: its speech is recognised, then its lips are dubbed."""

import json
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from mytalk_core.data.catalogue import CatalogueRow
from mytalk_core.data.model_store import model
from mytalk_core.data.recipe import ResultKind, checksums, made_with
from mytalk_core.data.title_status import DubbedTitle
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.dub import DubResult, dub
from mytalk_core.dubbing.inputs import Inputs, TitleFiles, open_inputs
from mytalk_core.dubbing.left_alone_reason import counts_text
from mytalk_core.dubbing.models import DubModels, NamedModels, stored_models
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.notes import input_notes
from mytalk_core.dubbing.report import unheard_speech
from mytalk_core.dubbing.title_adaptation import JUDGE
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.films.progress import Progress
from mytalk_core.media.audio import read_audio
from mytalk_core.media.damage import damage_text
from mytalk_core.speech.script import segments
from mytalk_core.speech.transcript import Transcript

_LISTENING = "listening"
_LISTENING_STEPS = 100


def dub_title(
    inputs: Inputs, film: Path, tools: DubTools, config: DubConfig, progress: Progress
) -> tuple[DubResult, Transcript]:
    """Recognise the speech, then make the lips follow it.

    Raises:
        BadInputError, ModelError, OutputError: as `dub`; nothing new exists under `film` then.
    """
    monitor = Monitor(progress)
    done = 0.0

    def listened(share: float) -> None:
        nonlocal done
        done += share
        progress(_LISTENING, round(done * _LISTENING_STEPS), _LISTENING_STEPS)

    with monitor.running(_LISTENING):
        transcript = tools.recogniser.transcribe(
            read_audio(inputs.speech, choice=inputs.speech_tracks),
            segments(inputs.script),
            listened,
            inputs.language,
        )
    return dub(inputs, film, tools, config, transcript, monitor), transcript


class TitleDubber:
    """Dubs the titles of a catalogue one after the other; loads its models once."""

    def __init__(self, models: DubModels, config: DubConfig) -> None:
        self._config = config
        self._tools = DubTools(models)

    def __call__(self, row: CatalogueRow, film: Path, beat: Callable[[], None]) -> DubbedTitle:
        """Dub one title into `film`, with its report beside it; call `beat` on progress.

        Raises:
            BadInputError, ModelError, OutputError: as `open_inputs` and `dub_title`.
        """
        inputs = open_inputs(
            TitleFiles(
                row.video,
                row.speech,
                row.script,
                language=row.language,
                even_size=self._config.even_size,
            )
        )
        result, transcript = dub_title(inputs, film, self._tools, self._config, lambda *_: beat())
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
    """A dubber with the models of the store and the shipped weights.

    Raises:
        ModelError: as `stored_models`.
    """
    return TitleDubber(stored_models(None, None), config)


def length_warning(transcript: Transcript, duration: Fraction) -> str:
    """A warning where the speech goes on after the film's `duration`, in seconds; else empty."""
    late = unheard_speech(transcript, duration)
    return f"the film ends {float(late):.1f} s before the speech does" if late else ""


def nothing_drawn_warning(result: DubResult) -> str:
    """A warning where every frame keeps its own mouth; else empty."""
    if result.rendered_frames:
        return ""
    return f"no frame has new lips ({counts_text(result.left_alone)}), only the sound is new"


def recipe(models: DubModels | NamedModels, config: DubConfig) -> dict[str, object]:
    """Everything but the title's own files that decides a film, as JSON values."""
    return {
        "versions": made_with(ResultKind.DUBBING),
        "weights": {name: checksums(path) for name, path in asdict(models).items()},
        "judge": [file.sha256 for file in model(JUDGE).files] if config.adapt_seconds else [],
        "config": json.loads(json.dumps(asdict(config), default=str)),
    }
