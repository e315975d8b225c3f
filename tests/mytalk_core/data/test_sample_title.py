import wave
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import yaml

from mytalk_core.data.sample_pictures import card
from mytalk_core.data.sample_story import FPS, LINES, SHOTS
from mytalk_core.data.sample_title import FILES, script, write_sample_title
from mytalk_core.errors import OutputError
from mytalk_core.media.clock import sample_at
from mytalk_core.media.probe import probe_video

LENGTH = sum(shot.frames for shot in SHOTS) / FPS


@pytest.fixture(scope="module")
def specification(sample_clips, tmp_path_factory):
    return write_sample_title(tmp_path_factory.mktemp("title"), [*sample_clips.values()])


def samples(path):
    with wave.open(str(path)) as wav:
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2")


def test_lines_lie_within_their_shots_and_follow_each_other():
    starts = [sum(shot.frames for shot in SHOTS[:n]) / FPS for n in range(len(SHOTS))]
    slots = [(starts[line.shot] + line.start, starts[line.shot] + line.end) for line in LINES]

    assert all(0 <= line.start < line.end <= SHOTS[line.shot].frames / FPS for line in LINES)
    assert all(one[1] <= other[0] for one, other in pairwise(slots))


def test_one_line_is_too_long_one_too_short_and_one_off_screen():
    shares = [
        (line.sound.end - line.sound.start) / (line.end - line.start)
        for line in LINES
        if SHOTS[line.shot].views
    ]

    assert max(shares) > Fraction(6, 5)
    assert min(shares) < Fraction(17, 20)
    assert [line.voice for line in LINES if SHOTS[line.shot].card] == ["Narrator"]


def test_the_first_card_states_that_one_man_plays_both_people():
    assert "One man plays both people:" in SHOTS[0].card


def test_text_of_cards_fits_into_the_picture():
    for shot in SHOTS:
        picture = card(shot.card)
        edges = np.concatenate([picture[:, :8].ravel(), picture[:, -8:].ravel()])

        assert len(np.unique(edges)) == 3  # the colour of the background
        assert bool(shot.card) == (len(np.unique(picture)) > 3)


def test_a_script_names_its_voices():
    assert script(LINES[2:3]).splitlines()[2:] == [
        "00:00:07.641 --> 00:00:08.641",
        "<v Narrator>Hi, I'm Jon Peirce.</v>",
    ]


def test_the_title_is_complete(specification):
    folder = specification.parent
    described = yaml.safe_load(specification.read_text())
    named = {described["film"], *described["dub"].values(), described["script"]}

    assert {each.name for each in folder.iterdir()} == {"title.yaml", *FILES}
    assert named | {described["music_and_effects"]} == set(FILES)


def test_film_and_stems_have_the_length_of_the_story(specification):
    film = probe_video(specification.parent / "film.mp4")

    assert (film.width, film.height, film.fps) == (640, 480, FPS)
    assert film.duration == LENGTH
    for path in specification.parent.glob("*.wav"):
        assert len(samples(path)) == sample_at(LENGTH, 48_000)
        assert np.abs(samples(path)).max() < 32_767


def test_the_same_clips_give_the_same_bytes(specification, sample_clips, tmp_path):
    again = write_sample_title(tmp_path, [*sample_clips.values()]).parent

    for name in FILES:
        assert (again / name).read_bytes() == (specification.parent / name).read_bytes()


def test_a_folder_that_cannot_be_written_is_an_output_error(sample_clips, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError):
        write_sample_title(tmp_path / "file", [*sample_clips.values()])
