"""How well face tracks are grouped to people.

    python tests/benchmarks/cast_accuracy.py [FOLDER ...]

Uses the talking footage beside the clone: some clips of each of its people, as they are, at half
size, and in other light, each a shot of a film. Prints the distances of embeddings within and
between people, and for films that are drawn from these shots: people, members found, purity and
B-cubed scores of the tracks, and how often members of a confidence are pure. Some shots of a film
show two people at once.

Each FOLDER is one that `python -m tests.films.build` wrote; the whole of its film is observed, and
its members are compared with its known answers.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.dubbing.title_faces import join_faces
from mytalk_core.faces.embedding import FaceEmbedder
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.cast import CastConfig, make_cast
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FilmFaces, ShotSpan, track_id
from mytalk_core.films.film_range import FILM_LANDMARKER, observe_range
from mytalk_core.films.members import Cast, Member, TrackId
from mytalk_core.films.timing import FilmTiming
from mytalk_core.films.track_embeddings import TrackEmbeddings, embed_tracks
from mytalk_core.media.probe import probe_video
from tests.cases import run_program
from tests.films.truth import FilmTruth, read_truth

DATA = Path(__file__).parents[2] / "../shared/data"
_VIDEO = {".mpg", ".mp4"}
_FPS = 25
_SECONDS = 3  # of a clip
_CLIPS = 4  # of a person
# How a clip is changed, in turn.
_VARIANTS = (
    "null",
    "scale=iw/2:-2,pad=iw*2:ih*2:iw/2:ih/2",
    "eq=brightness=-0.1:gamma=0.75,colorbalance=rs=.2:bs=-.2",
)
_FILMS = ((4, 20), (8, 20), (16, 20), (40, 3))  # people of a film, films; all people at most
_TOGETHER = 0.3  # share of the shots with two people

Answers = dict[TrackId, str]


@dataclass(frozen=True)
class Clip:
    """The face of a clip."""

    person: str
    track: FaceTrack
    embeddings: TrackEmbeddings


def main() -> None:
    """Print the tables."""
    console = Console(width=120)
    embedder = FaceEmbedder(pull("face-embedding"), MESH478)
    with MeshLandmarker(pull("face-landmarker"), FILM_LANDMARKER) as landmarker:
        for folder in map(Path, sys.argv[1:]):
            with tempfile.TemporaryDirectory() as work:
                truth = read_truth(folder / "truth.json")
                faces = _observed(folder / "film.mp4", landmarker, Path(work))
                embeddings = embed_tracks(faces, embedder, lambda *_: None)
                cast = make_cast(faces, embeddings)
                console.print(_film_table(truth, faces, cast))
        if not DATA.is_dir():
            console.print("There is no footage beside the clone.")
            return
        with tempfile.TemporaryDirectory() as work:
            clips = list(_clips(landmarker, embedder, Path(work)))
            console.print(_distances(clips))
            console.print(*_films(clips))


def _observed(path: Path, landmarker: MeshLandmarker, work: Path) -> FilmFaces:
    info = probe_video(path)
    observed = observe_range(info, landmarker, work, lambda *_: None)
    return join_faces(info, [observed], landmarker.scheme, work).faces


def _footage() -> Iterator[tuple[str, Path]]:
    """People and their clips."""
    people = [*(DATA / "grid").iterdir(), *(DATA / "talkers").iterdir()]
    for folder in sorted(people):
        clips = sorted(path for path in folder.rglob("*") if path.suffix in _VIDEO)
        some = np.unique(np.linspace(0, len(clips) - 1, _CLIPS).round().astype(int))
        for place in some.tolist() if clips else ():
            yield folder.name, clips[place]
    for clip in sample_footage():
        yield "sample", Path(clip.path)


def _clips(landmarker: MeshLandmarker, embedder: FaceEmbedder, work: Path) -> Iterator[Clip]:
    turns: Counter[str] = Counter()
    for number, (person, source) in enumerate(_footage()):
        change = _VARIANTS[turns[person] % len(_VARIANTS)]
        turns[person] += 1
        folder = work / f"{number}"
        folder.mkdir()
        shown = ("-t", f"{_SECONDS}", "-an", "-r", f"{_FPS}", "-crf", "18")
        film = run_program(folder / "film.mp4", "-i", source, "-vf", change, *shown)
        faces = _observed(film, landmarker, folder)
        if faces.tracks:
            longest = max(faces.tracks, key=len)
            own = tuple(each for each in faces.close_ups if each.track == track_id(longest))
            faces = replace(faces, tracks=(longest,), close_ups=own)
            yield Clip(person, longest, embed_tracks(faces, embedder, lambda *_: None))


def _distances(clips: Sequence[Clip]) -> Table:
    means = np.array([clip.embeddings.vectors.mean(axis=0) for clip in clips])
    distances = np.linalg.norm(means[:, None] - means[None], axis=-1)
    people = np.array([clip.person for clip in clips])
    pairs = np.triu(np.ones_like(distances, bool), 1)
    one = people[:, None] == people[None]
    percentiles = (0, 1, 5, 50, 95, 99, 100)
    table = Table(title="Distances of tracks")
    for heading in ("", "pairs", *(f"{each} %" for each in percentiles)):
        table.add_column(heading, justify="right")
    for name, chosen in (("one person", one), ("different people", ~one)):
        values = distances[pairs & chosen]
        numbers = (f"{each:.3f}" for each in np.percentile(values, percentiles))
        table.add_row(name, f"{len(values)}", *numbers)
    return table


def _films(clips: Sequence[Clip]) -> tuple[Table, Table]:
    """Scores of films drawn from clips, and the purity of members by confidence."""
    table = Table(title="Films drawn from clips; means")
    headings = ("people", "films", "tracks", "members", "purity", "precision", "recall", "F1")
    for heading in (*headings, "threshold"):
        table.add_column(heading, justify="right")
    sure: list[tuple[float, bool]] = []
    for people, films in _FILMS:
        rows = []
        for seed in range(films):
            faces, embeddings, answers = _drawn(clips, people, np.random.default_rng(seed))
            cast = make_cast(faces, embeddings, CastConfig())
            rows.append(_scores(cast, answers))
            sure += [(each.confidence, _pure(each, answers)) for each in _with_several(cast)]
        means = np.mean(rows, axis=0)
        counts = (f"{each:.1f}" for each in means[:3])
        table.add_row(next(counts), f"{films}", *counts, *(f"{each:.3f}" for each in means[3:]))
    return table, _reliability(sure)


def _with_several(cast: Cast) -> list[Member]:
    return [member for member in cast.members if len(member.tracks) > 1]


def _reliability(sure: Sequence[tuple[float, bool]]) -> Table:
    table = Table(title="Members of several tracks by their confidence")
    for heading in ("confidence", "members", "show one person"):
        table.add_column(heading, justify="right")
    bins: defaultdict[int, list[bool]] = defaultdict(list)
    for confidence, pure in sure:
        bins[min(int(confidence * 10), 9)].append(pure)
    for place, pure_ones in sorted(bins.items()):
        table.add_row(f"{place / 10:.1f}", f"{len(pure_ones)}", f"{np.mean(pure_ones):.3f}")
    return table


def _drawn(
    clips: Sequence[Clip], people: int, rng: np.random.Generator
) -> tuple[FilmFaces, TrackEmbeddings, Answers]:
    """A film of the clips of some people in random order, some of them two at a time."""
    names = sorted({clip.person for clip in clips})
    chosen = set(rng.permutation(names)[:people].tolist())
    waiting = [clip for clip in clips if clip.person in chosen]
    waiting = [waiting[place] for place in rng.permutation(len(waiting))]
    tracks: list[FaceTrack] = []
    answers: Answers = {}
    close_ups, vectors, shots = [], [], 0
    while waiting:
        shown = [waiting.pop()]
        if rng.random() < _TOGETHER:
            others = [clip for clip in waiting if clip.person != shown[0].person]
            if others:
                waiting.remove(others[0])
                shown.append(others[0])
        for number, clip in enumerate(shown):
            id = TrackId(shots, number)
            first = shots * _SECONDS * _FPS
            tracks.append(replace(clip.track, shot=shots, number=number, first=first))
            answers[id] = clip.person
            close_ups += [replace(each, track=id) for each in clip.embeddings.close_ups]
            vectors.append(clip.embeddings.vectors)
        shots += 1
    frames = shots * _SECONDS * _FPS
    timing = FilmTiming(
        tuple(Fraction(frame, _FPS) for frame in range(frames)),
        Fraction(frames, _FPS),
        Fraction(_FPS),
        Fraction(1),
    )
    spans = tuple(
        ShotSpan(shot, shot * _SECONDS * _FPS, (shot + 1) * _SECONDS * _FPS)
        for shot in range(shots)
    )
    pictures = clips[0].track.sampled  # not read
    faces = FilmFaces(timing, spans, tuple(tracks), tuple(close_ups), pictures)
    return faces, TrackEmbeddings(tuple(close_ups), np.concatenate(vectors)), answers


def _scores(cast: Cast, answers: Answers) -> tuple[float, ...]:
    """People, tracks, members; purity; B-cubed precision, recall and F1; threshold.

    Amigó and others, "A comparison of extrinsic clustering evaluation metrics based on formal
    constraints", Information Retrieval 2009.
    """
    of_member = {track: member.id for track, member in cast.by_track.items()}
    of_member |= {track: "pictures" for track in cast.pictures}
    tracks = sorted(answers)
    found = np.array([of_member[track] for track in tracks])
    true = np.array([answers[track] for track in tracks])
    together, right = found[:, None] == found[None], true[:, None] == true[None]
    precision = float(((together & right).sum(1) / together.sum(1)).mean())
    recall = float(((together & right).sum(1) / right.sum(1)).mean())
    pure = sum(Counter(true[found == each]).most_common(1)[0][1] for each in np.unique(found))
    return (
        len(set(true)),
        len(tracks),
        len(cast.members),
        pure / len(tracks),
        precision,
        recall,
        2 * precision * recall / (precision + recall),
        cast.threshold,
    )


def _pure(member: Member, answers: Answers) -> bool:
    return len({answers[track] for track in member.tracks}) == 1


def _film_table(truth: FilmTruth, faces: FilmFaces, cast: Cast) -> Table:
    """Each member of a film with the people that its tracks show."""
    answers = {track_id(track): _seen(truth, track) for track in faces.tracks}
    scores = _scores(cast, answers)
    names = ("people", "tracks", "members", "purity", "precision", "recall", "F1", "threshold")
    found = ", ".join(f"{name} {value:.3g}" for name, value in zip(names, scores, strict=True))
    table = Table(title=f"{truth.name}: {found}; {len(cast.pictures)} tracks are pictures")
    for heading in ("member", "confidence", "tracks", "people"):
        table.add_column(heading)
    groups = [(each.id, f"{each.confidence:.2f}", each.tracks) for each in cast.members]
    for name, confidence, tracks in [*groups, ("pictures", "", cast.pictures)]:
        shown = Counter(answers[track] for track in tracks)
        people = ", ".join(f"{person} {count}" for person, count in shown.most_common())
        table.add_row(name, confidence, f"{len(tracks)}", people)
    return table


def _seen(truth: FilmTruth, track: FaceTrack) -> str:
    """Who a track shows by the known answers: "" for a photograph, or where no one is."""
    middle = len(track) // 2
    x, y = np.asarray(track.landmarks[middle])[:, :2].mean(axis=0).tolist()
    return truth.person_at(track.first + middle, x, y) or ""


if __name__ == "__main__":
    main()
