"""The networks of a dub, loaded once for all titles that a process dubs."""

from functools import cached_property
from types import TracebackType
from typing import Self

import torch

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.film_faces import FILM_LANDMARKER
from mytalk_core.dubbing.models import DubModels
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.motion.model import SpeechToMotion, load_model
from mytalk_core.speech.features import SpeechEncoder


class DubTools:
    """What the files of `DubModels` hold, each loaded when it is first asked for, and kept.

    No title may change a network: what learns from a title (a style, an actor) is a copy, and
    belongs to the title. The landmarker starts afresh with each film. For one thread at a time.
    """

    def __init__(self, files: DubModels) -> None:
        """Loads nothing yet; a file that is missing or another is found by the first title."""
        self.files = files
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def landmarker(self) -> MeshLandmarker:
        """Finds the faces of a film."""
        return MeshLandmarker(self.files.landmarker, FILM_LANDMARKER)

    @cached_property
    def speech_encoder(self) -> SpeechEncoder:
        """Turns speech into features."""
        return SpeechEncoder(self.files.speech_encoder)

    @cached_property
    def motion(self) -> SpeechToMotion:
        """Speech to motion, without any person's style."""
        return load_model(self.files.motion).to(self._device)

    @cached_property
    def renderer(self) -> Renderer:
        """Motion to pixels, before it has learnt any actor."""
        return load_renderer(self.files.renderer).to(self._device)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free what native code holds."""
        if "landmarker" in self.__dict__:
            self.landmarker.close()
