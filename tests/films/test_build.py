from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.io import wavfile

from tests.films.build import BuildOptions, BuiltFilm, tiny_film
from tests.films.truth import Lips, Said


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> BuiltFilm:
    return tiny_film(tmp_path_factory.mktemp("films"), shared_data)


def _frames(built: BuiltFilm) -> list[np.ndarray]:
    with av.open(built.film) as container:
        return [
            frame.reformat(160, 90, "gray").to_ndarray().astype(float)
            for frame in container.decode(video=0)
        ]


def test_the_film_has_the_frames_and_the_rate_of_its_answers(tiny: BuiltFilm) -> None:
    with av.open(tiny.film) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == tiny.truth.fps
        assert stream.frames == tiny.truth.frames == tiny.truth.shots[-1].end
        sound = container.streams.audio[0]
        assert (sound.rate, sound.channels) == (48_000, 2)


def test_the_picture_jumps_at_the_borders_of_shots_and_nowhere_else(tiny: BuiltFilm) -> None:
    frames = _frames(tiny)
    steps = [float(np.mean(np.abs(b - a))) for a, b in pairwise(frames)]
    borders = [shot.first - 1 for shot in tiny.truth.shots[1:]]
    within = [step for at, step in enumerate(steps) if at not in borders]
    assert min(steps[at] for at in borders) > 4 * max(within)


def test_stems_add_up_to_the_dub_and_are_silent_outside_of_lines(tiny: BuiltFilm) -> None:
    _, dub = wavfile.read(tiny.dub)
    stems = [wavfile.read(path)[1].astype(int) for path in tiny.stems.values()]
    assert np.abs(sum(stems) - dub.astype(int)).max() <= len(stems)
    voiced = np.zeros(len(dub), bool)
    for line in tiny.truth.lines:
        span = slice(round(line.sound.start * 48_000), round(line.sound.end * 48_000))
        assert np.sqrt(np.mean(np.square(dub[span].astype(float)))) > 500
        voiced[span] = True
    assert not dub[~voiced].any()


def test_lines_of_the_dub_differ_from_those_of_the_film_and_do_not_overlap(
    tiny: BuiltFilm,
) -> None:
    lines = tiny.truth.lines
    assert all(line.text != line.own_text for line in lines)
    assert all(a.sound.end < b.slot.start for a, b in pairwise(lines))
    assert all(line.sound.length <= line.slot.length * 1.5 for line in lines)


def test_one_face_speaks_on_a_visible_line_and_none_on_a_voice_over(tiny: BuiltFilm) -> None:
    truth = tiny.truth
    for line in truth.lines:
        shot = truth.shots[line.shot]
        slot = max(n for n, first in enumerate(shot.slots) if first / truth.fps <= line.slot.start)
        speaking = [seen.person for seen in shot.seen if seen.lips[slot] is Lips.SPEAK]
        assert speaking == ([line.person] if line.said is Said.VISIBLE else [])


def test_a_repeated_film_repeats_its_answers(tmp_path: Path, shared_data: Path) -> None:
    built = tiny_film(tmp_path, shared_data, BuildOptions(scenes=1, repeat=3))
    with av.open(built.film) as container:
        assert container.streams.video[0].frames == built.truth.frames
    third = built.truth.lines[2 * len(built.truth.lines) // 3]
    first = built.truth.lines[0]
    assert third.text == first.text
    assert third.slot.start - first.slot.start == 2 * built.truth.duration / 3
    assert built.script.read_text().count("-->") == len(built.truth.lines)
