import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, MytalkError, Reason
from mytalk_core.media.decode import PlaneFrame, iter_frames, iter_planes
from mytalk_core.media.encode import VideoWriter
from mytalk_core.media.pieces import PIECE_SUFFIX, PieceWriter, join_pieces
from mytalk_core.media.probe import probe_video
from mytalk_core.media.timestamps import frame_starts

_PQ = "colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
_DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"

# Borders of pieces: some of one frame, as a film of short shots has.
_BORDERS = (0, 1, 2, 9, 30)


def in_pieces(film: Path, folder: Path, borders: Sequence[int] = _BORDERS) -> list[Path]:
    """Encode the frames of a film in pieces, the last one first."""
    info, frames = probe_video(film), list(iter_planes(film))
    ends = [*(border for border in borders if border < len(frames)), len(frames)]
    made = []
    for first, end in reversed(list(pairwise(ends))):
        path = folder / f"{first}{PIECE_SUFFIX}"
        with PieceWriter(path, info) as writer:
            for frame in frames[first:end]:
                writer.write(frame)
        made.insert(0, path)
    return made


def joined(film: Path, folder: Path) -> tuple[Path, Path]:
    """Return a film encoded in pieces and joined, and encoded at once."""
    info = probe_video(film)
    whole, out = folder / "whole.mp4", folder / "joined.mp4"
    with VideoWriter(whole, info) as writer:
        for frame in iter_planes(film):
            writer.write(frame)
    join_pieces(in_pieces(film, folder), info, writer.duration, out)
    return out, whole


def equal(one: PlaneFrame, other: PlaneFrame) -> bool:
    ours, theirs = one.planes, other.planes
    return ours.tags == theirs.tags and all(
        np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("y", "u", "v")
    )


