"""The people of a film: which face tracks show one person."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, order=True)
class TrackId:
    """Names a face track of a film."""

    shot: int  # cuts before it
    number: int  # within the shot

    def __str__(self) -> str:
        return f"{self.shot}.{self.number}"


@dataclass(frozen=True)
class Member:
    """A person of a film."""

    id: str  # "m1", "m2" by time on screen, or as the cast map names it
    name: str  # as the cast map names it; the id where it does not
    tracks: tuple[TrackId, ...]  # by shot
    # 0..1: how sure it is that its tracks show one person; 1 where the cast map states it.
    confidence: float


@dataclass(frozen=True)
class Cast:
    """The people of a film; each track is in one member, or shows no person who could speak."""

    members: tuple[Member, ...]  # the one on screen longest first
    pictures: tuple[TrackId, ...] = ()  # faces in posters, screens and the like
    threshold: float = 0.0  # largest mean distance of embeddings within a member
    # Pairs of members that look alike and are seen at once: a mirror, a screen or twins.
    similar: tuple[tuple[str, str], ...] = ()

    @cached_property
    def by_track(self) -> Mapping[TrackId, Member]:
        """The member of each track."""
        return {track: member for member in self.members for track in member.tracks}

    def member(self, id: str) -> Member | None:
        """The member of this id; None where there is none."""
        return next((member for member in self.members if member.id == id), None)
