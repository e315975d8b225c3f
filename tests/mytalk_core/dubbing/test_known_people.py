"""Tracks of one set-up lend each other references, and what is encoded is kept for a while."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing import known_people
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.known_people import KnownPeople
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.stage import StageContext
from mytalk_core.dubbing.taught_film import faces_to_learn_from
from mytalk_core.dubbing.track_look import LookRequest, TrackLook, look_at_track
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.probe import probe_video
from tests.face_tracks import planned_track

COUNT = 8  # references of a track

Looks = list[tuple[PlannedTrack, TrackLook]]


@pytest.fixture(scope="module")
def looks(
    tmp_path_factory: pytest.TempPathFactory,
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    landmarker_model: Path,
) -> Looks:
    """One man: an interview in two takes, every frame of one between two of the other; another."""
    folder = tmp_path_factory.mktemp("cut")
    first, other = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
    normal = "fps=25,scale=480:360:force_original_aspect_ratio=increase,crop=480:360,setsar=1"
    graph = (
        f"[0:v]{normal},trim=end_frame=60,split[a][b];"
        "[a]select='not(mod(n,2))',setpts=N/25/TB[even];[b]select='mod(n,2)',setpts=N/25/TB[odd];"
        f"[1:v]{normal},trim=end_frame=40[apart];"
        "color=black:s=480x360:r=25:d=0.4,split[slate1][slate2];"
        "[even][slate1][odd][slate2][apart]concat=n=5,fps=25[out]"
    )
    path = run_ffmpeg(
        folder / "cut.mp4", "-i", first, "-i", other, "-filter_complex", graph, "-map", "[out]",
        "-crf", "12", "-an",
    )  # fmt: skip
    with MeshLandmarker(landmarker_model) as landmarker:
        found = faces_to_learn_from(probe_video(path), landmarker, folder, lambda *_: None)
    film = FilmSource(Artifacts(folder / "work").media_file(path))
    tracks = [planned_track(track) for track in found.faces.tracks]
    assert len(tracks) == 3
    made = []
    for number, track in enumerate(tracks):
        (folder / f"look-{number}").mkdir()
        context = StageContext(
            None,  # type: ignore[arg-type]
            folder / f"look-{number}",
            folder,
            lambda *_: None,
        )
        made.append((track, look_at_track(LookRequest(film, track, COUNT), context)))
    return made


@pytest.fixture
def renderer() -> Renderer:
    torch.manual_seed(0)
    return Renderer(SIZES["tiny"]).eval()


def timestamps(people: KnownPeople, renderer: Renderer, looks: Sequence[TrackLook]) -> list[float]:
    """Of the references of the first track, with the others as lenders."""
    own, *others = looks
    found: list[float] = people.references(renderer, own, others, MESH478).timestamps.tolist()
    return found


def test_references_of_a_track_are_its_own_frames_as_fine_as_the_films(looks: Looks) -> None:
    for planned, look in looks:
        starts = [float(start) for start in planned.track.starts]
        assert {*look.timestamps.tolist()} <= {*starts}
        assert len({*look.timestamps.tolist()}) == COUNT
        size = planned.crop.size
        assert look.crops.pictures.shape == (COUNT, size, size, 3)
        assert look.pictures.dtype == "uint8"  # as the film


def test_takes_of_one_set_up_share_references_and_another_interview_does_not(
    looks: Looks, renderer: Renderer
) -> None:
    people = KnownPeople()
    found = [look for _, look in looks]
    for own, other in ((0, 1), (1, 0)):
        times = timestamps(people, renderer, [found[own], found[other]])
        assert times[:COUNT] == found[own].timestamps.tolist()
        starts = looks[other][0].track.starts
        assert len(times) > COUNT + 3
        assert all(float(starts[0]) <= time <= float(starts[-1]) for time in times[COUNT:])
    assert timestamps(people, renderer, [found[2], found[0], found[1]]) == (
        found[2].timestamps.tolist()
    )


def test_references_are_kept_for_the_latest_tracks(
    looks: Looks, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[object] = []
    real = known_people._chosen

    def counted(*arguments: object) -> object:
        chosen.append(arguments[1])
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(known_people, "_chosen", counted)
    people = KnownPeople()
    one, two, three = (look for _, look in looks)
    for look in (one, one, two, one):
        people.references(renderer, look, (), MESH478)
    assert len(chosen) == 2
    people.references(renderer, three, (), MESH478)  # the second is the oldest now
    people.references(renderer, one, (), MESH478)
    assert len(chosen) == 3
    people.references(renderer, two, (), MESH478)
    assert len(chosen) == 4
    other = Renderer(SIZES["tiny"]).eval()
    people.references(other, two, (), MESH478)
    assert len(chosen) == 5


def test_the_timestamps_of_references_are_seconds_of_the_film(looks: Looks) -> None:
    planned, look = looks[1]
    assert np.isin(look.timestamps, [float(each) for each in planned.track.starts]).all()
    assert planned.track.starts[0] > Fraction(1)
