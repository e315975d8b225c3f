"""Which face tracks of a film show one person, by average linkage of face embeddings."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from mytalk_core.faces.stillness import movement_ratio
from mytalk_core.films.close_ups import frontality
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FilmFaces, track_id
from mytalk_core.films.members import Cast, Member, TrackId
from mytalk_core.films.track_embeddings import TrackEmbeddings

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Distance of tracks that cannot be one person. The mean over pairs of two groups of n tracks is
# above every threshold if one pair has it, while n is below 10,000.
_APART = 1e9
# Distance by which the odds that a member is one person grow e-fold, from even odds where a track
# is as far from the others of the member as the threshold or as another member.
_MARGIN_SCALE = 0.04


@dataclass(frozen=True)
class CastConfig:
    """When tracks show one person. Distances are Euclidean, of embeddings of dlib's network."""

    # Largest mean distance of the tracks of a person, where the film does not show several people
    # at once often enough to measure it. By tests/benchmarks/cast_accuracy.py, tracks of one person
    # in two sizes and lights are at most 0.41 apart, those of different people at least 0.47.
    threshold: float = 0.5
    # Bounds of the threshold that a film's own faces give.
    lowest_threshold: float = 0.44
    highest_threshold: float = 0.52
    # The threshold as a share of the distance below which a tenth of the pairs of people are that
    # the film shows at once, and the least number of such pairs.
    share_of_different: float = 0.85
    least_different: int = 5
    # `frontality` that at least two close-ups of a track must have for the track to be clear.
    least_frontality: float = 0.4
    # By how much closer a track that is not clear must be, to a member and than to the next one.
    caution: float = 0.06
    # Tracks that share more time than this, seconds, or more than half of the shorter one, show
    # different people; less is a dissolve.
    together_seconds: Fraction = Fraction(1)
    # Seconds that a face must be seen in all to be recognised as a picture. Longer tracks were
    # judged one by one, and those of pictures are not among the faces of a film.
    least_picture_seconds: Fraction = Fraction(2)


@dataclass(frozen=True)
class _Faces:
    """What decides about N tracks."""

    tracks: tuple[FaceTrack, ...]
    distances: Matrix  # (N, N), of mean embeddings; infinite for tracks without a close-up
    clear: Flags  # (N,) whether the embedding can be trusted
    apart: Flags  # (N, N) different people, because one frame shows both


def make_cast(
    faces: FilmFaces, embeddings: TrackEmbeddings, config: CastConfig | None = None
) -> Cast:
    """Group the tracks of a film to members.

    Tracks that are seen at once are never one member. So the image of a person in a mirror is a
    member of its own; `Cast.similar` names such pairs. Tracks of which no picture from the front
    exists join a member only where there is no doubt, and are members of their own otherwise.
    """
    config = config or CastConfig()
    known = _known(faces, embeddings, config)
    threshold = _threshold(known, config)
    groups = _grouped(known, threshold, config)
    groups.sort(key=lambda group: (-_seconds(known, group), group))
    pictures = [group for group in groups if _is_picture(known, group, config)]
    people = [group for group in groups if group not in pictures]
    members = tuple(
        Member(
            f"m{number}",
            f"m{number}",
            _ids(known, group),
            _confidence(known, group, people, threshold),
        )
        for number, group in enumerate(people, 1)
    )
    return Cast(
        members,
        tuple(sorted(id for group in pictures for id in _ids(known, group))),
        threshold,
        _similar(known, people, members, threshold),
    )


def _known(faces: FilmFaces, embeddings: TrackEmbeddings, config: CastConfig) -> _Faces:
    rows: defaultdict[TrackId, list[int]] = defaultdict(list)
    for row, close_up in enumerate(embeddings.close_ups):
        rows[close_up.track].append(row)
    front = np.array([frontality(each.yaw) for each in embeddings.close_ups])
    own = [rows[track_id(track)] for track in faces.tracks]
    means = np.full((len(own), embeddings.vectors.shape[1]), np.nan)
    for number, places in enumerate(own):
        if places:
            means[number] = np.average(embeddings.vectors[places], axis=0, weights=front[places])
    distances = squareform(pdist(means)) if len(own) > 1 else np.zeros((len(own), len(own)))
    return _Faces(
        faces.tracks,
        np.where(np.isnan(distances), np.inf, distances),
        np.array([(front[places] >= config.least_frontality).sum() >= 2 for places in own], bool),
        _apart(faces.tracks, config),
    )


