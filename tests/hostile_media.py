"""Files that broke, or could attack, programs that read footage; all are generated.

Every file comes with the status and reason that preprocessing must report.
"""

import gzip
import io
import os
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.data.manifest import Status
from mytalk_core.errors import Reason

# A local port without a listener; tests listen on another one to detect connections.
CLOSED_PORT = 9

RunFfmpeg = Callable[..., Path]

_VIDEO = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
_SOUND = ("-c:a", "aac")
_PATTERN = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2")
_TONE = ("-f", "lavfi", "-i", "sine=frequency=220:sample_rate=48000:duration=2")


@dataclass(frozen=True)
class HostileFile:
    """A file and its expected manifest row."""

    path: Path
    status: Status
    reason: Reason | None  # None for status ok
    description: str


def hostile_files(
    folder: Path, run_ffmpeg: RunFfmpeg, face: Path, port: int = CLOSED_PORT
) -> list[HostileFile]:
    """Create the files in `folder` from `face`, a film of one talking person.

    Its first 1.4 seconds show the face throughout and have audio. `run_ffmpeg` is the fixture.
    Playlists refer to addresses at the local `port`.
    """

    def made(name: str, *arguments: str | int | float | Path) -> Path:
        # Write to a plain name first: the program would parse some names as patterns or options.
        return run_ffmpeg(folder / f"made{Path(name).suffix}", *map(str, arguments)).rename(
            folder / name
        )

    good = made("good.mp4", "-i", face, "-t", 1.4, *_VIDEO, *_SOUND)
    return [
        _ok(good, "nothing is wrong with it"),
        *_names(folder, good),
        *_pictures(made, good),
        *_sounds(made, good),
        *_poor_in_faces(made, good),
        *_lacking(made, good),
        *_damaged(folder, made, good),
        *_oversized(folder, made, good),
        *_no_files(folder),
        *_playlists(folder, port),
        *_no_media(folder, made, good, port),
    ]


_Made = Callable[..., Path]


def _ok(path: Path, description: str) -> HostileFile:
    return HostileFile(path, Status.OK, None, description)


def _filtered(path: Path, reason: Reason, description: str) -> HostileFile:
    return HostileFile(path, Status.FILTERED, reason, description)


def _failed(path: Path, reason: Reason, description: str) -> HostileFile:
    return HostileFile(path, Status.FAILED, reason, description)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _names(folder: Path, good: Path) -> list[HostileFile]:
    """Return a good film under unusual names."""
    names = {
        "film.txt": "a film with a text file's suffix",
        "naïve 電影\nsecond line.mp4": "unicode and a newline in the name",
        "$(touch owned); `id` 'x' \"y\" & z.mp4": "the name is a shell command",
        "-i%03d[0-9]*?.mp4": "the name is an option and a pattern",
    }
    return [
        _ok(_written(folder / name, good.read_bytes()), description)
        for name, description in names.items()
    ]


def _pictures(made: _Made, good: Path) -> list[HostileFile]:
    """Return unusual but legal pictures."""
    select = "select='not(eq(mod(n,7),3))'"
    rotated = made("rotated.mp4", "-i", good, "-vf", "transpose=clock", *_VIDEO, *_SOUND)
    hevc = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
    fields = ("-vf", "setfield=tff", "-c:v", "mpeg2video", "-q:v", 3, "-flags", "+ildct+ilme")
    turned = made("turned.mp4", "-display_rotation", 90, "-i", rotated, "-c", "copy")
    rotated.unlink()
    return [
        _ok(
            made("vfr.mp4", "-i", good, "-vf", select, "-fps_mode", "vfr", *_VIDEO, *_SOUND),
            "variable frame rate",
        ),
        _ok(turned, "upright by its display matrix only"),
        _ok(
            made("odd.mkv", "-i", good, "-vf", "scale=359:287,format=yuv444p", *_SOUND),
            "odd width and height",
        ),
        _ok(
            made("ten_bits.mp4", "-i", good, *hevc, "-pix_fmt", "yuv420p10le", *_SOUND),
            "10-bit HEVC",
        ),
        _filtered(
            made("fields.mpg", "-i", good, *fields, "-c:a", "mp2"), Reason.INTERLACED, "interlaced"
        ),
        _ok(made("grey.mkv", "-i", good, "-pix_fmt", "gray", *_SOUND), "grey pictures"),
        _ok(
            made("wrapping.ts", "-i", good, *_VIDEO, *_SOUND, "-output_ts_offset", 95_441.2),
            "its 33-bit clock wraps in the middle",
        ),
        _ok(
            made("negative.nut", "-i", good, *_VIDEO, *_SOUND, "-output_ts_offset", -0.5),
            "timestamps start below zero",
        ),
    ]


