"""A dubbed title as its artifacts describe it, and which artifacts it consists of."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.making import artifact_key
from mytalk_core.dubbing.models import model_digests, named_models
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.opening import open_title
from mytalk_core.dubbing.piece_drawing import DRAW, DrawnPiece
from mytalk_core.dubbing.stage import Pending, Runner, Stage
from mytalk_core.dubbing.title_configuration import title_config
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_graph import PlannedTitle, PreparedTitle, plan, prepare
from mytalk_core.dubbing.title_reader import read_title
from mytalk_core.dubbing.work_account import StageWork
from mytalk_core.dubbing.work_store import work_store
from mytalk_core.films.film_faces import track_id
from mytalk_core.films.members import Cast
from mytalk_core.films.speaking import LineSpeaker
from pipelines.local import LocalRunner
from pipelines.local_worker import dub_tools, prepare_workers
from tests.films.truth import FilmTruth

R = TypeVar("R")
V = TypeVar("V")

Keys = Mapping[str, frozenset[str]]
"""Keys of artifacts by stage."""


@dataclass
class _Recording:
    """A runner that remembers which artifacts were asked for."""

    runner: Runner
    artifacts: Artifacts
    keys: dict[str, set[str]] = field(default_factory=dict)

    def start(self, stage: Stage[R, V], request: R) -> Pending[V]:
        """As the runner."""
        key = artifact_key(self.artifacts, stage, request)
        self.keys.setdefault(stage.name, set()).add(key)
        return self.runner.start(stage, request)

    def is_stored(self, stage: Stage[R, V], request: R) -> bool:
        """As the runner."""
        return self.runner.is_stored(stage, request)

    def seconds(self, stage: Stage[R, V], request: R) -> float | None:
        """As the runner."""
        return self.runner.seconds(stage, request)

    def work(self) -> tuple[StageWork, ...]:
        """As the runner."""
        return self.runner.work()


@dataclass(frozen=True)
class OpenedTitle:
    """A title up to the requests of its pieces."""

    title: Title
    context: TitleContext
    artifacts: Artifacts
    recording: _Recording

    def planned(self) -> PlannedTitle:
        """Its plan; what is not stored is made."""
        return plan(self.context, self.title, Monitor())

    def prepared(self, planned: PlannedTitle) -> PreparedTitle:
        """The requests of its pieces."""
        return prepare(self.context, self.title, planned, Monitor())

    def pieces(self, prepared: PreparedTitle) -> list[DrawnPiece]:
        """Its pieces in order."""
        return list(self.context.made(DRAW, prepared.requests))

    def keys(self) -> Keys:
        """All artifacts that were asked for until now."""
        return {stage: frozenset(keys) for stage, keys in self.recording.keys.items()}


@contextmanager
def opened(path: Path, work: Path) -> Iterator[OpenedTitle]:
    """Open a title on a work folder; workers make what it lacks."""
    prepare_workers()
    artifacts, models = work_store(work), named_models(None, None)
    spec = read_title(path, date.today())
    title = open_title(spec, artifacts)
    tools = partial(dub_tools, models.here())
    with LocalRunner(artifacts, tools, lambda *_: None) as runner:
        recording = _Recording(runner, artifacts)
        config = title_config(spec.options)
        context = TitleContext(recording, title.film, config, model_digests(models))
        yield OpenedTitle(title, context, artifacts, recording)


def stored_keys(work: Path) -> Keys:
    """All artifacts of a work folder."""
    found: dict[str, frozenset[str]] = {}
    for stage in work.iterdir():
        if stage.is_dir():
            found[stage.name] = frozenset(each.name for each in stage.glob("??/*"))
    return found


def people_of(planned: PlannedTitle, truth: FilmTruth) -> dict[str, str | None]:
    """Which person of the film's answers each member is: the one of most of its frames."""
    faces = {track_id(track): track for track in planned.film.found.faces.tracks}
    found: dict[str, str | None] = {}
    for member in planned.film.cast.members:
        frames: Counter[str | None] = Counter()
        for id in member.tracks:
            track = faces[id]
            middle = len(track) // 2
            x, y = track.landmarks[middle, :, :2].mean(axis=0).tolist()
            frames[truth.person_at(track.first + middle, x, y)] += len(track)
        found[member.id] = frames.most_common(1)[0][0]
    return found


def as_people(
    planned: PlannedTitle, people: Mapping[str, str | None]
) -> tuple[list[LineSpeaker], Cast]:
    """The speakers of all lines and the cast, with the names of the answers for the members."""
    speakers = []
    for each in planned.speakers:
        member = each.decision.member
        person = None if member is None else people.get(member) or member
        speakers.append(replace(each, decision=replace(each.decision, member=person)))
    members = [replace(each, id=people[each.id] or each.id) for each in planned.film.cast.members]
    return speakers, replace(planned.film.cast, members=tuple(members))
