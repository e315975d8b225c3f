"""People of a film are dubbed one by one, and a changed line changes its own pieces."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.opening import ClipFiles, open_clip, open_title
from mytalk_core.dubbing.title import DubResult, dub_title
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_graph import PreparedTitle, plan, prepare
from mytalk_core.dubbing.title_report.values import LineState, NotJudged
from mytalk_core.dubbing.title_spec import TitleSpec
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.films.cast_map import CastEntry, CastMap
from mytalk_core.films.members import TrackId
from mytalk_core.media.audio import pcm16, read_audio, write_wav
from mytalk_core.media.decode import iter_planes
from mytalk_core.speech.transcript import Transcript
from tests.films.build import BuildOptions, BuiltFilm, tiny_film
from tests.title_runs import (
    Networks,
    WordsOfTheScript,
    context_of,
    given_words,
    replaced_recogniser,
    speech_of,
)

RunFfmpeg = Callable[..., Path]
LOSSLESS = DubConfig(crf=0)

# The man of the sample footage, and him mirrored, narrower and darker.
MAN = "fps=25,scale=480:360:force_original_aspect_ratio=increase,crop=320:360:45:0,setsar=1"
OTHER = f"{MAN},hflip,scale=280:360,pad=320:360:20:0,setsar=1,lutyuv=u=val+12:v=val-12"
CAST = CastMap(
    (
        CastEntry("adam", "Adam", tracks=("0.0", "2.0")),
        CastEntry("ben", "Ben", tracks=("1.0", "2.1")),
    )
)


@dataclass(frozen=True)
class Run:
    """A title and its run over a store, with given words."""

    title: Title
    context: TitleContext

    def dub(self, out: Path) -> DubResult:
        """The dubbed title."""
        return dub_title(self.context, self.title, out, Monitor())

    def prepared(self) -> PreparedTitle:
        """What its pieces are drawn from."""
        planned = plan(self.context, self.title, Monitor())
        return prepare(self.context, self.title, planned, Monitor())


@contextmanager
def running(
    title: Title, work: Path, networks: Networks, transcript: Transcript | None, config: DubConfig
) -> Iterator[Run]:
    artifacts = Artifacts(work)
    with artifacts.in_use(), given_words(networks.tools, transcript):
        yield Run(title, context_of(title, artifacts, networks, config))


@pytest.fixture(scope="module")
def people_film(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: RunFfmpeg,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Three shots of 20 frames without sound: one man, another, and both beside each other."""
    path = tmp_path_factory.mktemp("people") / "film.mp4"
    wide = "pad=640:360:160:0"
    parts = [
        f"[0:v]{MAN},trim=0:0.8,setpts=PTS-STARTPTS,{wide}[p0]",
        f"[0:v]{OTHER},trim=1:1.8,setpts=PTS-STARTPTS,{wide}[p1]",
        f"[0:v]{MAN},trim=3:3.8,setpts=PTS-STARTPTS[a]",
        f"[0:v]{OTHER},trim=1:1.8,setpts=PTS-STARTPTS[b]",
        "[a][b]hstack[p2]",
        "[p0][p1][p2]concat=n=3[out]",
    ]
    graph = ("-filter_complex", ";".join(parts), "-map", "[out]", "-an")
    clip = sample_clips["jwp_intro"].path
    return run_ffmpeg(path, "-i", clip, *graph, "-r", "25", "-crf", "12", "-pix_fmt", "yuv420p")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of the film of people."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def people(people_film: Path, work: Path, sample_clips: dict[str, SampleClip]) -> Title:
    """The film of people, with what a person says about its cast."""
    speech = sample_clips["test_movie"].path
    files = ClipFiles(people_film, speech, people_film.with_name("dubbed.mp4"))
    return replace(open_clip(files, Artifacts(work)), cast=CAST)


@pytest.fixture(scope="module")
def adam_speaks(
    people: Title, work: Path, small_networks: Networks
) -> tuple[DubResult, PreparedTitle]:
    """The film in which Adam says everything, encoded without loss."""
    title = replace(people, member="adam")
    with running(title, work, small_networks, speech_of((0, 2.4)), LOSSLESS) as run:
        out = people.film.file.path.with_name("adam.mp4")
        return run.dub(out), run.prepared()


