import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.carried_tracks import (
    delivery_losses,
    language_of,
    read_chapters,
    title_of,
)
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.encode import VideoWriter
from mytalk_core.media.film_mux import write_film
from mytalk_core.media.probe import VideoInfo, probe_video, read_comment
from mytalk_core.media.sound_track import DubSound
from mytalk_core.media.timestamps import frame_starts
from tests.cases import RunFfmpeg

_MARK = "Synthetic speech video: a test."
_RATE = 48_000
_SUBTITLES = "1\n00:00:00,500 --> 00:00:01,000\nHello\n\n2\n00:00:01,200 --> 00:00:01,900\nWorld\n"
_CHAPTERS = """;FFMETADATA1
title=A film
artist=A director
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2000
title=Two
"""

# Noise has one sharp peak in its correlation with itself.
_NOISE = "anoisesrc=r=48000:d=2:a=0.4:seed={seed},lowpass=6000"


@pytest.fixture
def noise(run_ffmpeg: RunFfmpeg, tmp_path: Path) -> Path:
    return run_ffmpeg(tmp_path / "dub.wav", "-f", "lavfi", "-i", _NOISE.format(seed=7))


@pytest.fixture
def rich_film(run_ffmpeg: RunFfmpeg, tmp_path: Path) -> Path:
    """A Matroska film with two sounds, subtitles, chapters, a font and a timecode."""
    texts = {"s.srt": _SUBTITLES, "chapters.txt": _CHAPTERS, "font.ttf": "a font"}
    paths = {name: tmp_path / name for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text)
    lavfi = ("-f", "lavfi", "-i")
    sources = (
        *(*lavfi, "testsrc=s=160x120:r=24000/1001:d=2"),
        *(*lavfi, "anoisesrc=d=2:a=0.2:seed=1,aformat=channel_layouts=5.1"),
        *(*lavfi, "sine=440:d=2"),
        *("-i", paths["s.srt"], "-i", paths["chapters.txt"]),
    )
    maps = ("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map_metadata", 4)
    codecs = ("-pix_fmt", "yuv420p", "-c:a:0", "ac3", "-c:a:1", "aac", "-c:s", "srt")
    names = (
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:0", "title=Original"),
        *("-metadata:s:a:1", "language=fre", "-disposition:a:0", "default"),
        *("-disposition:a:1", "comment", "-metadata:s:s:0", "language=ger"),
        *("-attach", paths["font.ttf"], "-metadata:s:t", "mimetype=font/ttf"),
        *("-metadata", "timecode=01:00:00:00", "-map_chapters", 4),
    )
    return run_ffmpeg(tmp_path / "film.mkv", *sources, *maps, *codecs, *names)


@pytest.fixture
def studio_film(run_ffmpeg: RunFfmpeg, tmp_path: Path) -> Path:
    """A QuickTime film with 24-bit 5.1 sound and a drop-frame timecode."""
    lavfi = ("-f", "lavfi", "-i")
    sources = (
        *(*lavfi, "testsrc=s=160x120:r=30000/1001:d=2"),
        *(*lavfi, "anoisesrc=r=48000:d=2:a=0.2:seed=1,aformat=channel_layouts=5.1"),
    )
    codecs = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s24le")
    names = ("-metadata", "timecode=00:59:58;00", "-metadata:s:a:0", "language=eng")
    return run_ffmpeg(tmp_path / "film.mov", *sources, *codecs, *names)


def drawn(film: Path) -> tuple[Path, VideoInfo, Fraction]:
    """Return a picture file of a film's frames, the film and the picture's length."""
    info, out = probe_video(film), film.with_name("picture.mp4")
    with VideoWriter(out, info) as writer:
        for frame in iter_planes(film):
            writer.write(frame)
    return out, info, writer.duration


def dubbed(film: Path, sounds: list[DubSound], out: Path) -> Path:
    picture, info, length = drawn(film)
    write_film(picture, sounds, info, out, length, _MARK)
    return out


def packets(film: Path, index: int) -> bytes:
    """Return the bytes of a stream."""
    with av.open(str(film)) as container:
        return b"".join(bytes(each) for each in container.demux(container.streams[index]))


def decoded(film: Path, stream: str, start: Fraction = Fraction(0)) -> NDArray[np.float32]:
    """Return the first channel of a sound stream, from `start` seconds on the film's clock."""
    graph = f"aresample={_RATE}:first_pts=0:async=1,atrim=start_sample={round(start * _RATE)}"
    arguments = ("-i", film, "-map", f"0:{stream}", "-af", f"{graph},pan=mono|c0=c0", "-f", "f32le")
    program = [get_ffmpeg_exe(), "-nostdin", "-v", "error", *map(str, arguments), "-"]
    return np.frombuffer(subprocess.run(program, capture_output=True, check=True).stdout, "<f4")


