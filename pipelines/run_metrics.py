"""Metrics of a catalogue's run.

Ray exports them to Prometheus from every node, with the prefix `ray_`, and counters with the suffix
`_total`. Without a Prometheus server they cost nothing.
"""

from ray.util.metrics import Counter, Gauge

from mytalk_core.data.run_records import TitleRecord
from mytalk_core.errors import Reason


class RunMetrics:
    """What the driver of a run counts."""

    def __init__(self) -> None:
        self._titles = Counter(
            "mytalk_titles", "Titles that ended.", ("status", "error_class", "reason")
        )
        self._speech = Counter(
            "mytalk_visible_speech_seconds", "Seconds of delivered films with new lips."
        )
        self._film = Counter("mytalk_film_seconds", "Seconds of delivered films.")
        self._cpu = Counter("mytalk_cpu_seconds", "Processor time of titles that were delivered.")
        self._retries = Counter("mytalk_retries", "Titles that were started again.", ("reason",))
        self._waiting = Gauge("mytalk_titles_waiting", "Titles that no worker has begun.")
        self._in_work = Gauge("mytalk_titles_in_work", "Titles that workers dub or hold.")
        self._workers = Gauge("mytalk_workers", "Workers that have loaded their models.")

    def ended(self, record: TitleRecord) -> None:
        """Count a title that was dubbed, failed or was refused."""
        kind, reason = record.error_class or "", record.reason or ""
        self._titles.inc(
            1, {"status": str(record.status), "error_class": str(kind), "reason": str(reason)}
        )
        _add(self._speech, record.lips_seconds)
        _add(self._film, record.film_seconds)
        _add(self._cpu, record.cpu_seconds)

    def retried(self, reason: Reason) -> None:
        """Count another start of a title."""
        self._retries.inc(1, {"reason": reason.value})

    def stands(self, waiting: int, in_work: int, workers: int) -> None:
        """Set how many titles wait and are in work, and how many workers are ready."""
        self._waiting.set(waiting)
        self._in_work.set(in_work)
        self._workers.set(workers)


class StageMetrics:
    """What a worker counts."""

    def __init__(self) -> None:
        self._seconds = Counter("mytalk_stage_seconds", "Time spent in stages.", ("stage",))
        self._artifacts = Counter("mytalk_artifacts", "Artifacts that were made.", ("stage",))

    def made(self, stage: str, seconds: float) -> None:
        """Count an artifact."""
        tags = {"stage": stage}
        self._artifacts.inc(1, tags)
        if seconds > 0:
            self._seconds.inc(seconds, tags)


def _add(counter: Counter, amount: float) -> None:
    if amount > 0:  # Ray refuses to add nothing
        counter.inc(amount)
