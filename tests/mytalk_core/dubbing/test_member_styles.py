"""A member's style is learned where they speak visibly in the film, from the longest parts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing import member_styles as module
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.member_style import NO_SOUND, STYLE, MemberStyle, StyleRequest
from mytalk_core.dubbing.member_styles import member_styles
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.stage import Stage
from mytalk_core.dubbing.style_reference import STYLE_CLIP
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_faces import TitleFaces
from mytalk_core.dubbing.watching import WatchedFilm
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FilmFaces, ShotSpan, track_id
from mytalk_core.films.members import Cast, Member, TrackId
from mytalk_core.films.speaking import FilmSpeakers, SpeakerDecision, Speaking, SpokenStretch
from mytalk_core.films.stored_array import StoredArray
from mytalk_core.films.timing import FilmTiming
from mytalk_core.speech.transcript import Interval
from tests.face_tracks import face_track, planned_track, stored

FPS = Fraction(25)
FRAMES = 1500  # a minute
NO_CLIPS: Mapping[str, MediaFile] = {}
ROLES = ("motion", "speech_encoder", "landmarker")


@dataclass
class Made:
    """An artifact that is ready."""

    value: MemberStyle

    def result(self) -> MemberStyle:
        return self.value


@dataclass
class Recorder:
    """A runner that keeps the requests for styles."""

    requests: list[tuple[str, Any]] = field(default_factory=list)

    def start(self, stage: Stage[Any, Any], request: Any) -> Made:
        self.requests.append((stage.name, request))
        return Made(MemberStyle(f"style {len(self.requests)}"))


@pytest.fixture(scope="module")
def track(
    talking_face: Callable[..., NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory
) -> FaceTrack:
    folder = tmp_path_factory.mktemp("track")
    return face_track(folder, talking_face(np.full(FRAMES, 0.1)), FPS)


def spoken(start: float, end: float, speaking: Speaking, member: str | None) -> SpokenStretch:
    interval = Interval(Fraction(start), Fraction(end))
    return SpokenStretch(interval, SpeakerDecision(speaking, member, 0.9, ""))


@dataclass(frozen=True)
class Learning:
    """Asks for the styles of a film with one face."""

    track: FaceTrack
    sound: StoredArray
    runner: Recorder

    def styles(
        self,
        *stretches: SpokenStretch,
        sound: bool = True,
        clips: Mapping[str, MediaFile] = NO_CLIPS,
    ) -> dict[str, MemberStyle]:
        """The styles of both members."""
        timing = FilmTiming(self.track.starts, FRAMES / FPS, FPS, Fraction(1))
        pictures = stored(self.sound.path.parent, np.zeros((0, 150, 150, 3), np.uint8))
        faces = FilmFaces(timing, (ShotSpan(0, 0, FRAMES),), (self.track,), (), pictures)
        members = (Member("m1", "m1", (TrackId(0, 0),), 1.0), Member("m2", "m2", (), 1.0))
        film = WatchedFilm(
            TitleFaces(faces, (), FRAMES * (None,), None),
            Cast(members),
            self.sound if sound else None,
            FilmSpeakers(0, stretches),
            (),
        )
        context = TitleContext(
            self.runner,  # type: ignore[arg-type]
            FilmSource(MediaFile(Path("film.mp4"), "")),
            DubConfig(),
            dict.fromkeys(ROLES, "x"),
        )
        return dict(member_styles(context, ["m1", "m2"], film, clips))

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Of the first member, motion frames."""
        request = self.runner.requests[0][1]
        assert isinstance(request, StyleRequest)
        return [(span.first, span.end) for span in request.spans]


@pytest.fixture
def learning(
    track: FaceTrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Learning]:
    def studied(context: object, tracks: dict[TrackId, FaceTrack]) -> dict[TrackId, object]:
        return {track_id(each): planned_track(each) for each in tracks.values()}

    monkeypatch.setattr(module, "study_tracks", studied)
    sound = stored(tmp_path, np.zeros(60 * 16_000, np.float32))
    yield Learning(track, sound, Recorder())


ON, OFF = Speaking.ON_SCREEN, Speaking.OFF_SCREEN


def test_only_what_a_member_says_on_screen_is_learned_from(learning: Learning) -> None:
    styles = learning.styles(
        spoken(1, 4, ON, "m1"),
        spoken(5, 9, OFF, "m1"),
        spoken(10, 12, ON, "m2"),
        spoken(13, 15, Speaking.UNDECIDED, None),
        spoken(20, 22, ON, "m1"),
    )
    assert learning.spans == [(25, 101), (500, 551)]
    assert [name for name, _ in learning.runner.requests] == [STYLE.name, STYLE.name]
    assert learning.runner.requests[1][1].spans == ()  # the other has no track
    assert [styles[member].summary for member in ("m1", "m2")] == ["style 1", "style 2"]


def test_a_long_speech_is_cut_into_spans_with_the_track_around_them(learning: Learning) -> None:
    learning.styles(spoken(0, 60, ON, "m1"))
    assert learning.spans[0][0] == 0 and learning.spans[-1][1] == FRAMES
    assert all(end - first <= 500 for first, end in learning.spans)
    assert all(one[1] == other[0] for one, other in pairwise(learning.spans))
    for span in learning.runner.requests[0][1].spans:
        assert span.track.first <= max(span.first - 20, 0)
        assert len(span.track) <= span.end - span.first + 52


def test_of_many_speeches_the_longest_are_learned_from_in_order(learning: Learning) -> None:
    learning.styles(*(spoken(n, n + (0.8 if n % 2 else 0.4), ON, "m1") for n in range(59)))
    assert len(learning.spans) == 24
    assert learning.spans == sorted(learning.spans)
    assert all(end - first > 15 for first, end in learning.spans)


def test_a_film_without_sound_teaches_nothing(learning: Learning) -> None:
    styles = learning.styles(sound=False)
    assert styles == {"m1": NO_SOUND, "m2": NO_SOUND}
    assert not learning.runner.requests


def test_a_member_with_another_clip_is_learned_from_it_and_the_others_in_the_film(
    learning: Learning,
) -> None:
    clip = MediaFile(Path("clip.mp4"), "1")
    styles = learning.styles(spoken(1, 4, ON, "m1"), clips={"m2": clip})
    (name, request), (other, _) = learning.runner.requests
    assert (name, request.clip, other) == (STYLE_CLIP.name, clip, STYLE.name)
    assert [styles[member].summary for member in ("m1", "m2")] == ["style 2", "style 1"]


def test_a_clip_of_everybody_stands_back_behind_that_of_a_member() -> None:
    every, own = (MediaFile(Path(f"{name}.mp4"), name) for name in "ab")
    title = Title("t", FilmSource(every), (), style=every, styles={"m2": own})
    assert title.style_clips(["m1", "m2"]) == {"m1": every, "m2": own}
    assert replace(title, style=None).style_clips(["m1", "m2"]) == {"m2": own}