def _apart(tracks: Sequence[FaceTrack], config: CastConfig) -> Flags:
    """Which tracks are seen at once for too long to be one person in a dissolve."""
    first = np.array([track.first for track in tracks])
    end = np.array([track.end for track in tracks])
    shared = np.minimum.outer(end, end) - np.maximum.outer(first, first)
    shorter = np.minimum.outer(end - first, end - first)
    long = config.together_seconds * tracks[0].fps if tracks else 0
    apart: Flags = (shared > float(long)) | (2 * shared > shorter)
    np.fill_diagonal(apart, False)
    return apart


def _threshold(known: _Faces, config: CastConfig) -> float:
    """Largest mean distance of the tracks of a person."""
    both = np.triu(known.apart) & np.logical_and.outer(known.clear, known.clear)
    different = known.distances[both]
    if len(different) < config.least_different:
        return config.threshold
    own = config.share_of_different * float(np.quantile(different, 0.1))
    return float(np.clip(own, config.lowest_threshold, config.highest_threshold))


def _grouped(known: _Faces, threshold: float, config: CastConfig) -> list[tuple[int, ...]]:
    """Groups of tracks, each of one person."""
    clear = np.flatnonzero(known.clear)
    groups = _linked(known, clear, threshold)
    rest: list[int] = []
    for track in np.flatnonzero(~known.clear).tolist():
        place = _clearly_nearest(known, track, groups, threshold, config)
        if place is None:
            rest.append(track)
        else:
            groups[place] = (*groups[place], track)
    groups += _linked(known, np.array(rest, np.int64), threshold - config.caution)
    return [tuple(sorted(group)) for group in groups]


def _linked(known: _Faces, tracks: NDArray[np.int64], threshold: float) -> list[tuple[int, ...]]:
    """Average linkage of some tracks, with those apart that one frame shows."""
    if len(tracks) < 2:
        return [tuple(tracks.tolist())] if len(tracks) else []
    square = np.ix_(tracks, tracks)
    distances = np.where(known.apart[square], _APART, known.distances[square])
    distances = np.minimum(distances, _APART)
    labels = fcluster(linkage(squareform(distances), "average"), threshold, "distance")
    return [tuple(tracks[labels == label].tolist()) for label in np.unique(labels)]


def _clearly_nearest(
    known: _Faces,
    track: int,
    groups: Sequence[tuple[int, ...]],
    threshold: float,
    config: CastConfig,
) -> int | None:
    """The group that a track belongs to without doubt; None where there is none."""
    possible = [
        (float(known.distances[track, list(group)].mean()), place)
        for place, group in enumerate(groups)
        if not known.apart[track, list(group)].any()
    ]
    possible.sort()
    if not possible or possible[0][0] > threshold - config.caution:
        return None
    if len(possible) > 1 and possible[1][0] - possible[0][0] < config.caution:
        return None
    return possible[0][1]


def _seconds(known: _Faces, group: Sequence[int]) -> Fraction:
    """Time for which a group is on screen."""
    return sum((len(known.tracks[track]) / known.tracks[track].fps for track in group), Fraction(0))


def _is_picture(known: _Faces, group: Sequence[int], config: CastConfig) -> bool:
    """Whether a face never moves by itself, as in a poster, in tracks too short to judge alone."""
    least = config.least_picture_seconds
    return _seconds(known, group) >= least and all(
        len(track) < least * track.fps
        and movement_ratio(track.found, track.scheme, float(track.fps)) < 1
        for track in (known.tracks[place] for place in group)
    )


def _confidence(
    known: _Faces, group: tuple[int, ...], people: Sequence[tuple[int, ...]], threshold: float
) -> float:
    """How sure it is that tracks show one person: 0..1, by the least certain of them."""
    if len(group) == 1:
        return 1.0
    margins = []
    for track in group:
        row = known.distances[track]
        inner = float(row[[other for other in group if other != track]].mean())
        outer = min(
            (float(row[list(other)].mean()) for other in people if other != group), default=np.inf
        )
        margins.append(min(threshold - inner, outer - inner))
    return float(1 / (1 + np.exp(-min(margins) / _MARGIN_SCALE)))


def _similar(
    known: _Faces, people: Sequence[tuple[int, ...]], members: Sequence[Member], threshold: float
) -> tuple[tuple[str, str], ...]:
    """Pairs of members that look alike and are seen at once."""
    return tuple(
        (members[one].id, members[other].id)
        for one, group in enumerate(people)
        for other in range(one + 1, len(people))
        if known.apart[np.ix_(group, people[other])].any()
        and known.distances[np.ix_(group, people[other])].mean() < threshold
    )


def _ids(known: _Faces, group: Sequence[int]) -> tuple[TrackId, ...]:
    return tuple(sorted(track_id(known.tracks[track]) for track in group))