def lag(sound: NDArray[np.float32], reference: NDArray[np.float32]) -> tuple[int, float]:
    """Return by how many samples a sound is late, and the correlation there."""
    size = 1 << (len(sound) + len(reference)).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(spectrum, size)
    peak = int(np.argmax(correlation))
    power = float(np.linalg.norm(sound) * np.linalg.norm(reference))
    return (peak if peak < size // 2 else peak - size), float(correlation[peak]) / power


def audio_streams(film: Path) -> Iterator[tuple[int, str, str, set[str]]]:
    """Yield index, language, title and dispositions of the sound tracks."""
    with av.open(str(film)) as container:
        for stream in container.streams.audio:
            flags = {str(each.name) for each in av.stream.Disposition if stream.disposition & each}
            yield stream.index, language_of(stream), title_of(stream), flags


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_dub_is_an_additional_track(
    rich_film: Path, noise: Path, tmp_path: Path, suffix: str
) -> None:
    sounds = [DubSound(noise, "sv-SE", "Svenska"), DubSound(noise, "pt-BR", "Português")]
    out = dubbed(rich_film, sounds, tmp_path / f"out{suffix}")
    dub, second, own, comment = audio_streams(out)
    french = "fre" if suffix == ".mkv" else "fra"
    assert [dub[1], second[1], own[1], comment[1]] == ["swe", "por", "eng", french]
    assert [dub[2], second[2], own[2], comment[2]] == ["Svenska", "Português", "Original", ""]
    assert "default" in dub[3]
    assert all("default" not in other[3] for other in (second, own, comment))
    assert suffix == ".mov" or ("dub" in dub[3] and "comment" in comment[3])
    assert packets(out, own[0]) == packets(rich_film, 1)
    assert packets(out, comment[0]) == packets(rich_film, 2)
    assert packets(out, 0) == packets(tmp_path / "picture.mp4", 0)
    assert frame_starts(out) == frame_starts(rich_film)
    assert read_comment(out) == _MARK


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_subtitles_chapters_timecode_and_tags_are_kept(
    rich_film: Path, noise: Path, tmp_path: Path, suffix: str
) -> None:
    out = dubbed(rich_film, [DubSound(noise)], tmp_path / f"out{suffix}")
    with av.open(str(out)) as container:
        (subtitles,) = container.streams.subtitles
        cues = [
            packet.pts * packet.time_base
            for packet in container.demux(subtitles)
            if packet.pts is not None and packet.time_base and packet.size > 2
        ]
        assert cues == [Fraction(1, 2), Fraction(6, 5)]
        assert language_of(subtitles) == ("ger" if suffix == ".mkv" else "deu")
        chapters = read_chapters(container)
        assert [(each.start, each.end, each.title) for each in chapters] == [
            (0, 1, "One"),
            (1, 2, "Two"),
        ]
        tags = container.metadata | container.streams.video[0].metadata
        tags = {name.lower(): text for name, text in tags.items()}
        assert (tags["timecode"], tags["title"], tags["artist"]) == (
            "01:00:00:00",
            "A film",
            "A director",
        )
        files = [each.metadata["filename"] for each in container.streams.attachments]
        assert files == (["font.ttf"] if suffix == ".mkv" else [])


def test_what_is_lost_is_known_before_any_work(
    rich_film: Path, studio_film: Path, tmp_path: Path
) -> None:
    rich, studio = probe_video(rich_film), probe_video(studio_film)
    assert delivery_losses(rich, tmp_path / "out.mkv") == ()
    (loss,) = delivery_losses(rich, tmp_path / "out.mp4")
    assert loss == "attachment track 1 (font.ttf): not copied, as MP4 cannot hold it."
    assert delivery_losses(studio, tmp_path / "out.mov") == ()
    with pytest.raises(BadInputError, match=r"\.mp4") as caught:
        delivery_losses(rich, tmp_path / "out.avi")
    assert caught.value.reason == Reason.BAD_CONFIGURATION


def test_quicktime_keeps_pcm_and_a_drop_frame_timecode(
    studio_film: Path, noise: Path, tmp_path: Path
) -> None:
    out = dubbed(studio_film, [DubSound(noise, "de")], tmp_path / "out.mov")
    dub, own = audio_streams(out)
    assert packets(out, own[0]) == packets(studio_film, 1)
    with av.open(str(out)) as container:
        assert [each.codec_context.name for each in container.streams.audio] == ["pcm_s24le"] * 2
        assert [each.channels for each in container.streams.audio] == [1, 6]
        assert container.streams.video[0].metadata["timecode"] == "00:59:58;00"
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)
    sound, reference = decoded(out, f"{dub[0]}"), decoded(noise, "0")
    assert np.abs(sound[: len(reference)] - reference).max() < 2**-15  # the WAV has 16 bits


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rate", ["25", "24000/1001"])
@pytest.mark.parametrize("picture_at", [0, 0.52])
def test_the_dub_starts_with_the_picture(
    make_film: Callable[..., Path],
    noise: Path,
    tmp_path: Path,
    suffix: str,
    rate: str,
    picture_at: float,
) -> None:
    film = make_film(
        "late.mkv",
        f"testsrc=s=96x64:r={rate}:d=2",
        _NOISE.format(seed=3),
        picture_at=picture_at,
        acodec="pcm_s16le",
    )
    out = dubbed(film, [DubSound(noise)], tmp_path / f"out{suffix}")
    before, info = probe_video(film), probe_video(out)
    assert info.start == before.start
    assert abs(info.start - Fraction(picture_at)) < Fraction(1, 25)
    dub, own = [index for index, *_ in audio_streams(out)]
    late, likeness = lag(decoded(out, f"{dub}", info.start), decoded(noise, "0"))
    assert (abs(late), likeness > 0.95) == (0, True)
    # The source's sound keeps its distance to the picture.
    late, likeness = lag(decoded(out, f"{own}", info.start), decoded(film, "1", before.start))
    assert (abs(late), likeness > 0.99) == (0, True)


