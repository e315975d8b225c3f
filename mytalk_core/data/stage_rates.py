"""How fast stages run on this machine: measured in earlier runs, for estimates."""

import json
from collections import defaultdict
from pathlib import Path
from statistics import median

from mytalk_core.media.output import atomic_path, make_folder

_FILE = "stage_rates.json"
_KEPT = 20  # measurements of a stage


class StageRates:
    """The latest measurements of each stage, in a file beside the artifacts."""

    def __init__(self, root: Path) -> None:
        """Args: root of the store of artifacts; need not exist."""
        self._path = root / _FILE
        self._new: dict[str, list[tuple[float, int]]] = defaultdict(list)

    def add(self, stage: str, seconds: float, units: int) -> None:
        """Keep what making one artifact took; `units` of work, 1 where the stage counts none."""
        self._new[stage].append((seconds, max(units, 1)))

    def save(self) -> None:
        """Append the new measurements to those of other runs.

        Of two processes that save at once, one may lose its measurements.

        Raises:
            OutputError: where the file cannot be written.
        """
        if not self._new:
            return
        stored = self._stored()
        for stage, measured in self._new.items():
            stored[stage] = [*stored.get(stage, []), *measured][-_KEPT:]
        self._new.clear()
        make_folder(self._path.parent)
        with atomic_path(self._path) as temporary:
            temporary.write_text(json.dumps(stored, indent=1), encoding="utf-8")

    def estimate(self, stage: str, units: int) -> float | None:
        """Return the seconds of one process for `units` of a stage; None where never measured."""
        measured = [*self._stored().get(stage, []), *self._new.get(stage, [])]
        if not measured:
            return None
        return units * median(seconds / count for seconds, count in measured)

    def _stored(self) -> dict[str, list[tuple[float, int]]]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return {
                stage: [(float(seconds), int(units)) for seconds, units in measured]
                for stage, measured in stored.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):  # no file, or a damaged one
            return {}
