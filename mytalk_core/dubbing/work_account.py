"""Which artifacts a run used: those that it made, how long that took, and those it found stored."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StageWork:
    """The artifacts of one stage that a run used."""

    name: str  # of the stage
    seconds: float  # elapsed, added up over all processes
    made: int  # artifacts that this run made
    reused: int  # artifacts that were stored before


class WorkAccount:
    """Counts every artifact once, however often it is asked for."""

    def __init__(self) -> None:
        # Seconds by stage and key; None where the artifact was stored before.
        self._seconds: dict[str, dict[str, float | None]] = {}

    def found(self, stage: str, key: str) -> None:
        """Count an artifact that is stored; one that this run has made stays counted as made."""
        self._seconds.setdefault(stage, {}).setdefault(key, None)

    def made(self, stage: str, key: str, seconds: float) -> None:
        """Count an artifact that this run has made in so many seconds."""
        self._seconds.setdefault(stage, {})[key] = seconds

    def seconds(self, stage: str, key: str) -> float | None:
        """Return what making an artifact took; None where this run did not make it."""
        return self._seconds.get(stage, {}).get(key)

    def stages(self) -> tuple[StageWork, ...]:
        """Return the work by stage, in the order in which the stages were first used."""
        return tuple(
            StageWork(
                stage,
                sum(each for each in keys.values() if each is not None),
                made=sum(each is not None for each in keys.values()),
                reused=sum(each is None for each in keys.values()),
            )
            for stage, keys in self._seconds.items()
        )
