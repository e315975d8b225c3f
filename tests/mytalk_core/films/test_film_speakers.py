"""Who speaks in a film: sync, voices, turns and priors decide together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.films.film_speakers import SyncOddsConfig, film_speakers, sync_log_odds
from mytalk_core.films.members import TrackId
from mytalk_core.films.speaker_evidence import FaceEvidence
from mytalk_core.films.speaking import Speaking
from mytalk_core.films.sync_evidence import SyncSample
from tests.mytalk_core.films.speaker_films import (
    cast,
    evidence,
    film,
    stretch,
    track,
    voice,
)

ANNA, BOB, STRANGER = 0, 1, 2
TWO = cast(anna=[0], bob=[1])
FACES = film([track(0, 0, 500), track(1, 0, 500)], 500)


def decisions(*stretches: object) -> list[tuple[Speaking, str | None]]:
    found = film_speakers(FACES, TWO, evidence(*stretches))  # type: ignore[arg-type]
    return [(each.decision.speaking, each.decision.member) for each in found.stretches]


def test_the_face_in_step_speaks_although_both_move() -> None:
    assert decisions(
        stretch(0, 2, {0: 5.0, 1: 0.2}, voice(ANNA)),
        stretch(3, 5, {0: -0.1, 1: 4.5}, voice(BOB)),
    ) == [(Speaking.ON_SCREEN, "anna"), (Speaking.ON_SCREEN, "bob")]


def test_no_face_above_other_sounds_is_off_screen() -> None:
    found = film_speakers(
        FACES,
        TWO,
        evidence(
            stretch(0, 2, {0: 5.0, 1: 0.2}, voice(ANNA)),
            stretch(3, 5, {0: -0.1, 1: 0.3}, voice(STRANGER)),
        ),
    )
    decision = found.stretches[1].decision
    assert (decision.speaking, decision.member) == (Speaking.OFF_SCREEN, None)
    assert "No visible face is in step" in decision.why


def test_the_voice_names_a_member_who_is_not_in_the_picture() -> None:
    clear = [stretch(3 * k, 3 * k + 2, {0: 5.0}, voice(ANNA, 0.3, k)) for k in range(3)]
    other = [stretch(30 + 3 * k, 32 + 3 * k, {1: 5.0}, voice(BOB, 0.3, k)) for k in range(3)]
    away = stretch(60, 62, {1: 0.0}, voice(ANNA, 0.3, 9))
    assert decisions(*clear, *other, away)[-1] == (Speaking.OFF_SCREEN, "anna")


def test_voices_decide_between_two_faces_that_are_equally_in_step() -> None:
    clear = [stretch(3 * k, 3 * k + 2, {0: 5, 1: 0}, voice(ANNA, 0.3, k)) for k in range(3)]
    other = [
        stretch(30 + 3 * k, 32 + 3 * k, {0: 0.0, 1: 5.0}, voice(BOB, 0.3, k)) for k in range(3)
    ]
    doubtful = stretch(60, 62, {0: 3.0, 1: 3.0}, voice(BOB, 0.3, 9))
    assert decisions(doubtful) == [(Speaking.UNDECIDED, None)]
    assert decisions(*clear, *other, doubtful)[-1] == (Speaking.ON_SCREEN, "bob")


def test_a_brief_stretch_is_decided_by_its_turn() -> None:
    brief = stretch(2.2, 2.5, {0: 0.9, 1: 0.7}, voice(ANNA))
    assert decisions(brief)[0][0] is not Speaking.ON_SCREEN
    turn = stretch(0, 2, {0: 6.0, 1: 0.0}, voice(ANNA))
    assert decisions(turn, brief)[1] == (Speaking.ON_SCREEN, "anna")


def test_the_speaker_goes_on_across_a_cut_to_the_listener() -> None:
    before = stretch(0, 2, {0: 6.0}, voice(ANNA))
    after = stretch(2, 3, {1: 0.0}, voice(ANNA, 0.2), continues=True)
    assert decisions(before, after)[1] == (Speaking.OFF_SCREEN, "anna")


@pytest.mark.parametrize(
    ("score", "movement", "speaks"), [(2.0, 0.03, True), (2.0, 0.001, False), (-1.5, 0.03, False)]
)
def test_the_only_member_speaks_unless_still_or_out_of_step(
    score: float, movement: float, speaks: bool
) -> None:
    one = cast(anna=[0])
    here = evidence(stretch(0, 2, {0: score}, voice(ANNA), movement=movement))
    decision = film_speakers(FACES, one, here).stretches[0].decision
    assert (decision.speaking is Speaking.ON_SCREEN) == speaks


def test_faces_of_pictures_never_speak() -> None:
    one = cast(anna=[0])  # track 1 is in no member
    here = evidence(stretch(0, 2, {1: 6.0}, voice(ANNA)))
    decision = film_speakers(FACES, one, here).stretches[0].decision
    assert decision.speaking is not Speaking.ON_SCREEN


def test_a_film_without_sound_or_without_voices_has_no_stretches() -> None:
    assert not film_speakers(FACES, TWO, None).sound
    silent = film_speakers(FACES, TWO, evidence())
    assert silent.sound and silent.stretches == ()


@given(
    scores=st.lists(
        st.tuples(st.floats(-3, 8), st.floats(-3, 8), st.integers(0, 2)), min_size=1, max_size=8
    )
)
def test_probabilities_add_up_to_one(scores: list[tuple[float, float, int]]) -> None:
    made = [
        stretch(k, k + 0.9, {0: a, 1: b}, voice(who, 0.3, k))
        for k, (a, b, who) in enumerate(scores)
    ]
    for each in film_speakers(FACES, TWO, evidence(*made)).stretches:
        assert sum(score.probability for score in each.scores) == pytest.approx(1)
        assert 0 <= each.decision.confidence <= 1
        assert each.decision.why.endswith(".")


@given(
    low=st.floats(-5, 5),
    more=st.floats(0.5, 5),
    windows=st.integers(4, 200),
    clarity=st.floats(-5, 60),
)
def test_a_higher_sync_score_never_lowers_the_odds(
    low: float, more: float, windows: int, clarity: float
) -> None:
    def odds(score: float) -> float:
        face = FaceEvidence(TrackId(0, 0), SyncSample(windows, score, 0.0, 1.0), 0.03, 1.0)
        return sync_log_odds(face, clarity, SyncOddsConfig())

    assert odds(low + more) >= odds(low)
    assert np.isfinite(odds(low))


def test_a_low_score_under_loud_music_does_not_mean_off_screen() -> None:
    here = stretch(0, 2, {0: 0.6, 1: 0.2}, voice(ANNA), clarity=25.0)
    loud = stretch(0, 2, {0: 0.6, 1: 0.2}, voice(ANNA), clarity=4.0)
    assert decisions(here)[0][0] is Speaking.OFF_SCREEN
    assert decisions(loud)[0][0] is Speaking.UNDECIDED
