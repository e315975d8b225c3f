"""Sound and picture stay in sync: clicks in two hours of sound, in films of every rate."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.dubbing.member_style import encoded_between
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.media.clock import (
    MOTION_FPS,
    SPEECH_SAMPLE_RATE,
    frame_at,
    frame_count,
    frame_time,
    sample_at,
)
from mytalk_core.speech.features import SAMPLES_PER_FEATURE, SpeechEncoder, WindowConfig
from mytalk_core.speech.per_frame import speech_frames
from tests.face_tracks import track_motion

Array = NDArray[np.float32]
TWO_HOURS = Fraction(7200)
BLOCK = 1_234_567  # samples that arrive together: neither windows nor features begin where they do
# The first is at the start of nothing: neither of a window, a feature nor a frame.
CLICKS = [Fraction(13, 10) + Fraction(973, 10) * number for number in range(74)]
RATES = {
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "50": Fraction(50),
    "60": Fraction(60),
}
HALF_MOTION_FRAME = 1 / (2 * MOTION_FPS)


class Clicks(SpeechEncoder):
    """A feature is 1 where its 20 ms hold a click; windows are cut as for the true encoder."""

    def __init__(self) -> None:
        self._window = WindowConfig()

    def _encode_window(self, audio: Array, start: int, length: int) -> NDArray[np.float16]:
        rows = np.zeros(-(-length // SAMPLES_PER_FEATURE), np.float16)
        rows[np.flatnonzero(audio[start : start + length]) // SAMPLES_PER_FEATURE] = 1
        return rows[:, None]


def sound(seconds: Fraction) -> Iterator[Array]:
    """A film's sound, silent but for the clicks, in blocks."""
    end = sample_at(seconds, SPEECH_SAMPLE_RATE)
    clicks = np.array([sample_at(click, SPEECH_SAMPLE_RATE) for click in CLICKS])
    for first in range(0, end, BLOCK):
        block = np.zeros(min(BLOCK, end - first), np.float32)
        inside = clicks[(clicks >= first) & (clicks < first + len(block))]
        block[inside - first] = 1
        yield block


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> TrackMotion:
    """Lips that move at clicks and nowhere else, for two hours."""
    moved = np.concatenate(list(speech_frames(Clicks().encode_blocks(sound(TWO_HOURS)))))
    assert len(moved) == frame_count(TWO_HOURS, MOTION_FPS)
    assert np.count_nonzero(moved) == len(CLICKS)
    return track_motion(tmp_path_factory.mktemp("motion"), moved[:, :, None])


def seen_at(motion: TrackMotion, click: Fraction, fps: Fraction, shown: Fraction) -> Fraction:
    """When lips move most in a film of `shown` frames a second that is dubbed as one of `fps`."""
    middle = frame_at(click, fps)
    frames = range(max(middle - 10, 0), middle + 11)
    moved = motion.at([frame_time(2 * frame + 1, 2 * fps) for frame in frames])[:, 0, 0]
    return frame_time(2 * frames[int(moved.argmax())] + 1, 2 * shown)


@pytest.mark.parametrize("fps", RATES.values(), ids=RATES)
def test_every_click_is_seen_in_its_frame(motion: TrackMotion, fps: Fraction) -> None:
    """A click is in the frame that moves most, or at most half a motion frame away."""
    for click in CLICKS:
        late = seen_at(motion, click, fps, fps) - click
        assert abs(late) <= HALF_MOTION_FRAME + 1 / (2 * fps)


@pytest.mark.parametrize("fps", RATES.values(), ids=RATES)
def test_lips_are_as_late_at_the_end_as_at_the_beginning(
    motion: TrackMotion, fps: Fraction
) -> None:
    """The middle of the movement, weighed over its frames, is that of the click's motion frame."""
    for click in (*CLICKS[:5], *CLICKS[-5:]):
        middle = frame_at(click, fps)
        times = [frame_time(2 * n + 1, 2 * fps) for n in range(middle - 5, middle + 6)]
        moved = motion.at(times)[:, 0, 0].astype(np.float64)
        found = float(moved @ [float(time - click) for time in times] / moved.sum())
        own = frame_time(2 * frame_at(click, MOTION_FPS) + 1, 2 * MOTION_FPS) - click
        # Catmull and Rom's kernel has no mean of its own; 24 samples a second of it nearly none.
        assert found == pytest.approx(float(own), abs=2e-3)


def test_a_rate_that_is_a_little_off_would_be_seen(motion: TrackMotion) -> None:
    """29.97 taken for 30: in the first minute within bounds, seconds late after two hours."""
    true, taken = RATES["29.97"], RATES["30"]
    bound = HALF_MOTION_FRAME + 1 / (2 * true)
    lateness = [seen_at(motion, click, taken, true) - click for click in (CLICKS[0], CLICKS[-1])]
    assert abs(lateness[0]) <= bound
    assert lateness[1] > 7


@pytest.mark.parametrize("first", [-10, 0, 17, 2000])
def test_the_speech_of_any_part_of_a_film_is_encoded_in_its_frames(first: int) -> None:
    """Before its start and after its end a speech is silent."""
    for frames in (1, 50, 1001):
        for length in (Fraction(1, 2), Fraction(60)):
            audio = np.concatenate(list(sound(length)))
            features = encoded_between(audio, first, first + frames, Clicks())
            assert features.shape == (frames, 1)
            heard = [frame_at(click, MOTION_FPS) - first for click in CLICKS if click < length]
            expected = [frame for frame in heard if 0 <= frame < frames]
            assert np.flatnonzero(features).tolist() == expected
