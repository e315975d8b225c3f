"""Build the test films with known answers.

    python -m tests.films.build OUT [--tiny] [--samples] [--music DB] [--scenes N] [--repeat N]

Prints the paths of what was built. A film that stands is not built again.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe

from tests.films.drawing import film_pictures
from tests.films.layout import Canvas, Portrait
from tests.films.scripts import write_srt, write_vtt
from tests.films.sounds import Sound, music_and_effects, placed, write_sound
from tests.films.staging import Company, StagedFilm, staged_film
from tests.films.stories import FILM_ONE, TINY, Story
from tests.films.takes import SAMPLE_RATE, grid_takes, take_sound
from tests.films.truth import FilmTruth, read_truth, repeated, write_truth

_VERSION = 2  # increased whenever the same story gives another film
_SHARED = Path(__file__).parents[2] / "../shared/data"
_FPS = Fraction(24000, 1001)

_WIDE = Canvas(1280, 720)
_SMALL = Canvas(640, 360)

# Middle of the face (x, y) in footage of 360x288 pixels.
_GRID_FACES = {
    "s2": (172, 168),
    "s3": (186, 170),
    "s4": (168, 192),
    "s5": (184, 182),
    "s26": (160, 165),
    "s30": (190, 170),
    "s31": (184, 172),
    "s32": (180, 170),
    "s33": (174, 168),
}
_GRID_FACE = 135.0  # pixels, height


@dataclass(frozen=True)
class BuildOptions:
    """Variants of a film."""

    music_db: float | None = None  # music under the film's own voices, in dB against them
    scenes: int | None = None  # only so many from the start
    repeat: int = 1  # shown so many times in a row
    start_timecode: str | None = None  # such as "10:00:00:00"


@dataclass(frozen=True)
class BuiltFilm:
    """The files of a test film."""

    folder: Path
    film: Path
    dub: Path  # one stem, 48 kHz mono, timed to the picture
    stems: Mapping[str, Path]  # one by character, as long as the film
    music_and_effects: Path  # 48 kHz stereo
    script: Path  # WebVTT with voices
    script_srt: Path  # without voices
    truth: FilmTruth


def film_one(folder: Path, data: Path = _SHARED, options: BuildOptions | None = None) -> BuiltFilm:
    """Test film 1, built in a folder below `folder` unless it is there: 150 s, six people."""
    return _built(FILM_ONE, _grid_company(FILM_ONE, data), _WIDE, folder, options or BuildOptions())


def tiny_film(folder: Path, data: Path = _SHARED, options: BuildOptions | None = None) -> BuiltFilm:
    """A film of 13 s in 640x360 with two people, built as `film_one`."""
    return _built(TINY, _grid_company(TINY, data), _SMALL, folder, options or BuildOptions())


def _grid_company(story: Story, data: Path) -> Company:
    people = [*(person.id for person in story.people), *story.others]
    return Company(
        takes={person: grid_takes(data, person) for person in people},
        portraits={
            person: Portrait(*_GRID_FACES[person], _GRID_FACE, 360, 288) for person in people
        },
    )


def _built(
    story: Story, company: Company, canvas: Canvas, parent: Path, options: BuildOptions
) -> BuiltFilm:
    if options.scenes:
        story = replace(story, scenes=story.scenes[: options.scenes])
    folder = parent / f"{story.name}-{_digest(options)}"
    if not folder.exists():
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent) as made:
            film = staged_film(story, company, canvas, _FPS)
            _write(film, company, canvas, Path(made), options)
            shutil.copytree(made, folder.with_suffix(".part"), dirs_exist_ok=True)
        folder.with_suffix(".part").rename(folder)
    return _files(folder)


def _files(folder: Path) -> BuiltFilm:
    return BuiltFilm(
        folder=folder,
        film=folder / "film.mp4",
        dub=folder / "dub.wav",
        stems={path.stem: path for path in sorted((folder / "stems").iterdir())},
        music_and_effects=folder / "music_and_effects.wav",
        script=folder / "script.vtt",
        script_srt=folder / "script.srt",
        truth=read_truth(folder / "truth.json"),
    )


def _digest(options: BuildOptions) -> str:
    """A short name of a variant; another version of the builder has others."""
    text = json.dumps([_VERSION, asdict(options)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _write(
    film: StagedFilm, company: Company, canvas: Canvas, folder: Path, options: BuildOptions
) -> None:
    truth, times = film.truth, options.repeat
    samples = round(truth.duration * SAMPLE_RATE)
    own = np.zeros(samples, np.float32)
    stems = {person.name: np.zeros(samples, np.float32) for person in truth.people}
    for line in film.lines:
        speed = truth.fps / line.take.fps
        placed(own, take_sound(line.take, speed), line.start / truth.fps)
        placed(stems[truth.name_of(line.truth.person)], line.dub.sound, line.truth.sound.start)
    music = music_and_effects(samples)
    (folder / "stems").mkdir()
    for name, stem in stems.items():
        write_sound(folder / "stems" / f"{name}.wav", stem, times)
    write_sound(folder / "dub.wav", sum(stems.values(), np.zeros_like(own)), times)
    write_sound(folder / "music_and_effects.wav", music * np.float32(0.4), times)
    _write_film(film, company, canvas, folder, _own_sound(own, music, options), options)
    answers = repeated(truth, times)
    write_vtt(folder / "script.vtt", answers)
    write_srt(folder / "script.srt", answers)
    write_truth(folder / "truth.json", answers)


def _own_sound(voices: Sound, music: Sound, options: BuildOptions) -> Sound:
    own = np.repeat(voices[:, None], 2, axis=1)
    if options.music_db is not None:
        own = own + music * np.float32(10 ** (options.music_db / 20))
    return own


def _write_film(
    film: StagedFilm,
    company: Company,
    canvas: Canvas,
    folder: Path,
    own: Sound,
    options: BuildOptions,
) -> None:
    rate = f"{film.truth.fps.numerator}/{film.truth.fps.denominator}"
    size = f"{canvas.width}x{canvas.height}"
    picture, sound, parts = (folder / name for name in ("picture.mp4", "own.wav", "parts.txt"))
    # x264 gives the same bytes for the same number of threads.
    encoder = subprocess.Popen(
        [
            *_program(),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", rate, "-i", "-"),
            *("-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd"),
            *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
            *("-c:v", "libx264", "-preset", "superfast", "-crf", "17", "-threads", "2"),
            *("-pix_fmt", "yuv420p", "-g", "48", "-bitexact", str(picture)),
        ],
        stdin=subprocess.PIPE,
    )
    assert encoder.stdin is not None  # it is a pipe
    for frame in film_pictures(film, canvas, company.portraits):
        encoder.stdin.write(memoryview(frame).cast("B"))
    encoder.stdin.close()
    assert encoder.wait() == 0
    write_sound(sound, own, options.repeat)
    parts.write_text(f"file '{picture}'\n" * options.repeat)
    timecode = ("-timecode", options.start_timecode) if options.start_timecode else ()
    command = [
        *(*_program(), "-f", "concat", "-safe", "0", "-i", str(parts), "-i", str(sound)),
        *("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-b:a", "192k"),
        *("-metadata:s:a:0", "language=eng", *timecode, "-bitexact", str(folder / "film.mp4")),
    ]
    subprocess.run(command, check=True)
    for path in (picture, sound, parts):
        path.unlink()


def _program() -> list[str]:
    return [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of the built films")
    parser.add_argument("--tiny", action="store_true", help="13 s, two people")
    parser.add_argument("--music", type=float, help="dB of music against the film's own voices")
    parser.add_argument("--scenes", type=int, help="only the first scenes")
    parser.add_argument("--repeat", type=int, default=1, help="the film several times in a row")
    parser.add_argument("--timecode", help="of the first frame, such as 10:00:00:00")
    given = parser.parse_args()
    options = BuildOptions(given.music, given.scenes, given.repeat, given.timecode)
    built = (tiny_film if given.tiny else film_one)(given.out, options=options)
    for path in sorted(built.folder.rglob("*.*")):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
