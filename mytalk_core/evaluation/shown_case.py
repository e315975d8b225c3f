"""A case of an evaluation with a picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShownCase:
    """One of the worst cases, or a typical one."""

    speaker: str
    source: str  # key of the clip whose lips were moved
    target: str  # key of the clip that gives the motion
    what: str  # description of the clips
    faults: tuple[str, ...]  # metrics by which it is among the worst, with values
    picture: str  # data URI

    @property
    def text(self) -> str:
        """The case in one line."""
        what = f"{self.speaker}, {self.what}"
        return f"{'; '.join(self.faults)}: {what}" if self.faults else what
