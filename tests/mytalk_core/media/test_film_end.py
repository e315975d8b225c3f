from collections.abc import Callable
from pathlib import Path

import pytest

from mytalk_core.media.film_end import last_frame_seconds


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_the_end_of_a_half_copied_film_is_not_found(
    tmp_path: Path, run_ffmpeg: Callable[..., Path], suffix: str
) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=20", "-g", "25", "-b:v", "200k")
    film = run_ffmpeg(tmp_path / f"film.{suffix}", *picture, "-movflags", "+faststart")
    found = last_frame_seconds(film)
    assert found is not None
    assert float(found) == pytest.approx(19.96, abs=0.1)
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 2])
    half = last_frame_seconds(film)
    assert half is None or half < 16
