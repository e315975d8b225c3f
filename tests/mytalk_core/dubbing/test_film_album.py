"""The album of a film: where its frames come from, and which tracks they are used for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.appearance.album import AlbumPage
from mytalk_core.dubbing.film_album import film_album, with_album
from mytalk_core.dubbing.film_faces import faces_to_learn_from
from mytalk_core.dubbing.learning import target_mouths
from mytalk_core.dubbing.references import (
    TrackAppearance,
    TrackMouths,
    film_appearances,
    typical_frames,
)
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.progress import Progress
from mytalk_core.media.probe import VideoInfo, probe_video
from tests.face_tracks import planned_track, track_motion


class Film:
    """A film of several tracks that are to be drawn with the lips that they have."""

    def __init__(self, path: Path, landmarker_model: Path, work: Path) -> None:
        self.info: VideoInfo = probe_video(str(path))
        with MeshLandmarker(landmarker_model) as landmarker:
            faces = faces_to_learn_from(self.info, landmarker, work, lambda *_: None)
        self.tracks = [planned_track(track) for track in faces.tracks]
        self._motions = []
        for each in self.tracks:
            moving = list(MESH478.moving)
            landmarks = np.asarray(each.track.landmarks)
            shape = to_shape(landmarks, fit_pose(landmarks, each.person.rigid, MESH478))
            own = shape[:, moving] - each.person.rest[moving]
            self._motions.append(track_motion(work, own, each.track.first))

    def album(self, work: Path, progress: Progress = lambda *_: None) -> dict[int, AlbumPage]:
        return film_album(self.info, self.tracks, self.mouths, work, progress)

    def mouths(self, number: int) -> TrackMouths:
        """The mouths of a track."""
        return target_mouths(self.tracks[number], self._motions[number])

    def appearance(self, number: int) -> TrackAppearance:
        """The appearance of a track by itself."""
        chosen = [typical_frames(self.mouths(n), 8) for n in range(len(self.tracks))]
        return list(film_appearances(self.info, self.tracks, chosen, lambda *_: None))[number]


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
    assert len(film.tracks) == 3
    return film


def test_every_track_has_a_page_of_its_own_frames(cut_film: Film, tmp_path: Path) -> None:
    reported: list[tuple[str, int, int]] = []
    album = cut_film.album(tmp_path, lambda *each: reported.append(each))
    assert sorted(album) == [0, 1, 2]
    for number, page in album.items():
        planned = cut_film.tracks[number]
        starts = [float(start) for start in planned.track.starts]
        assert set(page.timestamps.tolist()) <= set(starts)
        assert len(page.timestamps) == len(set(page.timestamps.tolist())) == min(64, len(starts))
        assert page.crops.pictures.shape[1] == planned.crop.size
    assert [done for _, done, _ in reported] == [each.track.end for each in cut_film.tracks]
    assert {stage for stage, _, _ in reported} == {"learning the actor's look"}


def test_pictures_on_disk_are_as_fine_as_the_films_own(cut_film: Film, tmp_path: Path) -> None:
    page = cut_film.album(tmp_path)[1]
    assert isinstance(page.crops.pictures, np.memmap)
    assert len([*tmp_path.iterdir()]) == 1  # each mapped file stays open, and tracks are many
    own = cut_film.appearance(1).references
    every = {time: place for place, time in enumerate(page.timestamps.tolist())}
    found = cut_film.appearance(1).timestamps.tolist()
    both = [(every[time], place) for place, time in enumerate(found) if time in every]
    assert len(both) >= 4
    for there, here in both:
        difference = page.crops.pictures[there].astype(np.float32) - own.pictures[here]
        assert np.abs(difference).max() <= 1 / 16


def test_takes_of_one_set_up_share_references_and_another_interview_does_not(
    cut_film: Film, tmp_path: Path
) -> None:
    album = cut_film.album(tmp_path)
    for number, other in ((0, 1), (1, 0)):
        appearance = cut_film.appearance(number)
        both = with_album(appearance, number, cut_film.mouths(other).target, album, MESH478)
        shared = both.timestamps[len(appearance.timestamps) :]
        assert len(shared) > 10
        starts = cut_film.tracks[other].track.starts
        assert shared.min() >= float(starts[0]) and shared.max() <= float(starts[-1])
        assert both.grain is appearance.grain
    appearance, target = cut_film.appearance(2), cut_film.mouths(0).target
    alone = with_album(appearance, 2, target, album, MESH478)
    assert len(alone.timestamps) == len(appearance.timestamps)


def test_a_film_of_one_track_has_no_album_and_is_not_read(cut_film: Film, tmp_path: Path) -> None:
    unread = replace(cut_film.info, path=str(tmp_path / "missing.mp4"))
    tracks = cut_film.tracks[:1]
    assert film_album(unread, tracks, cut_film.mouths, tmp_path, lambda *_: None) == {}
