"""The album of a film: where its frames come from, and who is shown them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.dubbing.film_album import beside_others, film_album
from mytalk_core.dubbing.film_faces import FilmFaces, observe_film, study_person
from mytalk_core.dubbing.geometry import run_crop, run_geometry
from mytalk_core.dubbing.references import (
    RunLook,
    RunMouths,
    film_looks,
    study_mouths,
    typical_frames,
)
from mytalk_core.dubbing.speech_motion import RunMotion
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.probe import VideoInfo, probe_video


class Film:
    """A film of several runs, and all that a dub knows of it before it draws."""

    def __init__(self, path: Path, landmarker_model: Path, work: Path) -> None:
        self.info: VideoInfo = probe_video(str(path))
        with MeshLandmarker(landmarker_model) as landmarker:
            self.faces: FilmFaces = observe_film(self.info, landmarker, work, lambda *_: None)
        runs = self.faces.runs
        self.people = [study_person(self.faces, run, MESH478, MaskConfig()) for run in runs]
        self.usable = [np.ones(end - first, bool) for first, end in runs]
        self.crops = [
            run_crop(self.faces, run, person, MESH478, CropConfig())
            for run, person in zip(runs, self.people, strict=True)
        ]

    def album(self, work: Path, progress=lambda *_: None):
        return film_album(
            self.info, self.faces, self.people, self.mouths, self.crops, MESH478, work, progress
        )

    def mouths(self, number: int) -> RunMouths:
        """Of a run that is to be drawn with the lips that it has."""
        run, person, crop = (each[number] for each in (self.faces.runs, self.people, self.crops))
        moving = list(MESH478.moving)
        landmarks = np.asarray(self.faces.landmarks[slice(*run)])
        shape = to_shape(landmarks, fit_pose(landmarks, person.rigid, MESH478))
        own = RunMotion(run[0], shape[:, moving] - person.rest[moving])
        geometry = run_geometry(self.faces, run, person, own, MESH478, crop, self.info.fps)
        starts = self.faces.starts[slice(*run)]
        return study_mouths(run, geometry, starts, self.usable[number], crop, MESH478)

    def look(self, number: int) -> RunLook:
        """The look of a run by itself."""
        chosen = [typical_frames(self.mouths(n), 8) for n in range(len(self.faces.runs))]
        looks = film_looks(
            self.info, self.faces, self.people, chosen, self.crops, MESH478, lambda *_: None
        )
        return list(looks)[number]


@pytest.fixture(scope="module")
def cut_film(
    tmp_path_factory: pytest.TempPathFactory,
    sample_clips,
    run_ffmpeg: Callable[..., Path],
    landmarker_model: Path,
) -> Film:
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
    film = Film(path, landmarker_model, folder)
    assert len(film.faces.runs) == 3
    return film


def test_every_run_has_a_page_of_its_own_frames(cut_film: Film, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    album = cut_film.album(tmp_path, lambda *each: told.append(each))
    assert sorted(album) == [0, 1, 2]
    for number, page in album.items():
        first, end = cut_film.faces.runs[number]
        starts = [float(start) for start in cut_film.faces.starts[first:end]]
        assert set(page.moments.tolist()) <= set(starts)
        assert len(page.moments) == len(set(page.moments.tolist())) == min(64, end - first)
        assert page.crops.pictures.shape[1] == cut_film.crops[number].size
    assert [done for _, done, _ in told] == [end for _, end in cut_film.faces.runs]
    assert {stage for stage, _, _ in told} == {"learning the actor's look"}


def test_pictures_lie_on_disk_as_fine_as_the_films_own(cut_film: Film, tmp_path: Path) -> None:
    page = cut_film.album(tmp_path)[1]
    assert isinstance(page.crops.pictures, np.memmap)
    assert len([*tmp_path.iterdir()]) == 1  # what is mapped stays open, and runs are many
    own = cut_film.look(1).references
    every = {moment: place for place, moment in enumerate(page.moments.tolist())}
    found = cut_film.look(1).moments.tolist()
    both = [(every[moment], place) for place, moment in enumerate(found) if moment in every]
    assert len(both) >= 4
    for there, here in both:
        difference = page.crops.pictures[there].astype(np.float32) - own.pictures[here]
        assert np.abs(difference).max() <= 1 / 16


def test_takes_of_one_set_up_lend_each_other_and_another_interview_does_not(
    cut_film: Film, tmp_path: Path
) -> None:
    album = cut_film.album(tmp_path)
    runs = cut_film.faces.runs
    for number, other in ((0, 1), (1, 0)):
        look = cut_film.look(number)
        both = beside_others(look, number, cut_film.mouths(other).asked, album, MESH478)
        lent = both.moments[len(look.moments) :]
        assert len(lent) > 10
        low, high = (
            float(cut_film.faces.starts[frame]) for frame in (runs[other][0], runs[other][1] - 1)
        )
        assert lent.min() >= low and lent.max() <= high
        assert both.grain is look.grain
    look, asked = cut_film.look(2), cut_film.mouths(0).asked
    assert len(beside_others(look, 2, asked, album, MESH478).moments) == len(look.moments)


def test_a_film_of_one_run_has_none_and_is_not_read(cut_film: Film, tmp_path: Path) -> None:
    alone = Film.__new__(Film)
    alone.__dict__.update(cut_film.__dict__)
    alone.info = None  # type: ignore[assignment]  # nobody may look at it
    alone.faces = FilmFaces(
        cut_film.faces.landmarks,
        cut_film.faces.starts,
        cut_film.faces.runs[:1],
        cut_film.faces.left_alone,
        cut_film.faces.samples,
        cut_film.faces.found,
    )
    assert alone.album(tmp_path) == {}
