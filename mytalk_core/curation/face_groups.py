"""Group the faces of clips without a speaker name into people, by face embeddings.

First the tracks of each title are clustered into people, then people are compared across titles.
The cost is quadratic in the number of people, 128 multiplications a pair: 8 seconds for 50,000
people on one core, an hour for a million; all tasks can run in parallel.

Distances are L2 between embeddings of 128 numbers (dlib's ResNet). Measured on faces of known
people, the same person is mostly within 0.42 and different people are beyond 0.72.
"""

import hashlib
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mytalk_core.curation.duplicates import components

DIMENSIONS = 128
Vectors = NDArray[np.float32]

PEOPLE_SCHEMA = pa.schema(
    [
        ("smallest_key", pa.string()),  # of the clips; identifies the person
        ("clips", pa.int64()),
        ("spread", pa.float64()),  # largest distance of a track to the centroid
        ("centroid", pa.list_(pa.float32(), DIMENSIONS)),
    ]
)
"""The people of a title."""

GROUP_SCHEMA = pa.schema(
    [
        ("speaker", pa.string()),  # `face:` and a hash
        ("titles", pa.int64()),  # people of single titles that were joined
        ("clips", pa.int64()),
        ("spread", pa.float64()),  # largest distance of a title's centroid to the group's
        ("title_spread", pa.float64()),  # largest distance of a track to its title's centroid
        ("margin", pa.float64()),  # to the centroid of the nearest other group; infinite if none
    ]
)
"""Groups of faces. A group is reliable where its spread is small and its margin large."""

_GROUP_PREFIX = "face:"  # of the name of a group


@dataclass(frozen=True)
class FaceGroupConfig:
    """The limit for joining faces."""

    max_distance: float = 0.5
    """Largest L2 distance of two mean embeddings that are joined. Chains of joined pairs are one
    group: a wrong join puts two people into the same split; a missed one may put one person into
    two splits, which is worse. Among 94 clips of 21 GRID speakers, 99.2 % of the pairs within 0.5
    are of one speaker and no pair of one speaker is beyond; within 0.45 all pairs are of one
    speaker, and 0.8 % of those are beyond."""


def people_of_titles(clips: pa.Table, config: FaceGroupConfig) -> tuple[pa.Table, pa.Table]:
    """Cluster the clips of each title into people: (people, members).

    Args:
        clips: `title`, `key`, `row` and `embedding` of all clips of some titles.
        config: the limit.

    Returns:
        People as `PEOPLE_SCHEMA`, and `row` and `person` (index of a person) of each clip.
    """
    clips = clips.take(pc.sort_indices(clips, [("title", "ascending"), ("key", "ascending")]))
    keys = clips["key"].to_pylist()
    embeddings = _vectors(clips["embedding"])
    titles = clips["title"].to_pylist()
    # Parts of one face track are always one person; their keys differ in the last field only.
    tracks = [(title, key.rpartition("-")[0]) for title, key in zip(titles, keys, strict=True)]
    people: list[_Person] = []
    person_of_clip = np.zeros(len(keys), np.int64)
    for _, of_title in groupby(range(len(keys)), titles.__getitem__):
        first = len(people)
        for _, of_track in groupby(of_title, tracks.__getitem__):
            parts = list(of_track)
            mean = embeddings[parts].mean(axis=0)
            number = _nearest(mean, people[first:], config.max_distance)
            if number is None:
                number = len(people) - first
                people.append(_Person(keys[parts[0]], np.zeros(DIMENSIONS), 0, []))
            people[first + number].add(mean, len(parts))
            person_of_clip[parts] = first + number
    columns = [
        [person.smallest_key for person in people],
        [person.clips for person in people],
        [person.spread() for person in people],
        [person.centroid.astype(np.float32) for person in people],
    ]
    return (
        pa.Table.from_arrays(
            [pa.array(c, t) for c, t in zip(columns, PEOPLE_SCHEMA.types, strict=True)],
            schema=PEOPLE_SCHEMA,
        ),
        pa.table({"row": clips["row"], "person": pa.array(person_of_clip)}),
    )


@dataclass
class _Person:
    """A person of a title while tracks are added."""

    smallest_key: str
    total: NDArray[np.float64]  # (128,) sum over clips
    clips: int
    tracks: list[Vectors]

    def add(self, track: Vectors, clips: int) -> None:
        self.total = self.total + track.astype(np.float64) * clips
        self.clips += clips
        self.tracks.append(track)

    @property
    def centroid(self) -> NDArray[np.float64]:
        return self.total / self.clips

    def spread(self) -> float:
        return max(float(np.linalg.norm(track - self.centroid)) for track in self.tracks)


