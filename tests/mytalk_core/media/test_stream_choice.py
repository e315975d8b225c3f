"""By default the tracks that players choose are used; track numbers override them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames, iter_frames_at, iter_planes
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.media.stream_choice import StreamChoice

RunFfmpeg = Callable[..., Path]

_COPY = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")


@pytest.fixture(scope="module")
def film(
    tmp_path_factory: pytest.TempPathFactory,
    run_ffmpeg: RunFfmpeg,
    sample_clips: dict[str, SampleClip],
) -> Path:
    """One second of real footage."""
    out = tmp_path_factory.mktemp("film") / "film.mp4"
    clip = sample_clips["jwp_intro"].path
    return run_ffmpeg(out, "-i", clip, "-t", "1", "-vf", "scale=320:180", *_COPY)


@pytest.fixture(scope="module")
def tracks(film: Path, run_ffmpeg: RunFfmpeg) -> Path:
    """A film whose first audio track is a commentary (a tone), its second the original sound."""
    return run_ffmpeg(
        film.with_name("tracks.mkv"),
        *("-i", film, "-f", "lavfi", "-i", "sine=440:d=1"),
        *("-map", "0:v", "-map", "1:a", "-map", "0:a", "-c:v", "copy", "-c:a", "aac"),
        *("-disposition:a:0", "comment", "-disposition:a:1", "default"),
    )


@pytest.mark.parametrize("suffix", ["mov", "mkv", "mp4"])
@pytest.mark.parametrize("codec", ["mjpeg", "png"])
def test_a_still_picture_is_not_chosen_as_video(
    film: Path, run_ffmpeg: RunFfmpeg, suffix: str, codec: str
) -> None:
    cover = run_ffmpeg(film.with_name(f"cover-{codec}.mkv"), "-i", film, "-frames:v", "1", "-an",
                       "-vf", "scale=640:360", "-c:v", codec)  # fmt: skip
    covered = run_ffmpeg(
        film.with_name(f"covered.{suffix}"),
        *("-i", film, "-i", cover, "-map", "1:v", "-map", "0:v", "-map", "0:a", "-c", "copy"),
        *("-disposition:v:0", "0", "-disposition:v:1", "0"),
    )
    info = probe_video(covered)
    assert (info.codec, info.width, info.choice) == ("h264", 320, StreamChoice(2, 1))
    assert info.tracks.picture.startswith("2 of 2 (h264, 320 x 180")
    frames = sum(1 for _ in iter_frames(film))
    assert sum(1 for _ in iter_frames(covered)) == frames
    assert sum(1 for _ in iter_planes(covered)) == frames
    assert next(iter_frames_at(covered, info.fps)).image.shape == (180, 320, 3)
    picture = probe_video(covered, StreamChoice(video=1))
    assert (picture.codec, picture.width) == (codec, 640)
    assert sum(1 for _ in iter_frames(covered, choice=picture.choice)) == 1


def test_the_default_video_track_is_chosen(film: Path, run_ffmpeg: RunFfmpeg) -> None:
    angles = run_ffmpeg(
        film.with_name("angles.mkv"),
        *("-i", film, "-f", "lavfi", "-i", "testsrc=s=640x360:d=1"),
        *("-map", "1:v", "-map", "0:v", *_COPY, "-disposition:v:0", "0"),
        *("-disposition:v:1", "default"),
    )
    assert probe_video(angles).width == 320
    plain = run_ffmpeg(
        film.with_name("plain.mkv"),
        *("-i", angles, "-map", "0", "-c", "copy", "-disposition:v:0", "0"),
        *("-disposition:v:1", "0"),
    )
    assert probe_video(plain).width == 640  # the largest


def test_the_commentary_is_not_chosen_as_audio(film: Path, tracks: Path) -> None:
    own, commentary = read_audio(film), read_audio(tracks, choice=StreamChoice(audio=1))
    assert probe_audio(tracks).track == 2
    assert probe_video(tracks).choice.audio == 2
    chosen = read_audio(tracks)
    length = min(len(chosen), len(own))
    assert np.corrcoef(chosen[:length], own[:length])[0, 1] > 0.95
    assert abs(np.corrcoef(commentary[:length], own[:length])[0, 1]) < 0.2
    assert np.array_equal(chosen, read_audio(tracks, choice=StreamChoice(audio=2)))


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        ("0", "default", 2),
        ("default", "0", 1),
        ("comment", "0", 2),
        ("visual_impaired", "0", 2),
        ("default+visual_impaired", "default", 2),
        ("0", "0", 1),
    ],
)
def test_audio_is_chosen_as_players_do(
    tracks: Path, run_ffmpeg: RunFfmpeg, first: str, second: str, chosen: int
) -> None:
    film = run_ffmpeg(
        tracks.with_name("dispositions.mkv"),
        *("-i", tracks, "-map", "0", "-c", "copy"),
        *("-disposition:a:0", first, "-disposition:a:1", second),
    )
    assert probe_audio(film).track == chosen


def test_a_short_track_is_not_chosen_as_audio(film: Path, run_ffmpeg: RunFfmpeg) -> None:
    stub = run_ffmpeg(
        film.with_name("stub.mkv"),
        *("-i", film, "-f", "lavfi", "-i", "sine=440:d=0.1"),
        *("-map", "0:v", "-map", "1:a", "-map", "0:a", "-c:v", "copy", "-c:a", "pcm_s16le"),
        *("-disposition:a:0", "0", "-disposition:a:1", "0"),
    )
    assert probe_audio(stub).track == 2


def test_audio_and_video_come_from_the_same_program(film: Path, run_ffmpeg: RunFfmpeg) -> None:
    """A transport stream of two programs; the larger picture belongs to the second."""
    both = run_ffmpeg(
        film.with_name("programs.ts"),
        *("-i", film, "-f", "lavfi", "-i", "testsrc=s=640x360:d=1"),
        *("-f", "lavfi", "-i", "sine=440:d=1", "-map", "0:v", "-map", "0:a", "-map", "1:v"),
        *("-map", "2:a", *_COPY, "-program", "st=0:st=1", "-program", "st=2:st=3"),
    )
    info = probe_video(both)
    assert (info.width, info.choice) == (640, StreamChoice(2, 2))


def test_a_missing_track_is_refused_with_a_list_of_the_existing(tracks: Path) -> None:
    for probe, choice, parts in (
        (probe_audio, StreamChoice(audio=3), ("no audio track 3", "1 (aac", "comment", "2 (aac")),
        (probe_video, StreamChoice(video=2), ("no video track 2", "1 (h264, 320 x 180")),
    ):
        with pytest.raises(BadInputError) as caught:
            probe(tracks, choice)
        assert caught.value.reason is Reason.BAD_CONFIGURATION
        assert all(part in str(caught.value) for part in parts)


def test_tracks_of_composed_research_footage(
    shared_data: Path, film: Path, run_ffmpeg: RunFfmpeg
) -> None:
    """Research footage with a still picture before it and a commentary before its sound."""
    clip = next((shared_data / "grid" / "s4").glob("*.mpg"))
    folder = film.parent
    still = run_ffmpeg(folder / "still.jpg", "-i", clip, "-frames:v", "1")
    covered = run_ffmpeg(
        folder / "cover.mov",
        *("-i", clip, "-i", still, "-map", "1:v", "-map", "0:v", "-map", "0:a", *_COPY),
    )
    assert sum(1 for _ in iter_frames(covered)) == 75
