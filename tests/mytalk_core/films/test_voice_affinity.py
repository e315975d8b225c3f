"""Voices are matched with the members who are seen in step with them."""

import numpy as np

from mytalk_core.films.voice_affinity import VoiceConfig, match_voices
from tests.mytalk_core.films.speaker_films import voice

CONFIG = VoiceConfig()


def test_each_voice_belongs_to_the_face_in_step_with_it() -> None:
    vectors = [voice(k % 2, 0.3, k) for k in range(8)]
    anna = np.array([0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.4, 0.4])  # the last two are doubtful
    voices = match_voices(vectors, [2.0] * 8, {"anna": anna, "bob": 1 - anna}, CONFIG)
    assert (voices.members["anna"][::2] > 1).all() and (voices.members["anna"][1::2] < -1).all()
    assert (voices.members["bob"][1::2] > 1).all() and (voices.members["bob"][::2] < -1).all()


def test_a_voice_that_no_face_is_in_step_with_belongs_to_no_member() -> None:
    vectors = [voice(k % 2, 0.3, k) for k in range(8)]
    anna = np.array([0.9, 0.05] * 4)
    voices = match_voices(vectors, [2.0] * 8, {"anna": anna}, CONFIG)
    assert (voices.unknown[1::2] > 1).all()
    assert (voices.members["anna"][1::2] < -1).all()


def test_the_voice_of_one_person_may_be_two_groups() -> None:
    vectors = [voice(k // 4, 0.3, k) for k in range(8)] + [voice(2, 0.3, k) for k in range(4)]
    anna = np.array([0.9] * 8 + [0.05] * 4)
    bob = np.array([0.05] * 8 + [0.9] * 4)
    voices = match_voices(vectors, [2.0] * 12, {"anna": anna, "bob": bob}, CONFIG)
    assert (voices.members["anna"][8:] < 0).all()
    assert (voices.members["bob"][8:] > 1).all()
    assert (voices.unknown[:8] <= voices.unknown.max()).all()


def test_a_single_stretch_and_none_say_nothing() -> None:
    one = match_voices([voice(0)], [2.0], {"anna": np.ones(1)}, CONFIG)
    assert one.members["anna"].tolist() == [0.0]
    none = match_voices([], [], {"anna": np.zeros(0)}, CONFIG)
    assert len(none.unknown) == 0
