"""Regression inputs, each made from a few seconds of a talking person.

The recipes reproduce films, transport streams and lists as cameras, broadcasters and spreadsheets
write them. Footage of any two people works.
"""

import csv
import subprocess
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from mytalk_core.data.samples import sample_footage as sample_clips

RunFfmpeg = Callable[..., Path]

SHARED = Path(__file__).parents[1] / "../shared/data"

FRAMES = 75  # per film, at 25 frames a second
CUT_FRAME = 37  # of `cut`: the first frame of the second person
PEOPLE = ("王伟", "Иван", "محمد")

_X264 = ("-c:v", "libx264", "-crf", "10")
_FINE = ("-c:v", "libx264", "-crf", "8")
_AAC = ("-c:a", "aac", "-b:a", "192k")
_PICTURE = (360, 288)  # pixels, width and height of the film


@dataclass(frozen=True)
class Footage:
    """The source footage; each file has video and audio of at least 3 s."""

    film: Path  # a person in 360x288 at 25 frames a second
    other: Path  # another person with the same framing
    speech: Path  # another sentence of the first person; only its audio is used
    large: Path  # a person at 720x576
    mouth: tuple[int, int]  # pixels, position of the mouth in `film`
    chin_line: int  # row of `film` between nose and mouth


class CaseInputs:
    """Creates the inputs in a folder on demand, each once."""

    def __init__(self, folder: Path, footage: Footage, run_ffmpeg: RunFfmpeg) -> None:
        self._folder = folder
        self.footage = footage
        self._run = run_ffmpeg

    def ff(self, out: Path, *arguments: object) -> Path:
        """Run the ffmpeg program and return `out`."""
        return self._run(out, *map(str, arguments))

    def made(self, name: str) -> Path:
        """Return the path of the input `name`, created if it does not exist."""
        path = self._folder / name
        if not path.exists():
            RECIPES[name](self, path)
        return path


def _film(inputs: CaseInputs, out: Path) -> Path:
    source = inputs.footage.film
    return inputs.ff(out, "-i", source, "-t", "3", *_X264, "-pix_fmt", "yuv420p", *_AAC)


def _short(inputs: CaseInputs, out: Path) -> Path:
    """The first second, for checks that need few frames."""
    return inputs.ff(out, "-i", inputs.made("A.mp4"), "-t", 1, *_X264, *_AAC)


def _speech(inputs: CaseInputs, out: Path) -> Path:
    return inputs.ff(out, "-i", inputs.footage.speech, "-t", "3", "-vn", "-ac", 1, "-ar", 44100)


def _cut(inputs: CaseInputs, out: Path) -> Path:
    """Two people with the same framing and a hard cut between them."""
    graph = (
        f"[0:v]trim=end_frame={CUT_FRAME},setpts=PTS-STARTPTS,setsar=1[a];"
        f"[1:v]trim=end_frame={FRAMES - CUT_FRAME},setpts=PTS-STARTPTS,setsar=1,"
        "format=yuv420p[b];[a][b]concat=n=2:v=1[v]"
    )
    films = ("-i", inputs.made("A.mp4"), "-i", inputs.footage.other)
    return inputs.ff(out, *films, "-filter_complex", graph, "-map", "[v]", "-r", 25, *_X264)


def _cut_first(inputs: CaseInputs, out: Path) -> Path:
    return inputs.ff(out, "-i", inputs.made("A.mp4"), "-frames:v", CUT_FRAME, "-an", *_X264)


def _filtered(
    graph: str, codec: tuple[str, ...], film: str = "A.mp4"
) -> Callable[[CaseInputs, Path], Path]:
    """Return a recipe that filters the film's picture."""

    def make(inputs: CaseInputs, out: Path) -> Path:
        return inputs.ff(out, "-i", inputs.made(film), "-vf", graph, *codec, "-c:a", "copy")

    return make


def _chin(inputs: CaseInputs, out: Path) -> Path:
    """A crop with the mouth outside the picture."""
    crop = f"crop={_PICTURE[0]}:{inputs.footage.chin_line // 2 * 2}:0:0"
    return _filtered(crop, _X264)(inputs, out)


def _names(inputs: CaseInputs, out: Path) -> Path:
    """Three people in folders with non-Latin names."""
    sources = (inputs.footage.film, inputs.footage.other, inputs.footage.speech)
    for person, source in zip(PEOPLE, sources, strict=True):
        folder = out / person
        folder.mkdir(parents=True)
        inputs.ff(folder / f"{source.stem}.mp4", "-i", source, "-t", 1.2, *_X264, *_AAC)
    return out


def _woven(inputs: CaseInputs, out: Path) -> Path:
    """Interlaced PAL, upper field first."""
    graph = (
        "minterpolate=fps=50:mi_mode=mci,scale=720:576,interlace=scan=tff:lowpass=off,setsar=16/15"
    )
    codec = ("-c:v", "mpeg2video", "-q:v", 2, "-flags", "+ildct+ilme", "-c:a", "mp2")
    return inputs.ff(out, "-i", inputs.made("A.mp4"), "-vf", graph, *codec, "-f", "dvd")