def durations(film: Path) -> tuple[int | None, int | None]:
    """Return the duration of the video stream and of its last displayed packet."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        return stream.duration, max(packets, key=lambda packet: packet.pts or 0).duration


@pytest.fixture
def varying(make_film: Callable[..., Path], remake: Callable[..., Path]) -> Path:
    steady = make_film("steady.mp4", "testsrc=s=96x64:r=25:d=4")
    return remake(steady, "varying.mp4", vf="select='lt(n,20)+not(mod(n,7))'", fps_mode="vfr")


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "60"])
@pytest.mark.parametrize("container", ["mp4", "mkv", "avi"])
def test_joined_pieces_are_the_film_encoded_at_once(
    make_film: Callable[..., Path], tmp_path: Path, rate: str, container: str
) -> None:
    film = make_film(f"film.{container}", f"testsrc=s=96x64:r={rate}:d=1.5")
    out, whole = joined(film, tmp_path)
    assert replace(probe_video(out), path="") == replace(probe_video(whole), path="")
    assert frame_starts(out) == frame_starts(whole) == frame_starts(film)
    assert durations(out) == durations(whole)


def test_variable_frame_rates_are_preserved(varying: Path, tmp_path: Path) -> None:
    out, whole = joined(varying, tmp_path)
    assert len(set(np.diff(frame_starts(varying)))) > 1
    assert frame_starts(out) == frame_starts(varying)
    assert durations(out) == durations(whole)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p12le"])
def test_every_frame_decodes_as_in_its_piece(
    make_film: Callable[..., Path], tmp_path: Path, pixel_format: str
) -> None:
    picture = "testsrc2=s=96x64:r=24000/1001:d=2,noise=alls=20:allf=t"
    film = make_film("film.mkv", picture, vcodec="ffv1", pix_fmt=pixel_format)
    pieces, out = in_pieces(film, tmp_path), tmp_path / "out.mp4"
    join_pieces(pieces, probe_video(film), Fraction(48 * 1001, 24000), out)
    expected = [frame for piece in pieces for frame in iter_planes(piece)]
    frames = list(iter_planes(out))
    assert len(frames) == len(expected) == 48
    assert all(equal(ours, theirs) for ours, theirs in zip(frames, expected, strict=True))
    for begin in (Fraction(1, 100), Fraction(1), Fraction(19, 10)):  # seeks over the joins
        found = next(iter_frames(out, begin=begin))
        same = [frame for frame in iter_frames(out) if frame.pts == found.pts]
        assert np.array_equal(found.image, same[0].image)


def test_decoding_timestamps_rise_and_precede_display(
    make_film: Callable[..., Path], tmp_path: Path
) -> None:
    film = make_film("film.mkv", vcodec="ffv1", pix_fmt="yuv444p12le")
    out, _ = joined(film, tmp_path)
    with av.open(str(out)) as container:
        times = [
            (packet.dts, packet.pts)
            for packet in container.demux(video=0)
            if packet.dts is not None and packet.pts is not None
        ]
    assert [dts for dts, _ in times] != [pts for _, pts in times]  # pictures are reordered
    assert all(before[0] < after[0] for before, after in pairwise(times))
    assert all(dts <= pts for dts, pts in times)


def test_pixel_aspect_odd_size_and_hdr_are_preserved(
    make_film: Callable[..., Path], tmp_path: Path
) -> None:
    film = make_film(
        "film.mp4",
        f"testsrc=s=96x64:r=25:d=1,format=yuv444p12le,setsar=4/3,setparams={_PQ}",
        vcodec="libx265",
        pix_fmt="yuv444p12le",
        **{"x265-params": f"master-display={_DISPLAY}:max-cll=1000,400"},
    )
    info = probe_video(joined(film, tmp_path)[0])
    before = probe_video(film)
    assert before.hdr.display is not None
    assert (info.pixel_aspect, info.hdr, info.colour) == (Fraction(4, 3), before.hdr, before.colour)
    with av.open(str(tmp_path / "joined.mp4")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_the_clean_aperture_is_preserved(make_film: Callable[..., Path], tmp_path: Path) -> None:
    film, out = make_film("film.mkv", "testsrc=s=97x65:r=25:d=1", vcodec="ffv1"), tmp_path / "o.mp4"
    info = probe_video(film, even=True)
    assert info.aperture is not None
    with PieceWriter(tmp_path / "piece.nut", info) as writer:
        for frame in iter_planes(film, even=True):
            writer.write(frame)
    join_pieces([tmp_path / "piece.nut"], info, writer.end, out)
    assert probe_video(out).aperture == info.aperture


def _encoded_on_one_processor(film: Path, out: Path) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with PieceWriter(out, probe_video(film)) as writer:
        for frame in iter_planes(film, threads=1):
            writer.write(frame)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p12le"])
def test_bytes_depend_on_neither_process_nor_processors(
    make_film: Callable[..., Path], tmp_path: Path, pixel_format: str
) -> None:
    picture = "testsrc2=s=320x240:r=25:d=1,noise=alls=20:allf=t"
    film = make_film("film.mkv", picture, vcodec="ffv1", pix_fmt=pixel_format)
    (here,) = in_pieces(film, tmp_path, borders=(0,))
    other = tmp_path / "other.nut"
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(_encoded_on_one_processor, film, other).result()
    assert here.read_bytes() == other.read_bytes()
    info = probe_video(film)
    for name in ("one.mp4", "two.mp4"):
        join_pieces([here], info, Fraction(1), tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_different_pictures_have_the_same_parameter_sets(
    sample_clips: dict[str, SampleClip], tmp_path: Path
) -> None:
    film = sample_clips["jwp_intro"].path
    info, frames = probe_video(film), list(islice(iter_planes(film), 18))
    random = np.random.default_rng(1)
    pieces = []
    for number, value in enumerate((None, 16, 255)):
        pieces.append(tmp_path / f"{number}.nut")
        with PieceWriter(pieces[-1], info) as writer:
            for frame in frames[number * 6 : number * 6 + 6]:
                planes = frame.planes
                if value is not None:
                    luma = random.integers(16, value + 1, planes.y.shape, np.uint8)
                    planes = replace(planes, y=luma)
                writer.write(replace(frame, planes=planes))
    join_pieces(pieces, info, writer.end, tmp_path / "out.mp4")
    assert len(frame_starts(tmp_path / "out.mp4")) == 18


def test_pieces_of_another_film_are_refused(make_film: Callable[..., Path], tmp_path: Path) -> None:
    small = in_pieces(make_film("film.mp4", "testsrc=s=96x64:r=25:d=1"), tmp_path)
    folder = tmp_path / "large"
    folder.mkdir()
    large = in_pieces(make_film("large.mp4", "testsrc=s=320x240:r=25:d=1"), folder)
    out, info = tmp_path / "out.mp4", probe_video(tmp_path / "film.mp4")
    with pytest.raises(MytalkError, match="parameter sets") as caught:
        join_pieces([small[0], large[1]], info, Fraction(1), out)
    assert caught.value.reason == Reason.INTERNAL
    assert not out.exists()
    for wrong in ([small[1], small[0]], [small[0], small[0]]):
        with pytest.raises(MytalkError, match="starts before the end"):
            join_pieces(wrong, info, Fraction(1), out)
    with pytest.raises(BadInputError) as missing:
        join_pieces([small[0], tmp_path / "gone.nut"], info, Fraction(1), out)
    assert missing.value.reason == Reason.NOT_FOUND
    assert not out.exists()


def test_a_failing_block_leaves_no_piece(make_film: Callable[..., Path], tmp_path: Path) -> None:
    info, out = probe_video(make_film("film.mp4")), tmp_path / "piece.nut"

    def encode() -> None:
        with PieceWriter(out, info) as writer:
            writer.write(next(iter_planes(tmp_path / "film.mp4")))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        encode()
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