def test_a_silent_film_of_several_people_needs_the_name_of_the_speaker(
    people: Title, work: Path, small_networks: Networks, tmp_path: Path
) -> None:
    with (
        running(people, work, small_networks, speech_of((0, 2.4)), LOSSLESS) as run,
        pytest.raises(BadInputError, match="who speaks") as refusal,
    ):
        run.dub(tmp_path / "dubbed.mp4")
    assert refusal.value.reason is Reason.NO_AUDIO_STREAM
    for text in ("adam (Adam)", "ben (Ben)", "--member"):
        assert text in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_the_speaker_is_drawn_in_all_shots_that_show_him_and_the_report_says_where(
    adam_speaks: tuple[DubResult, PreparedTitle],
) -> None:
    report = adam_speaks[0].report
    assert [(shot.first, shot.end) for shot in report.shots] == [(0, 20), (20, 40), (40, 60)]
    drawn = {str(each.id): (each.member, each.drawn_frames) for each in report.tracks}
    assert drawn == {"0.0": ("adam", 20), "1.0": ("ben", 0), "2.0": ("adam", 20), "2.1": ("ben", 0)}
    assert report.frames_left_alone == {LeftAlone.SILENT: 20}
    assert [(each.first, each.end) for each in report.left_alone] == [(20, 40)]
    assert [each.drawn for each in report.members] == [Fraction(8, 5), 0]
    assert [line.state for line in report.lines] == [LineState.DRAWN]
    assert [lane.member for lane in report.curves.lanes] == ["adam", "adam"]
    assert not report.failed_checks


def test_references_of_a_face_are_frames_of_its_own_shot(
    adam_speaks: tuple[DubResult, PreparedTitle],
) -> None:
    looks = adam_speaks[1].looks.looks
    for shot in (0, 2):
        times = looks[TrackId(shot, 0)].timestamps
        assert 20 * shot <= round(25 * min(times)) <= round(25 * max(times)) < 20 * (shot + 1)


def planes(path: Path) -> list[tuple[NDArray[np.unsignedinteger], ...]]:
    return [(f.planes.y, f.planes.u, f.planes.v) for f in iter_planes(path)]


def test_people_who_are_silent_keep_every_sample(
    people_film: Path, adam_speaks: tuple[DubResult, PreparedTitle]
) -> None:
    """Encoded without loss, so that nothing but the drawing can change a sample."""
    before, after = planes(people_film), planes(adam_speaks[0].film)
    assert len(before) == len(after) == 60
    for frame, (old, new) in enumerate(zip(before, after, strict=True)):
        same = [np.array_equal(a, b) for a, b in zip(old, new, strict=True)]
        if 20 <= frame < 40:
            assert all(same)
            continue
        assert not same[0]
        if frame >= 40:  # Ben is in the right half
            for a, b in zip(old, new, strict=True):
                half = a.shape[1] // 2
                assert np.array_equal(a[:, half:], b[:, half:])


def test_both_are_drawn_where_the_script_gives_each_a_line(
    people: Title, work: Path, small_networks: Networks, tmp_path: Path
) -> None:
    """Lines that are said at once, in the shot that shows both."""
    names = ("adam", "ben")
    (stem,) = people.stems
    title = replace(people, stems=tuple(replace(stem, name=name) for name in names))
    with running(title, work, small_networks, speech_of((1.7, 2.3)), DubConfig()) as run:
        result = run.dub(tmp_path / "dubbed.mp4")
    drawn = {str(each.id): each.drawn_frames for each in result.report.tracks}
    assert drawn["2.0"] == drawn["2.1"] == 20
    assert {line.decision.member for line in result.report.lines} == {*names}
    both = [each.members for each in result.report.segments if each.first == 40]
    assert both == [names]


