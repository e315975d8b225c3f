"""Recordings are split once, in time; the first part teaches and is not measured."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.evaluation.cases import MotionClip, read_motion_clips
from mytalk_core.evaluation.taught import TAUGHT_SHARE, part_of, taught_cases
from mytalk_core.speech.phones import Phone
from tests.synthetic_face import write_curated

FRAMES = 200


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MotionClip:
    folder = tmp_path_factory.mktemp("taught")
    data = write_curated(folder, {"test": ["jo"]}, clips=1, frames=FRAMES)
    (found,) = read_motion_clips(iter_clips(clip_index(data, "test")))
    return found


def test_a_recording_is_split_in_time_over_its_clips(clip: MotionClip) -> None:
    """The second of two clips is cut; its last part alone is measured."""
    second = replace(clip, key="second", start=clip.start + Fraction(FRAMES, 25))
    (taught,) = taught_cases([second, clip])
    first = int(TAUGHT_SHARE * 2 * FRAMES)
    assert [len(each.shape) for each in taught.seen] == [FRAMES, first - FRAMES]
    rest = taught.case.source
    assert rest is taught.case.target
    assert rest.start == clip.start + Fraction(first, 25)
    np.testing.assert_array_equal(rest.shape, clip.shape[first - FRAMES :])
    assert len(rest.speech) == 2 * len(rest.shape) and len(rest.audio) == 640 * len(rest.shape)


def test_recordings_of_one_person_are_split_apart_and_short_ones_left_out(
    clip: MotionClip,
) -> None:
    other = replace(clip, source="another film", key="other")
    assert taught_cases([clip, other]) == []
    long = [replace(other, start=Fraction(8 * number)) for number in range(2)]
    cases = taught_cases([clip, *long])
    assert {each.case.source.source for each in cases} == {"another film"}


def test_phones_keep_their_place_in_the_sound(clip: MotionClip) -> None:
    phones = (
        Phone("M", Fraction(1), Fraction(2)),
        Phone("AA", Fraction(3), Fraction(4)),
        Phone("B", Fraction(5), Fraction(6)),
    )
    part = part_of(replace(clip, phones=phones), 50, 125)
    assert part.phones == (Phone("AA", Fraction(1), Fraction(2)),)