def _nearest(track: Vectors, people: list[_Person], limit: float) -> int | None:
    if not people:
        return None
    distances = np.linalg.norm(np.stack([each.centroid for each in people]) - track, axis=1)
    nearest = int(np.argmin(distances))
    return nearest if distances[nearest] <= limit else None


def _vectors(column: pa.ChunkedArray) -> Vectors:
    flat: Vectors = pc.list_flatten(column).to_numpy().astype(np.float32)
    return flat.reshape(-1, DIMENSIONS)


def centroids(people: pa.Table) -> Vectors:
    """Centroids of the people of titles, (N, 128)."""
    return _vectors(people["centroid"])


def distances(some: Vectors, others: Vectors) -> NDArray[np.float32]:
    """Compute the L2 distances (N, M) of (N, 128) and (M, 128)."""
    squares = np.square(some).sum(axis=1)[:, None] + np.square(others).sum(axis=1)
    apart: NDArray[np.float32] = np.sqrt(np.maximum(squares - 2 * some @ others.T, 0))
    return apart


def links(some: Vectors, others: Vectors, config: FaceGroupConfig) -> NDArray[np.int64]:
    """Return pairs (index in `some`, index in `others`), (K, 2), that connect the same people.

    Instead of all N * M close pairs, at most N + M with the same connected components.
    """
    one, other = np.nonzero(distances(some, others) <= config.max_distance)
    pairs = np.stack([one, other + len(some)], axis=1)
    members, groups = components(pairs)
    left = members < len(some)
    # A star on each side: each member of `some` to the group's first of `others`, and the reverse.
    to_right, to_left = np.zeros((2, len(members)), np.int64)
    to_right[groups[~left][::-1]] = members[~left][::-1]
    to_left[groups[left][::-1]] = members[left][::-1]
    star = np.stack([members[left], to_right[groups[left]]], axis=1)
    reverse = np.stack([to_left[groups[~left]], members[~left]], axis=1)
    return np.concatenate([star, reverse]) - [0, len(some)]


def is_face_group(speaker: str) -> bool:
    """Return whether a speaker's name is that of a group of faces."""
    return speaker.startswith(_GROUP_PREFIX)


def group_names(smallest_keys: list[str], pairs: NDArray[np.int64]) -> list[str]:
    """Name the group of each person: `face:` and a hash of the smallest key of the group's clips.

    The split of a speaker depends on the name. Added data changes a name only where it adds a
    smaller key to the group or joins two groups.

    Args:
        smallest_keys: of each person.
        pairs: (N, 2) indices of people that are the same.
    """
    members, groups = components(pairs)
    smallest = dict(enumerate(smallest_keys))
    best: dict[int, str] = {}
    for member, group in zip(members.tolist(), groups.tolist(), strict=True):
        best[group] = min(best.get(group, smallest[member]), smallest[member])
    for member, group in zip(members.tolist(), groups.tolist(), strict=True):
        smallest[member] = best[group]
    return [
        _GROUP_PREFIX + hashlib.blake2b(smallest[n].encode(), digest_size=8).hexdigest()
        for n in range(len(smallest_keys))
    ]


def describe_groups(people: pa.Table, names: list[str], block: int = 2048) -> pa.Table:
    """Describe groups as `GROUP_SCHEMA`, sorted by name.

    Memory: about 2 KB per person, and `block` squared distances.
    """
    unique, group = np.unique(np.array(names, dtype=str), return_inverse=True)
    vectors, clips = centroids(people), people["clips"].to_numpy()
    count = len(unique)
    total = np.zeros((count, DIMENSIONS))
    np.add.at(total, group, vectors * clips[:, None].astype(np.float64))
    of_group = np.bincount(group, clips, count).astype(np.int64)
    means = (total / np.maximum(of_group, 1)[:, None]).astype(np.float32)
    spread, title_spread = np.zeros(count), np.zeros(count)
    np.maximum.at(spread, group, np.linalg.norm(vectors - means[group], axis=1))
    np.maximum.at(title_spread, group, people["spread"].to_numpy())
    margin = np.full(count, np.inf)
    for start in range(0, count, block):
        own = np.arange(start, min(start + block, count))
        for other in range(0, count, block):
            apart = distances(means[own], means[other : other + block])
            apart[own[:, None] == np.arange(other, other + apart.shape[1])] = np.inf
            margin[own] = np.minimum(margin[own], apart.min(axis=1))
    titles = np.bincount(group, minlength=count)
    columns = [unique.tolist(), titles, of_group, spread, title_spread, margin]
    return pa.Table.from_arrays(
        [pa.array(c, t) for c, t in zip(columns, GROUP_SCHEMA.types, strict=True)],
        schema=GROUP_SCHEMA,
    )