def _sounds(made: _Made, good: Path) -> list[HostileFile]:
    """Return unusual but legal audio."""
    only_picture = ("-i", good, "-map", "0:v", "-map", "1:a", *_VIDEO, *_SOUND)
    return [
        _ok(made("six_channels.mp4", "-i", good, "-ac", 6, "-c:v", "copy", *_SOUND), "5.1"),
        _ok(
            made("telephone.mp4", "-i", good, "-ac", 1, "-ar", 8000, "-c:v", "copy", *_SOUND),
            "mono, 8 kHz",
        ),
        _ok(
            made("rate.mkv", "-i", good, "-ar", 24_000, "-c:v", "copy", "-c:a", "pcm_s24le"),
            "24 kHz, 24 bits",
        ),
        _ok(
            made("little_sound.mp4", *only_picture[:2], "-t", 0.3, "-i", good, *only_picture[2:]),
            "the audio ends long before the video",
        ),
        _ok(
            made(
                *("much_sound.mp4", *only_picture[:2], "-stream_loop", 3, "-i", good),
                *only_picture[2:],
            ),
            "the audio continues long after the video",
        ),
    ]


def _poor_in_faces(made: _Made, good: Path) -> list[HostileFile]:
    """Return valid films without usable faces."""
    small = "scale=146:110,pad=320:240:(ow-iw)/2:(oh-ih)/2"
    return [
        _filtered(
            made("pattern.mp4", *_PATTERN, *_TONE, *_VIDEO, *_SOUND), Reason.NO_FACE, "no face"
        ),
        _filtered(
            made("small.mp4", "-i", good, "-vf", small, *_VIDEO, "-crf", 10, *_SOUND),
            Reason.FACE_TOO_SMALL,
            "a face of forty pixels",
        ),
        _filtered(
            made("brief.mp4", "-i", good, "-t", 0.3, *_VIDEO, *_SOUND), Reason.TOO_SHORT, "0.3 s"
        ),
        _filtered(
            made("frame.mp4", "-i", good, "-frames:v", 1, *_VIDEO, *_SOUND),
            Reason.TOO_SHORT,
            "one frame",
        ),
    ]


