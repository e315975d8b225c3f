"""The models of preprocessing."""

from dataclasses import dataclass, field

from mytalk_core.faces.embedding import FaceEmbedder
from mytalk_core.faces.landmarker import Landmarker, MeshLandmarker
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.sync.light_expert import LightExpert


@dataclass(frozen=True)
class FootageModels:
    """The models that turn a segment of footage into clips."""

    landmarker: Landmarker
    encoder: SpeechEncoder
    embedder: FaceEmbedder | None  # for footage without speaker names
    sync: LightExpert = field(default_factory=LightExpert)
    inspector: MeshLandmarker | None = None  # the landmarker, where it can check its own faces