@pytest.mark.parametrize("sound_at", [0, 0.3])
def test_transport_streams_keep_the_distance_of_sound_and_picture(
    make_film: Callable[..., Path], noise: Path, tmp_path: Path, sound_at: float
) -> None:
    film = make_film(
        "film.ts",
        "testsrc=s=96x64:r=24000/1001:d=2",
        _NOISE.format(seed=3),
        sound_at=sound_at,
        vcodec="mpeg2video",
        acodec="aac",
    )
    out = dubbed(film, [DubSound(noise)], tmp_path / "out.mp4")
    dub, own = [index for index, *_ in audio_streams(out)]
    assert frame_starts(out) == frame_starts(film)
    assert lag(decoded(out, f"{dub}", probe_video(out).start), decoded(noise, "0"))[0] == 0

    def first(path: Path, index: int) -> Fraction:
        with av.open(str(path)) as container:
            packets = container.demux(container.streams[index])
            return min(each.pts * each.time_base for each in packets if each.pts is not None)

    def distance(path: Path, index: int) -> Fraction:
        return first(path, index) - first(path, 0)

    assert abs(distance(out, own) - distance(film, 1)) <= Fraction(1, 1000)


@pytest.mark.parametrize(
    ("seconds", "suffix"), [(0.7, ".mp4"), (3.0, ".mp4"), (0.7, ".mov"), (3.0, ".mkv")]
)
def test_the_dub_is_as_long_as_the_picture(
    run_ffmpeg: RunFfmpeg, studio_film: Path, tmp_path: Path, seconds: float, suffix: str
) -> None:
    speech = run_ffmpeg(tmp_path / "s.wav", "-f", "lavfi", "-i", f"sine=500:d={seconds}")
    out = dubbed(studio_film, [DubSound(speech)], tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / "picture.mp4")) as container:
        expected = container.streams.video[0].frames * Fraction(1001, 30000)
    assert abs(len(decoded(out, "a:0")) - round(expected * _RATE)) <= (
        1024 if suffix == ".mp4" else 1
    )


def test_without_a_source_the_film_has_the_picture_and_the_dub_alone(
    rich_film: Path, noise: Path, tmp_path: Path
) -> None:
    picture, _, length = drawn(rich_film)
    out = tmp_path / "out.mp4"
    write_film(picture, [DubSound(noise)], None, out, length, _MARK)
    assert packets(out, 0) == packets(picture, 0)
    assert lag(decoded(out, "a:0"), decoded(noise, "0"))[0] == 0
    with av.open(str(out)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.metadata["comment"] == _MARK


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_writing_again_gives_the_same_bytes(
    studio_film: Path, noise: Path, tmp_path: Path, suffix: str
) -> None:
    one = dubbed(studio_film, [DubSound(noise, "de")], tmp_path / f"one{suffix}")
    two = dubbed(studio_film, [DubSound(noise, "de")], tmp_path / f"two{suffix}")
    assert one.read_bytes() == two.read_bytes()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {one.name, two.name, "film.mov", "picture.mp4", "dub.wav"}


def test_a_missing_sound_writes_nothing(studio_film: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        dubbed(studio_film, [DubSound(tmp_path / "none.wav")], tmp_path / "out.mp4")
    assert caught.value.reason == Reason.NOT_FOUND
    assert not (tmp_path / "out.mp4").exists()