def written(work: Path, stage: str) -> Mapping[Path, bytes]:
    """The files of a stage's artifacts."""
    files = (path for path in (work / stage).rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


LINES = ((0.6, 1.3), (2.4, 3.2))  # seconds


@pytest.fixture(scope="module")
def film(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: RunFfmpeg,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A man who speaks for four seconds."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    cut = ("-ss", "1", "-t", "4", "-vf", "fps=25,scale=320:-2", "-crf", "12")
    return run_ffmpeg(path, *cut[:2], "-i", sample_clips["jwp_intro"].path, *cut[2:])


def test_a_changed_line_changes_its_own_pieces_only(
    film: Path, sample_clips: dict[str, SampleClip], small_networks: Networks, tmp_path: Path
) -> None:
    words = read_audio(sample_clips["test_movie"].path)
    stem = np.zeros(4 * 16_000, np.float32)
    for (start, end), at in zip(LINES, (16_000, 48_000), strict=True):
        place = slice(round(start * 16_000), round(end * 16_000))
        stem[place] = words[at : at + place.stop - place.start]
    other = stem.copy()
    changed = slice(round(LINES[1][0] * 16_000), round(LINES[1][1] * 16_000))
    other[changed] = words[32_000 : 32_000 + changed.stop - changed.start]

    results, stored, work = [], [], tmp_path / "work"
    for name, samples in (("one", stem), ("two", other)):
        speech = tmp_path / f"{name}.wav"
        write_wav(speech, pcm16(samples), 16_000)
        title = open_clip(ClipFiles(film, speech, tmp_path / "x.mp4"), Artifacts(work))
        with running(title, work, small_networks, speech_of(*LINES), DubConfig()) as run:
            results.append(run.dub(tmp_path / f"{name}.mp4"))
        stored.append(written(work, "draw"))
    first, second = (result.report.segments for result in results)
    assert [(each.first, each.end) for each in first] == [(each.first, each.end) for each in second]
    assert not any(each.reused for each in first)
    said = [each for each in second if not each.reused]
    assert said
    for each in said:
        assert LINES[1][0] - 0.4 <= each.first / 25 < each.end / 25 <= LINES[1][1] + 0.44
    assert len(second) > len(said) + 1
    # Nothing that was drawn before is written again, and only the changed line's pieces are added.
    assert stored[1].items() >= stored[0].items()
    values = [path for path in stored[1].keys() - stored[0].keys() if path.name == "value.json"]
    assert len(values) == len(said)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> BuiltFilm:
    """Two people in one shot, each says a line."""
    return tiny_film(tmp_path_factory.mktemp("tiny"), shared_data, BuildOptions(scenes=1))


def test_a_film_of_two_is_dubbed_from_stems_and_a_changed_stem_changes_its_lines_only(
    tiny: BuiltFilm, small_networks: Networks, tmp_path: Path
) -> None:
    work, truth = tmp_path / "work", tiny.truth
    spec = TitleSpec("tiny", tiny.film, "en", tiny.stems, tmp_path / "x.mp4", script=tiny.script)
    results, stored, judged = [], [], []
    changed, *_ = sorted(tiny.stems)
    quieter = tmp_path / "quieter.wav"
    sound = read_audio(tiny.stems[changed])
    write_wav(quieter, pcm16(0.5 * sound), 16_000)
    for number, stems in enumerate((tiny.stems, {**tiny.stems, changed: quieter})):
        title = open_title(replace(spec, dub=stems), Artifacts(work))
        with (
            replaced_recogniser(small_networks.tools, WordsOfTheScript()),
            running(title, work, small_networks, None, DubConfig()) as run,
        ):
            results.append(run.dub(tmp_path / f"{number}.mp4"))
        stored.append(written(work, "draw"))
        judged.append(written(work, "line-sync"))
    first, second = results
    with av.open(str(first.film)) as film:
        sounds = film.streams.audio
        assert len(sounds) == 2  # the dub, then the film's own
        assert [bool(each.disposition & 1) for each in sounds] == [True, False]
    visible = [line for line in truth.lines if line.said.value == "visible"]
    drawn = [line for line in first.report.lines if line.state is LineState.DRAWN]
    assert len(drawn) == len(visible)
    assert len({line.decision.member for line in drawn}) == 2
    mine = [
        line.decision.member for line in drawn if line.character.casefold() == changed.casefold()
    ]
    for each in second.report.segments:
        if mine[0] not in each.members:
            assert each.reused
    assert any(each.reused for each in second.report.segments)
    assert stored[1].items() >= stored[0].items()
    # Lips are judged line by line, where there are any, and not again where nothing changed.
    assert all(
        (line.not_judged is NotJudged.NO_LIPS) == (line not in drawn) for line in first.report.lines
    )
    assert len([path for path in judged[0] if path.name == "value.json"]) == len(drawn)
    assert judged[1].items() >= judged[0].items()
    again = [path for path in judged[1].keys() - judged[0].keys() if path.name == "value.json"]
    assert len(again) == len(mine)
