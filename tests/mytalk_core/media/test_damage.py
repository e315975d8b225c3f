"""Damage in a film is concealed as players do, counted, and reported with its time."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.damage import DamagedStretch, DamageLog, damage_text
from mytalk_core.media.decode import iter_frames, iter_frames_at, iter_planes
from mytalk_core.media.probe import probe_video

RunFfmpeg = Callable[..., Path]
FPS, FRAMES, GOP = Fraction(25), 75, 25

_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-g", str(GOP))
_FILMS = {
    "film.mp4": (*_H264, "-bf", "2", "-movflags", "+faststart"),
    "film.mkv": _H264,
    "film.ts": _H264,
    "film.mpg": ("-c:v", "mpeg1video", "-q:v", "3", "-g", str(GOP)),
    "film.mov": ("-c:v", "prores_ks", "-movflags", "+faststart"),
}


@pytest.fixture(scope="module")
def clip(
    tmp_path_factory: pytest.TempPathFactory,
    run_ffmpeg: RunFfmpeg,
    sample_clips: dict[str, SampleClip],
) -> Path:
    """Three seconds of real footage."""
    out = tmp_path_factory.mktemp("clip") / "clip.mov"
    small = ("-vf", "scale=192:108,fps=25", "-frames:v", str(FRAMES), "-c:v", "ffv1", "-an")
    return run_ffmpeg(out.with_suffix(".mkv"), "-i", sample_clips["jwp_intro"].path, *small)


def holed(path: Path, start: float, share: float, byte: bytes = b"\0") -> Path:
    """Return a copy of a film with a hole; start and length are shares of its bytes."""
    content = bytearray(path.read_bytes())
    first, length = int(start * len(content)), int(share * len(content))
    content[first : first + length] = byte * length
    copy = path.with_stem(f"{path.stem}-{start}-{share}-{byte[0]}")
    copy.write_bytes(content)
    return copy


@pytest.mark.parametrize("byte", [b"\0", b"\xff"])
@pytest.mark.parametrize("name", _FILMS)
def test_decoding_continues_after_a_hole(
    clip: Path, run_ffmpeg: RunFfmpeg, tmp_path: Path, name: str, byte: bytes
) -> None:
    film = run_ffmpeg(tmp_path / name, "-i", clip, *_FILMS[name])
    clean = DamageLog()
    sound = [frame.image for frame in iter_frames(film, damage=clean)]
    assert clean.stretches == []
    broken = holed(film, 0.5, 0.06, byte)
    info, log = probe_video(broken), DamageLog()
    frames = list(iter_frames(broken, damage=log))
    assert 0 < log.frames < FRAMES / 2
    missing = sum(each.missing for each in log.stretches)
    assert len(frames) == FRAMES - missing == sum(1 for _ in iter_planes(broken))
    assert frames[-1].pts * info.time_base == (FRAMES - 1) / FPS  # nothing moves
    (stretch,) = log.stretches
    assert 0.9 < stretch.start < stretch.end <= 2.1
    differing = 0
    for frame in frames:
        at = frame.pts * info.time_base
        differing += not frame.damaged and (frame.image != sound[round(at * FPS)]).any()
        assert not frame.damaged or stretch.start <= at < stretch.end
    # A decoder may output a truncated picture without an error.
    assert differing <= 1, differing
    assert "damaged" in damage_text(tuple(log.stretches)) or missing


def test_repeated_frames_over_a_hole_are_flagged_as_damaged(
    clip: Path, run_ffmpeg: RunFfmpeg, tmp_path: Path
) -> None:
    film = run_ffmpeg(tmp_path / "film.mkv", "-i", clip, *_FILMS["film.mkv"])
    log, broken = DamageLog(), holed(film, 0.5, 0.06)
    held = {frame.pts for frame in iter_frames(broken, damage=log)}
    (stretch,) = log.stretches
    frames = list(iter_frames_at(broken, FPS))
    assert len(frames) == FRAMES > len(held)
    damaged = [frame.index for frame in frames if frame.damaged]
    assert damaged == list(range(round(stretch.start * FPS), round(stretch.end * FPS)))


def test_strict_decoding_refuses_damage(clip: Path, run_ffmpeg: RunFfmpeg, tmp_path: Path) -> None:
    for name in ("film.mp4", "film.mkv"):
        film = run_ffmpeg(tmp_path / name, "-i", clip, *_FILMS[name])
        assert sum(1 for _ in iter_frames(film, damage=DamageLog(strict=True))) == FRAMES
        seen = 0
        with pytest.raises(BadInputError) as caught:
            for _ in iter_frames(holed(film, 0.5, 0.06), damage=DamageLog(strict=True)):
                seen += 1
        assert caught.value.reason is Reason.DECODE_ERROR
        assert GOP - 5 < seen < FRAMES
        assert "decoding failed after" in str(caught.value)


@pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
def test_a_film_that_is_mostly_damaged_is_refused(
    clip: Path, run_ffmpeg: RunFfmpeg, tmp_path: Path, name: str
) -> None:
    film = run_ffmpeg(tmp_path / name, "-i", clip, *_FILMS[name])
    with pytest.raises(BadInputError) as caught:
        list(iter_frames(holed(film, 0.3, 0.69)))
    assert caught.value.reason is Reason.DECODE_ERROR
    assert "too much" in str(caught.value)


def test_nearby_stretches_are_merged() -> None:
    log = DamageLog()
    log.add(Fraction(1), Fraction(2), 3, 1)
    log.add(Fraction(5, 2), Fraction(3), 1, 0)
    log.add(Fraction(10), Fraction(11), 0, 25)
    assert log.stretches == [
        DamagedStretch(Fraction(1), Fraction(3), 4, 1),
        DamagedStretch(Fraction(10), Fraction(11), 0, 25),
    ]
    assert damage_text(tuple(log.stretches)) == (
        "the film has 4 damaged and 26 missing frames, shown as players show them"
        " (1.00 to 3.00 s, 10.00 to 11.00 s)"
    )
    assert damage_text(()) == ""
