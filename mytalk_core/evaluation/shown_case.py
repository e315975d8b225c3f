"""A case of an evaluation with a picture of what happened."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShownCase:
    """One of the worst cases, or one that shows how it usually goes."""

    speaker: str
    source: str  # key of the clip whose lips were moved
    target: str  # key of the clip that says how
    what: str  # for people: what was made of which clips
    faults: tuple[str, ...]  # for people: by what it is among the worst, and the number
    picture: str  # a picture as a data URI

    @property
    def text(self) -> str:
        """The case in one line."""
        what = f"{self.speaker}, {self.what}"
        return f"{'; '.join(self.faults)}: {what}" if self.faults else what
