"""Groups of titles: the whole catalogue, and those of a language, studio, show or member."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mytalk_core.catalogue.quality.line_measures import LineMeasures
from mytalk_core.catalogue.quality.title_quality import TitleQuality


class GroupKind(StrEnum):
    """What the titles of a group have in common."""

    ALL = "all"
    LANGUAGE = "language"
    STUDIO = "studio"
    SHOW = "show"
    MEMBER = "member"


@dataclass(frozen=True)
class Group:
    """A group of titles. A member is a person of one show, or of one film without a show."""

    kind: GroupKind
    name: str = ""
    within: str = ""  # of a member: the show, or the address of the film

    @property
    def key(self) -> tuple[str, str, str]:
        """What the group is known by, for an engine."""
        return (self.kind.value, self.name, self.within)


@dataclass(frozen=True)
class GroupMeasures:
    """What the titles of a group came to."""

    titles: int = 0
    titles_failed: int = 0  # without a film
    titles_warned: int = 0  # dubbed, and to be reviewed
    titles_unread: int = 0  # dubbed, without a report that can be read
    reasons: Mapping[str, int] = field(default_factory=dict)  # of the failed titles
    film_seconds: float = 0.0
    lips_seconds: float = 0.0  # of the films, with new lips
    cpu_seconds: float = 0.0
    lines: LineMeasures = field(default_factory=LineMeasures)

    def __add__(self, other: "GroupMeasures") -> "GroupMeasures":
        """Add up two sets of titles."""
        return GroupMeasures(
            self.titles + other.titles,
            self.titles_failed + other.titles_failed,
            self.titles_warned + other.titles_warned,
            self.titles_unread + other.titles_unread,
            Counter(self.reasons) + Counter(other.reasons),
            self.film_seconds + other.film_seconds,
            self.lips_seconds + other.lips_seconds,
            self.cpu_seconds + other.cpu_seconds,
            self.lines + other.lines,
        )


def groups_of(title: TitleQuality) -> Iterator[tuple[Group, GroupMeasures]]:
    """Yield the groups of a title, with what it adds to each.

    A title without a studio or show is in no group of that kind. Of a member, the number of titles
    and their own lines are added.
    """
    record = title.record
    measures = _measures(title)
    yield Group(GroupKind.ALL), measures
    for kind, name in (
        (GroupKind.LANGUAGE, record.language),
        (GroupKind.STUDIO, record.studio),
        (GroupKind.SHOW, record.show),
    ):
        if name:
            yield Group(kind, name), measures
    for name, member in title.members.items():
        within = record.show if member.named and record.show else record.source
        yield Group(GroupKind.MEMBER, name, within), GroupMeasures(1, lines=member.lines)


def _measures(title: TitleQuality) -> GroupMeasures:
    record = title.record
    return GroupMeasures(
        titles=1,
        titles_failed=int(title.is_failed),
        titles_warned=int(bool(record.warning)),
        titles_unread=int(bool(title.unread)),
        reasons={str(record.reason): 1} if title.is_failed else {},
        film_seconds=record.film_seconds,
        lips_seconds=record.lips_seconds,
        cpu_seconds=record.cpu_seconds,
        lines=title.lines,
    )
