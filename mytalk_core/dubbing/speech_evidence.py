"""The evidence for who speaks, as a stage of the graph."""

from dataclasses import dataclass

from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.films.film_faces import FilmFaces
from mytalk_core.films.speaker_evidence import SpeakerEvidence, film_evidence
from mytalk_core.films.stored_array import StoredArray


@dataclass(frozen=True)
class EvidenceRequest:
    """A film with sound."""

    faces: FilmFaces
    sound: StoredArray  # (N,) float32, 16 kHz mono
    models: str  # digest of the sync expert and the voice network


def gather_evidence(request: EvidenceRequest, context: StageContext) -> SpeakerEvidence:
    """Compare all faces with the sound of their film, and embed its voices."""
    tools = context.tools
    return film_evidence(request.faces, request.sound.read(), tools.sync_expert, tools.voices)


EVIDENCE = Stage("evidence", 1, EvidenceRequest, SpeakerEvidence, gather_evidence)