def _interlaced(inputs: CaseInputs, out: Path) -> Path:
    woven = inputs.made("woven.mpg")
    return inputs.ff(out, "-i", woven, *_X264, "-flags", "+ildct+ilme", "-c:a", "aac")


def _dv(inputs: CaseInputs, out: Path) -> Path:
    """A raw PAL DV stream; its demuxer states a wrong rate."""
    codec = ("-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-flags", "+ildct+ilme")
    sound = ("-c:a", "pcm_s16le", "-ar", 48000, "-ac", 2)
    graph = ("-vf", "fieldorder=bff")
    return inputs.ff(out, "-i", inputs.made("woven.mpg"), *graph, *codec, *sound, "-f", "dv")


def _mirror(inputs: CaseInputs, out: Path) -> Path:
    return inputs.ff(out, "-display_hflip", "-i", inputs.made("short.mp4"), "-c", "copy")


def _jump(seconds: int) -> Callable[[CaseInputs, Path], Path]:
    """Return a recipe of a transport stream whose clock jumps forward in the middle."""

    def make(inputs: CaseInputs, out: Path) -> Path:
        codec = ("-c:v", "mpeg2video", "-q:v", 2, "-g", 12, "-c:a", "mp2", "-b:a", "192k")
        stream = (*codec, "-muxdelay", 0, "-muxpreload", 0)
        film, begin, rest = (
            inputs.made("A.mp4"),
            out.with_suffix(".a.ts"),
            out.with_suffix(".b.ts"),
        )
        inputs.ff(begin, "-i", film, "-t", 1.52, *stream)
        inputs.ff(rest, "-ss", 1.52, "-i", film, *stream, "-output_ts_offset", seconds)
        out.write_bytes(begin.read_bytes() + rest.read_bytes())
        begin.unlink()
        rest.unlink()
        return out

    return make


def _square(inputs: CaseInputs, out: Path) -> Path:
    graph = "scale=720:576,setsar=1,pad=1024:576:(ow-iw)/2:0"
    return inputs.ff(out, "-i", inputs.footage.large, "-t", 1.4, "-vf", graph, *_FINE, *_AAC)


def _squeezed(graph: str) -> Callable[[CaseInputs, Path], Path]:
    def make(inputs: CaseInputs, out: Path) -> Path:
        film = inputs.made("square.mp4")
        return inputs.ff(out, "-i", film, "-vf", graph, *_FINE, "-c:a", "copy")

    return make


def _antiphase(inputs: CaseInputs, out: Path) -> Path:
    """A balanced line recorded as stereo."""
    speech = inputs.made("B.wav")
    return inputs.ff(out, "-i", speech, "-af", "pan=stereo|c0=c0|c1=-1*c0")


def _poly(inputs: CaseInputs, out: Path) -> Path:
    """Ten channels without positions, the voice on the third."""
    with wave.open(str(inputs.made("B.wav"))) as source:
        rate = source.getframerate()
        voice = np.frombuffer(source.readframes(source.getnframes()), "<i2")
    channels = np.zeros((len(voice), 10), "<i2")
    channels[:, 2] = voice
    with wave.open(str(out), "wb") as target:
        target.setnchannels(10)
        target.setsampwidth(2)
        target.setframerate(rate)
        target.writeframes(channels.tobytes())
    return out


def _list(rows: list[list[str]], delimiter: str, end: str) -> Callable[[CaseInputs, Path], Path]:
    """Return a recipe of a source list as a spreadsheet exports it."""

    def make(inputs: CaseInputs, out: Path) -> Path:
        inputs.made("A.mp4")
        with out.open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
        return out

    return make


def _burnt(inputs: CaseInputs, out: Path) -> Path:
    """A subtitle over the mouth."""
    x, y = inputs.footage.mouth
    font = ImageFont.truetype(get_data_path() + "/fonts/ttf/DejaVuSans-Bold.ttf", 26)
    picture = Image.new("RGBA", _PICTURE)
    style = {"anchor": "mm", "fill": "white", "stroke_width": 2, "stroke_fill": "black"}
    ImageDraw.Draw(picture).text((x, y), "BIN BLUE AT", font=font, **style)
    subtitle = out.with_suffix(".png")
    picture.save(subtitle)
    films = ("-i", inputs.made("A.mp4"), "-i", subtitle)
    return inputs.ff(
        out, *films, "-filter_complex", "overlay", *_FINE, "-pix_fmt", "yuv420p", "-c:a", "copy"
    )


def _alpha(inputs: CaseInputs, out: Path) -> Path:
    """ProRes 4444 with alpha."""
    disc = (
        f"color=white:s={_PICTURE[0]}x{_PICTURE[1]}:r=25,format=gray,"
        "geq='if(lt(hypot(X-180,Y-144),140),255,0)'"
    )
    graph = "[0:v][1:v]alphamerge=shortest=1,format=yuva444p10le"
    codec = ("-c:v", "prores_ks", "-profile:v", 4444, "-c:a", "pcm_s24le", "-t", 1)
    films = ("-i", inputs.made("A.mp4"), "-f", "lavfi", "-i", disc)
    return inputs.ff(out, *films, "-filter_complex", graph, *codec)


