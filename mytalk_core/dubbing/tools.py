"""The networks of a dub, loaded once for all titles that a process dubs."""

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from mytalk_core.appearance.adapted_file import load_adapted
from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.film_source import FilmFrames
from mytalk_core.dubbing.known_people import KnownPeople
from mytalk_core.dubbing.models import DubModels
from mytalk_core.faces.embedding import FaceEmbedder
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_range import FILM_LANDMARKER
from mytalk_core.motion.model import SpeechToMotion, load_model
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.recognition import Recogniser
from mytalk_core.speech.voice_embedding import VoiceEmbedder
from mytalk_core.sync.expert import SyncExpert, load_expert
from mytalk_core.sync.expert_file import Purpose
from mytalk_core.sync.light_expert import LightExpert


class DubTools:
    """The networks of `DubModels`, each loaded when it is first used, and kept.

    No title changes a network: a style or an adapted renderer is a copy that belongs to the title.
    The landmarkers restart with each film. For one thread at a time.
    """

    def __init__(self, files: DubModels, threads: int = 0) -> None:
        """Load nothing yet; a missing or damaged file is an error of the first title.

        Args:
            threads: of the networks of speech; 0: as many as their library chooses.
        """
        self.files = files
        self._threads = threads
        self.people = KnownPeople()
        """Encoded reference frames."""
        self.frames = FilmFrames()
        """Decodes the film, piece after piece."""
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._adapted: tuple[Path, Renderer] | None = None  # the one used last

    @cached_property
    def landmarker(self) -> MeshLandmarker:
        """Finds the faces of a film."""
        return MeshLandmarker(self.files.landmarker, FILM_LANDMARKER)

    @cached_property
    def drawn_landmarker(self) -> MeshLandmarker:
        """Finds the lips of one face in crops of a dub."""
        return MeshLandmarker(self.files.landmarker)

    @cached_property
    def speech_encoder(self) -> SpeechEncoder:
        """Turns speech into features."""
        return SpeechEncoder(self.files.speech_encoder, threads=self._threads)

    @cached_property
    def recogniser(self) -> Recogniser:
        """Recognises the words of a speech and their times."""
        return Recogniser(self.files.speech_encoder, self._threads)

    @cached_property
    def faces(self) -> FaceEmbedder:
        """Tells people apart."""
        return FaceEmbedder(self.files.face_embedding, MESH478)

    @cached_property
    def voices(self) -> VoiceEmbedder:
        """Tells voices apart."""
        return VoiceEmbedder(self.files.voice_embedding)

    @cached_property
    def sync_expert(self) -> LightExpert:
        """Tells whether lips follow a sound."""
        return LightExpert()

    @cached_property
    def lip_judge(self) -> SyncExpert:
        """Measures drawn lips against their sound, for reports; nothing is trained or chosen by it.

        Raises:
            ModelError: where its weights are damaged.
        """
        return load_expert(Purpose.EVALUATION)

    @cached_property
    def motion(self) -> SpeechToMotion:
        """Speech to motion, without any person's style."""
        return load_model(self.files.motion).to(self._device)

    @cached_property
    def renderer(self) -> Renderer:
        """Motion to pixels, not adapted to any actor."""
        return load_renderer(self.files.renderer).to(self._device)

    def renderer_with(self, weights: Path | None) -> Renderer:
        """A renderer that learned an actor; None: the shipped one.

        Raises:
            ModelError: where the weights are damaged.
        """
        if weights is None:
            return self.renderer
        if self._adapted is None or self._adapted[0] != weights:
            self._adapted = (weights, load_adapted(weights).renderer.to(self._device))
        return self._adapted[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free the resources of native code."""
        for name in ("landmarker", "drawn_landmarker"):
            if name in self.__dict__:
                getattr(self, name).close()
