"""What must hold for every dubbed film, read back from the finished file."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from fractions import Fraction
from pathlib import Path

from mytalk_core.errors import MytalkError, Reason
from mytalk_core.media.colour import LIMITED
from mytalk_core.media.probe import VideoInfo, probe_video, read_comment
from mytalk_core.media.timestamps import frame_starts


@dataclass(frozen=True)
class Check:
    """Something that must hold for every dub, and whether it did."""

    ok: bool
    text: str  # what was found, with its numbers


def check_film(
    info: VideoInfo,
    source: Sequence[Fraction],
    film: Path,
    outside_change: int,
    mark: str,
    rounding: Fraction = Fraction(0),
) -> dict[str, Check]:
    """Compare a dubbed film with its source.

    Args:
        info, source: the source film, and when its frames are shown, seconds.
        outside_change: largest change of a sample outside the masks before encoding.
        mark: the comment that the film must carry.
        rounding: seconds by which the container may move a timestamp.

    Raises:
        BadInputError: where the film cannot be read.
    """
    made, comment = probe_video(film), read_comment(film)
    starts = frame_starts(film)
    expected, frames = len(source), len(starts)
    return {
        "frame count": Check(frames == expected, f"{frames} frames, the source has {expected}"),
        "timestamps": _timestamps(starts, source, rounding),
        # Where the rate varies it is a mean, which containers compute differently.
        "frame rate": Check(
            made.fps == info.fps or not (made.steady and info.steady),
            f"{made.fps} frames/s, the source {info.fps}"
            + ("" if info.steady else "; it varies, the timestamps count"),
        ),
        "size": Check(
            (made.width, made.height, made.aperture) == (info.width, info.height, info.aperture),
            f"{_size(made)}, the source {_size(info)}",
        ),
        "outside the mask": Check(
            outside_change == 0,
            f"largest change of a sample before encoding: {outside_change}",
        ),
        # The chroma location is written, but cannot be read back.
        "colours": Check(
            made.layout.name == info.layout.name and _tags(made) == _tags(info),
            f"{made.layout.name}, tags {_tags(made)}; the source {info.layout.name}, {_tags(info)}",
        ),
        "marked as synthetic": Check(comment == mark, comment),
    }


def _size(info: VideoInfo) -> str:
    shown = info.aperture
    part = f" of which {shown.width} x {shown.height} are shown" if shown else ""
    return f"{info.width} x {info.height}{part}"


def _timestamps(made: Sequence[Fraction], source: Sequence[Fraction], rounding: Fraction) -> Check:
    """Whether every frame is shown when the source shows it, but for rounding."""
    off = [
        place
        for place, (ours, theirs) in enumerate(zip(made, source, strict=False))
        if abs(ours - theirs) > rounding
    ]
    if not off:
        return Check(len(made) == len(source), f"all {len(source)} are those of the source")
    first = off[0]
    return Check(
        False,
        f"{len(off)} differ, first that of frame {first}: {float(made[first]):.4f} s,"
        f" in the source {float(source[first]):.4f} s",
    )


def failed_checks(found: Mapping[str, Check], film: Path) -> MytalkError | None:
    """The error that a dub ends with where a check failed; None where all hold."""
    failed = [f"{name} ({check.text})" for name, check in found.items() if not check.ok]
    if not failed:
        return None
    return MytalkError(
        f"the dubbed film failed its own checks and was not kept: {'; '.join(failed)}.",
        reason=Reason.CHECK_FAILED,
        where=str(film),
        remedy="This is a bug in mytalk; please report it with what the film is.",
    )


def _tags(info: VideoInfo) -> str:
    """Matrix, primaries, transfer and range by their numbers in ITU-T H.273.

    A missing range means the limited one.
    """
    tags = replace(info.colour, range=info.colour.range or LIMITED)
    return "/".join(str(tag) for tag in astuple(tags))
