"""Films dubbed in this process, for tests and benchmarks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing import title_lines
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.models import NamedModels, model_digests, named_models
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.opening import ClipFiles, open_clip
from mytalk_core.dubbing.title import DubResult, dub_title
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.model import SpeechToMotion, save_model
from mytalk_core.speech.recognition import AlignedLines, HeardLanguage
from mytalk_core.speech.transcript import Interval, Segment, Transcript
from mytalk_core.speech.voice_activity import voice_intervals


@dataclass(frozen=True)
class Networks:
    """The models of a dub, and their networks, each of which is loaded once."""

    models: NamedModels
    tools: DubTools


def small_models(folder: Path) -> NamedModels:
    """Untrained networks that move and draw quickly, written to a folder; the others as shipped."""
    torch.manual_seed(0)
    motion, renderer = (folder / f"{name}.safetensors" for name in ("motion", "renderer"))
    save_model(SpeechToMotion(MOTION_SIZES["tiny"]), motion)
    save_renderer(Renderer(RENDERER_SIZES["tiny"]), renderer)
    return named_models(motion, renderer)


@dataclass(frozen=True)
class WordsOfTheScript:
    """Replaces the recogniser: words of a script, without times, and all of it is English."""

    def transcribe(
        self,
        samples: NDArray[np.float32],
        script: tuple[Segment, ...],
        advance: Callable[[float], None],
        language: str,
    ) -> Transcript:
        """Return the script, with the voice that is detected."""
        return Transcript(language or "en", script, voice_intervals(samples), "")

    def heard(self, samples: NDArray[np.float32], voice: Sequence[Interval]) -> HeardLanguage:
        """Return English."""
        return HeardLanguage("en", 1.0)

    def aligned(
        self,
        samples: NDArray[np.float32],
        script: tuple[Segment, ...],
        voice: Sequence[Interval],
        language: str,
    ) -> AlignedLines:
        """Return the script."""
        return AlignedLines(script, language or "en", "")


@dataclass(frozen=True)
class GivenWords(WordsOfTheScript):
    """Replaces the recogniser: every stem without a script has this transcript."""

    transcript: Transcript

    def transcribe(
        self,
        samples: NDArray[np.float32],
        script: tuple[Segment, ...],
        advance: Callable[[float], None],
        language: str,
    ) -> Transcript:
        """Return the transcript."""
        return self.transcript


@contextmanager
def replaced_recogniser(tools: DubTools, recogniser: WordsOfTheScript) -> Iterator[None]:
    """Replace recognition within the block."""
    before = tools.__dict__.pop("recogniser", None)
    tools.__dict__["recogniser"] = recogniser
    try:
        yield
    finally:
        del tools.__dict__["recogniser"]
        if before is not None:
            tools.__dict__["recogniser"] = before


@contextmanager
def given_words(tools: DubTools, transcript: Transcript | None) -> Iterator[None]:
    """Replace recognition and the detection of voice within the block; None does not."""
    if transcript is None:
        yield
        return
    with (
        replaced_recogniser(tools, GivenWords(transcript)),
        patch.object(title_lines, "voice_intervals", lambda samples: transcript.voice),
    ):
        yield


def context_of(
    title: Title,
    artifacts: Artifacts,
    networks: Networks,
    config: DubConfig = DubConfig(),  # noqa: B008  # frozen
) -> TitleContext:
    """A run over a title in this process."""
    runner = InlineRunner(artifacts, networks.tools, lambda *_: None)
    return TitleContext(runner, title.film, config, model_digests(networks.models))


def dubbed(
    files: ClipFiles,
    work: Path,
    networks: Networks,
    transcript: Transcript | None = None,
    config: DubConfig = DubConfig(),  # noqa: B008  # frozen
) -> DubResult:
    """Dub a film.

    Args:
        work: folder of the artifacts. Dubs that share it share what they have in common; the same
            speech has the same transcript in all of them.
        transcript: of the speech; None: it is recognised.
    """
    artifacts = Artifacts(work)
    with artifacts.in_use(), given_words(networks.tools, transcript):
        title = open_clip(files, artifacts)
        context = context_of(title, artifacts, networks, config)
        return dub_title(context, title, files.output, Monitor())


def speech_of(*lines: tuple[Fraction | float, Fraction | float]) -> Transcript:
    """The transcript of a speech with voice between these seconds, a line each."""
    voice = tuple(Interval(Fraction(start), Fraction(end)) for start, end in lines)
    segments = tuple(
        Segment(f"line {number}", each.start, each.end) for number, each in enumerate(voice, 1)
    )
    return Transcript("en" if lines else "und", segments, voice, "")
