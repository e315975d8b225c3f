"""The networks of a dub, loaded once for all titles that a process dubs."""

from functools import cached_property
from types import TracebackType
from typing import Self

import torch

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.models import DubModels
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_range import FILM_LANDMARKER
from mytalk_core.motion.model import SpeechToMotion, load_model
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.recognition import Recogniser


class DubTools:
    """The networks of `DubModels`, each loaded when it is first used, and kept.

    No title changes a network: a style or an adapted renderer is a copy that belongs to the title.
    The landmarker restarts with each film. For one thread at a time.
    """

    def __init__(self, files: DubModels, threads: int = 0) -> None:
        """Load nothing yet; a missing or damaged file is an error of the first title.

        Args:
            threads: of the networks of speech; 0: as many as their library chooses.
        """
        self.files = files
        self._threads = threads
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def landmarker(self) -> MeshLandmarker:
        """Finds the faces of a film."""
        return MeshLandmarker(self.files.landmarker, FILM_LANDMARKER)

    @cached_property
    def speech_encoder(self) -> SpeechEncoder:
        """Turns speech into features."""
        return SpeechEncoder(self.files.speech_encoder, threads=self._threads)

    @cached_property
    def recogniser(self) -> Recogniser:
        """Recognises the words of a speech and their times."""
        return Recogniser(self.files.speech_encoder, self._threads)

    @cached_property
    def motion(self) -> SpeechToMotion:
        """Speech to motion, without any person's style."""
        return load_model(self.files.motion).to(self._device)

    @cached_property
    def renderer(self) -> Renderer:
        """Motion to pixels, not adapted to any actor."""
        return load_renderer(self.files.renderer).to(self._device)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free the resources of native code."""
        if "landmarker" in self.__dict__:
            self.landmarker.close()
