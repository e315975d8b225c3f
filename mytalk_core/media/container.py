"""Open media files: local files only, with a typed error for each cause of failure."""

import stat
from pathlib import Path
from typing import cast

import av
import av.container
import av.error
import av.logging
from av.format import Flags

from mytalk_core.errors import BadInputError, Reason

# Only local files are opened, whatever a file refers to, so no network connection is made.
LOCAL_PROTOCOLS = "file,pipe"

# Containers and elementary streams that studios and data sets use, by FFmpeg's names. All others
# are refused before their demuxer runs: playlists and edit lists, which refer to other files (HLS,
# DASH, concat, SDP, IMF, image sequences); still images and animations; subtitles; plain text,
# which FFmpeg would play as ANSI art; game formats. QuickTime references to other files stay
# disabled, which is FFmpeg's default.
FORMATS = ",".join(
    (
        "mov,mp4,m4a,3gp,3g2,mj2",  # one demuxer of FFmpeg: QuickTime, MP4 and related formats
        "matroska,webm",
        "mpegts,mpegtsraw,mpeg",  # transport and program streams, DVD and broadcast
        "mxf,gxf,lxf,dv,dnxhd,dirac,vc1",  # cameras, editing systems, broadcast servers
        "avi,asf,asf_o,wtv,flv,live_flv,rm,nut,ivf,ogg,yuv4mpegpipe",
        "h261,h263,h264,hevc,vvc,m4v,mpegvideo,obu,av1",  # elementary video streams
        "wav,w64,aiff,caf,au,flac,ape,wv,tta,tak,mp3,aac,loas,ac3,eac3,dts,dtshd,truehd,mlp,amr",
        "amrnb,amrwb,gsm,mpc,mpc8,nistsphere,spdif",  # nistsphere: speech corpora
    )
)

# Decoders refuse larger pictures regardless of the stated size: 8K UHD (7680x4320) and DCI 8K
# (8192x4320) pass, 8192x8192 does not.
MOST_PIXELS = 36_000_000

# A file that starts like this, or has such an element early on, refers to other files.
_HEAD_BYTES = 4096
_PLAYLIST_STARTS = (b"#extm3u", b"ffconcat version", b"[playlist]", b"#!avisynth")
_PLAYLIST_PARTS = (b"<mpd", b"<smil", b"<asx", b"<smoothstreamingmedia", b"<compositionplaylist")
_SESSION_START, _SESSION_MEDIA = b"v=0", b"\nm="  # session descriptions (RFC 8866)


def check_readable(path: Path) -> None:
    """Check that `path` is a regular, readable file with content.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE (a folder, a device, no permission) or EMPTY_FILE.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise BadInputError(
                f"is {kind}.",
                reason=Reason.UNREADABLE,
                where=str(path),
                remedy="Name a media file.",
            )
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise BadInputError(
            "no such file.", reason=Reason.NOT_FOUND, where=str(path), remedy="Check the path."
        ) from None
    except OSError as error:
        raise BadInputError(
            f"cannot be read: {error.strerror}.",
            reason=Reason.UNREADABLE,
            where=str(path),
            remedy="Check the path and its permissions.",
        ) from error
    if status.st_size == 0:
        raise BadInputError("the file is empty.", reason=Reason.EMPTY_FILE, where=str(path))


def file_url(path: Path) -> str:
    """Return the file's URL for FFmpeg, in which no name is parsed as option or protocol."""
    return f"file:{path.absolute()}"


def open_container(path: Path) -> av.container.InputContainer:
    """Open a media file; the caller closes it (it is a context manager).

    Raises:
        BadInputError: as `check_readable`; FORBIDDEN_FORMAT for a playlist or an edit list, whose
            targets are not opened; NOT_MEDIA where it is none of `FORMATS`.
    """
    return _open(path, {"max_pixels": str(MOST_PIXELS)})


def open_undecoded(path: Path) -> av.container.InputContainer:
    """As `open_container`, without any decoder: stream parameters are those of the headers."""
    return _open(path, {"codec_whitelist": "none"})


def _open(path: Path, options: dict[str, str]) -> av.container.InputContainer:
    check_readable(path)
    # torchvision routes FFmpeg's log to Python. A decoder thread that logs then waits for the GIL
    # while the thread that holds it waits for the decoder to close: a deadlock.
    av.logging.set_level(None)
    confined = {"protocol_whitelist": LOCAL_PROTOCOLS, "format_whitelist": FORMATS}
    try:
        return av.open(file_url(path), mode="r", options=confined | options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if _is_playlist(path):
            raise BadInputError(
                "is a playlist: it refers to other files or addresses, which are not opened.",
                reason=Reason.FORBIDDEN_FORMAT,
                where=str(path),
                remedy="Name the media files themselves.",
            ) from error
        raise BadInputError(
            "is not a media file that FFmpeg can read, or is damaged at its start.",
            reason=Reason.NOT_MEDIA,
            where=str(path),
            remedy="Check that it plays, or convert it to MP4 or WAV.",
        ) from error


def clock_may_jump(container: av.container.InputContainer) -> bool:
    """Return whether the format allows timestamp discontinuities (AVFMT_TS_DISCONT)."""
    return bool(container.format.flags & cast(int, Flags.ts_discont.value))


def _is_playlist(path: Path) -> bool:
    """Return whether the first lines of a file are those of a playlist or session description."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return (
        head.startswith(_PLAYLIST_STARTS)
        or any(part in head for part in _PLAYLIST_PARTS)
        or (head.startswith(_SESSION_START) and _SESSION_MEDIA in head)
    )