def _cover(inputs: CaseInputs, out: Path) -> Path:
    """A still picture as the first video stream, the film as the second."""
    film, cover = inputs.made("A.mp4"), out.with_suffix(".jpg")
    inputs.ff(cover, "-i", film, "-frames:v", 1)
    maps = ("-map", "1:v", "-map", "0:v", "-map", "0:a")
    return inputs.ff(out, "-i", film, "-i", cover, *maps, "-c", "copy")


def _tracks(inputs: CaseInputs, out: Path) -> Path:
    """A commentary track before the original audio, which is the default."""
    films = ("-i", inputs.made("A.mp4"), "-i", inputs.footage.other)
    maps = ("-map", "0:v", "-map", "1:a", "-map", "0:a", "-c:v", "copy", "-c:a", "aac")
    marks = ("-disposition:a:0", "comment", "-disposition:a:1", "default")
    return inputs.ff(out, *films, *maps, *marks)


RECIPES: dict[str, Callable[[CaseInputs, Path], Path]] = {
    "A.mp4": _film,
    "short.mp4": _short,
    "B.wav": _speech,
    "cut.mp4": _cut,
    "cutA.mp4": _cut_first,
    "upside.mp4": _filtered("hflip,vflip", _X264),
    "names": _names,
    "woven.mpg": _woven,
    "interlaced.mp4": _interlaced,
    "pal.dv": _dv,
    "mirror.mp4": _mirror,
    "jump30.ts": _jump(30),
    "jump3600.ts": _jump(3600),
    "square.mp4": _square,
    "anamorphic.mp4": _squeezed("scale=720:576:flags=lanczos,setsar=64/45"),
    "square404.mp4": _squeezed("scale=720:404:flags=lanczos,setsar=1"),
    "antiphase.wav": _antiphase,
    "poly10.wav": _poly,
    "chin.mp4": _chin,
    "blank_row.csv": _list([["source", "speaker"], ["A.mp4", "one"], ["", ""], []], ",", "\n"),
    "semicolon.csv": _list([["source", "speaker"], ["A.mp4", "one"]], ";", "\r\n"),
    "capitals.csv": _list([["Source", "Speaker"], ["A.mp4", "one"]], ",", "\n"),
    "burnt.mp4": _burnt,
    "alpha.mov": _alpha,
    "bw.mp4": _filtered("hue=s=0", _FINE, "short.mp4"),
    "cover.mov": _cover,
    "tracks.mkv": _tracks,
}


def corpus_footage(data: Path) -> Footage:
    """Return footage of two women of the GRID corpus in a folder of research footage."""
    return Footage(
        film=data / "grid/s4/bbae9n.mpg",
        other=data / "grid/s5/bbal2n.mpg",
        speech=data / "grid/s4/lwbsza.mpg",
        large=data / "grid_hq720/s4/bbwgza.mpg",
        mouth=(180, 224),
        chin_line=200,
    )


def sample_footage(folder: Path, intro: Path, movie: Path, run_ffmpeg: RunFfmpeg) -> Footage:
    """Return footage of the man in the sample clips; stretched he is another person.

    Args:
        folder: receives the clips in the corpus's size and rate.
        intro, movie: the sample clips.
    """
    lossless = ("-t", "3.2", "-c:v", "libx264", "-crf", "4", "-c:a", "aac", "-b:a", "192k")
    crop = "fps=25,crop=448:358:93:0"

    def made(name: str, source: Path, graph: str) -> Path:
        return run_ffmpeg(folder / name, "-i", source, "-vf", graph, *lossless)

    return Footage(
        film=made("film.mp4", intro, f"{crop},scale=360:288,setsar=1"),
        other=made("other.mp4", movie, "fps=25,scale=720:288,crop=360:288,setsar=1,hue=h=90"),
        # He begins to speak after a second, which is when `cut` ends his shot.
        speech=run_ffmpeg(folder / "speech.mp4", "-ss", 1, "-i", movie, *lossless),
        large=made("large.mp4", intro, f"{crop},scale=720:576,setsar=1"),
        mouth=(140, 177),
        chin_line=164,
    )


def run_program(out: Path, *arguments: str | Path) -> Path:
    """Run the ffmpeg program and return `out`; the fixture `run_ffmpeg` is this function."""
    program = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    subprocess.run([*program, *map(str, arguments), str(out)], check=True)
    return out


def footage_of_this_machine(folder: Path) -> Footage:
    """Return the corpus footage beside the clone if it exists, else the sample clips."""
    if SHARED.is_dir():
        return corpus_footage(SHARED)
    clips = {clip.name: clip.path for clip in sample_clips()}
    folder = folder / "footage"
    folder.mkdir()
    return sample_footage(folder, clips["jwp_intro"], clips["test_movie"], run_program)
