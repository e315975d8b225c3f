"""The cast of a film, as stages of the graph."""

from dataclasses import dataclass

from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.films.cast import make_cast
from mytalk_core.films.film_faces import FilmFaces, track_id
from mytalk_core.films.members import Cast, Member
from mytalk_core.films.track_embeddings import TrackEmbeddings, embed_tracks


@dataclass(frozen=True)
class EmbedRequest:
    """The faces of a film."""

    faces: FilmFaces
    models: str  # digest of the face embedding


def embed(request: EmbedRequest, context: StageContext) -> TrackEmbeddings:
    """Embed close-ups of every track."""
    return embed_tracks(request.faces, context.tools.faces, context.progress)


EMBED = Stage("embed", 1, EmbedRequest, TrackEmbeddings, embed)


@dataclass(frozen=True)
class CastRequest:
    """The faces of a film with their embeddings."""

    faces: FilmFaces
    embeddings: TrackEmbeddings


def find_cast(request: CastRequest, context: StageContext) -> Cast:
    """Decide which tracks show one person."""
    return make_cast(request.faces, request.embeddings)


CAST = Stage("cast", 1, CastRequest, Cast, find_cast)


def recognised_cast(context: TitleContext, faces: FilmFaces) -> Cast:
    """The cast of a film. One track needs no comparison of faces."""
    if len(faces.tracks) < 2:
        tracks = tuple(track_id(track) for track in faces.tracks)
        return Cast(tuple(Member("m1", "m1", (track,), 1.0) for track in tracks))
    runner = context.runner
    embedded = runner.start(EMBED, EmbedRequest(faces, context.digest("faces"))).result()
    return runner.start(CAST, CastRequest(faces, embedded)).result()