def _lacking(made: _Made, good: Path) -> list[HostileFile]:
    """Return media that lack a required stream."""
    cover = ("-f", "lavfi", "-i", "color=s=64x64:r=1:d=1", "-disposition:v", "attached_pic")
    voice = made("voice.wav", "-i", good, "-vn")
    return [
        _failed(
            made("silent.mp4", "-i", good, "-an", "-c", "copy"), Reason.NO_AUDIO_STREAM, "no audio"
        ),
        _failed(voice, Reason.NO_VIDEO_STREAM, "audio only"),
        _failed(
            _written(voice.with_suffix(".mp4"), voice.read_bytes()),
            Reason.NO_VIDEO_STREAM,
            "a WAV file with the suffix of a film",
        ),
        _failed(
            made("song.mp3", *_TONE, *cover, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
            Reason.NO_VIDEO_STREAM,
            "a song with a cover picture",
        ),
    ]


def _damaged(folder: Path, made: _Made, good: Path) -> list[HostileFile]:
    """Return media with lost or corrupted parts."""
    content = good.read_bytes()
    indexed = made("indexed.mp4", "-i", good, "-c", "copy", "-movflags", "+faststart")
    index_first = indexed.read_bytes()
    indexed.unlink()
    streamed = made("streamed.mkv", "-i", good, "-c", "copy")
    whole = streamed.read_bytes()
    middle = content.index(b"mdat") + (content.index(b"moov") - content.index(b"mdat")) // 2
    flipped = bytearray(content)
    flipped[middle : middle + 2000] = bytes(byte ^ 0xFF for byte in content[middle : middle + 2000])
    return [
        _failed(_written(folder / "empty.mp4", b""), Reason.EMPTY_FILE, "no bytes"),
        _failed(
            _written(folder / "cut.mp4", content[: content.index(b"moov") - 4]),
            Reason.NOT_MEDIA,
            "its index, which is at the end, is lost",
        ),
        _failed(
            _written(folder / "head.mp4", index_first[: index_first.index(b"mdat") + 4]),
            Reason.NO_FRAMES,
            "everything but its index is lost",
        ),
        _ok(
            _written(streamed, whole[: len(whole) * 4 // 5]),
            "truncated, in a format designed for it",
        ),
        HostileFile(
            _written(folder / "flipped.mp4", bytes(flipped)),
            Status.FILTERED,
            Reason.TOO_SHORT,
            "damaged in the middle up to the next keyframe; too little remains",
        ),
    ]


def _oversized(folder: Path, made: _Made, good: Path) -> list[HostileFile]:
    """Return files that exceed the limits or claim to."""
    huge = ("-f", "lavfi", "-i", "color=gray:s=8192x8192:r=1:d=2", "-c:v", "mjpeg", *_SOUND)
    large = made("huge.mov", *_TONE, *huge)
    false_size = bytearray(large.read_bytes())
    size = false_size.index(struct.pack(">HH", 8192, 8192), false_size.index(b"stsd"))
    false_size[size : size + 4] = struct.pack(">HH", 320, 240)
    stated = bytearray(made("stated.mkv", "-i", good, "-c", "copy").read_bytes())
    duration = stated.index(b"\x44\x89\x88") + 3  # EBML: Duration, of 8 bytes
    stated[duration : duration + 8] = struct.pack(">d", 1e6 * 3600 * 1000)
    return [
        _failed(large, Reason.OVER_LIMIT, "8192x8192"),
        _failed(
            _written(folder / "huge_inside.mov", bytes(false_size)),
            Reason.DECODE_ERROR,
            "8192x8192, stated as 320x240",
        ),
        _failed(
            made("streams.mp4", "-i", good, *("-map", "0:v") * 99, "-map", "0:a", "-c", "copy"),
            Reason.OVER_LIMIT,
            "100 streams",
        ),
        _failed(
            _written(folder / "stated.mkv", bytes(stated)),
            Reason.OVER_LIMIT,
            "states a duration of a million hours",
        ),
    ]


def _no_files(folder: Path) -> list[HostileFile]:
    """Return paths that are not readable regular files."""
    loop, nowhere, directory, pipe = (
        folder / f"{name}.mp4" for name in ("loop", "nowhere", "directory", "pipe")
    )
    loop.symlink_to(loop.name)
    nowhere.symlink_to("missing.mp4")
    directory.mkdir()
    os.mkfifo(pipe)
    found = [
        _failed(loop, Reason.UNREADABLE, "a link to itself"),
        _failed(nowhere, Reason.NOT_FOUND, "a dangling link"),
        _failed(directory, Reason.UNREADABLE, "an empty folder"),
        _failed(pipe, Reason.UNREADABLE, "a pipe without a writer"),
    ]
    if os.geteuid() != 0:  # permissions do not restrict root
        secret = _written(folder / "secret.mp4", b"secret")
        secret.chmod(0)
        found.append(_failed(secret, Reason.UNREADABLE, "no permission"))
    return found


def _playlists(folder: Path, port: int) -> list[HostileFile]:
    """Return texts that FFmpeg plays by opening other files and addresses."""
    address = f"http://127.0.0.1:{port}/part.ts"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT5S" profiles="urn:mpeg:dash:profile:isoff-main:2011">'
        f"<BaseURL>{address}</BaseURL>"
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        "</Representation></AdaptationSet></Period></MPD>\n"
    )
    session = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {} RTP/AVP 96"
    texts = {
        "list.m3u8": (hls.format(address), "an HLS playlist with a URL"),
        "list.mp4": (hls.format(address), "an HLS playlist with a film's suffix"),
        "local.m3u8": (hls.format("file:///etc/passwd"), "an HLS playlist with a local file"),
        "list.mpd": (dash, "a DASH manifest"),
        "list.ffconcat": (
            f"ffconcat version 1.0\nfile /etc/passwd\nfile {address}\n",
            "an FFmpeg concat script",
        ),
        "list.sdp": (session.format(port) + "\na=rtpmap:96 H264/90000\n", "a session description"),
    }
    return [
        _failed(_written(folder / name, text.encode()), Reason.FORBIDDEN_FORMAT, description)
        for name, (text, description) in texts.items()
    ]


def _no_media(folder: Path, made: _Made, good: Path, port: int) -> list[HostileFile]:
    """Return files that are no audio or video."""
    member = tarfile.TarInfo("film.mp4")
    member.size = 8 * 2**40
    tar = member.tobuf(tarfile.GNU_FORMAT) + bytes(10_240)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.mp4", bytes(50_000_000))
    svg = (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
        f'<image href="http://127.0.0.1:{port}/x.png" width="64" height="64"/></svg>'
    )
    contents = {
        "text.mp4": (b"This is not a film.\n" * 100, "a text with a film's suffix"),
        "bomb.tar": (tar, "a tar archive with a stated member of 8 TB"),
        "bomb.zip": (packed.getvalue(), "a zip archive of 50 MB of zeros"),
        "good.mp4.gz": (gzip.compress(good.read_bytes(), mtime=0), "a film in a gzip archive"),
        "paper.pdf": (b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\n%%EOF\n", "a PDF file"),
        "noise.mp4": (random.Random(0).randbytes(100_000), "random bytes"),
        "zeros.mp4": (bytes(100_000), "zeros"),
        "drawing.svg": (svg.encode(), "a drawing with an external image"),
    }
    pictures = {
        "picture%03d.png": (made("picture.png", *_PATTERN, "-frames:v", 1), "a still picture"),
        "moving.gif": (made("moving.gif", *_PATTERN, "-t", 1), "an animated picture"),
    }
    return [
        _failed(_written(folder / name, content), Reason.NOT_MEDIA, description)
        for name, (content, description) in contents.items()
    ] + [
        _failed(path.rename(folder / name), Reason.NOT_MEDIA, description)
        for name, (path, description) in pictures.items()
    ]
