"""Titles of test film 1: as it is, with a changed line, in another language, with few lines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from tests.films.build import BuiltFilm
from tests.films.scripts import write_vtt
from tests.films.sounds import placed, write_sound
from tests.films.takes import SAMPLE_RATE
from tests.films.truth import FilmTruth, LineTruth, Said

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class TitleFile:
    """A title specification, and where its film will be."""

    path: Path
    output: Path


def whole_title(film: BuiltFilm, folder: Path) -> TitleFile:
    """All lines in one stem, with the names of the script."""
    return _title(film, folder, film.script, film.dub)


def unnamed_title(film: BuiltFilm, folder: Path) -> TitleFile:
    """All lines in one stem, without names."""
    return _title(film, folder, film.script_srt, film.dub)


def short_title(film: BuiltFilm, folder: Path, count: int) -> TitleFile:
    """`count` lines spread over the film; with fewer than all, other mouths keep moving."""
    return _resounded(film, folder, count, {})


def changed_title(film: BuiltFilm, folder: Path, count: int) -> TitleFile:
    """A short title; a visible line in its middle has the text and sound of the speaker's next."""
    half = _chosen(film.truth, count)[count // 2 :]
    number = next(line.number for line in half if line.said is Said.VISIBLE)
    return _resounded(film, folder, count, {number: _next_of(film.truth, number)})


def other_language(film: BuiltFilm, folder: Path, count: int) -> TitleFile:
    """A short title; every line has the text and sound of its speaker's next line."""
    lines = _chosen(film.truth, count)
    sources = {line.number: _next_of(film.truth, line.number) for line in lines}
    return _resounded(film, folder, count, sources)


def other_member(film: BuiltFilm, folder: Path, cast: Mapping[str, str]) -> TitleFile:
    """The cast map assigns characters to members: id by character."""
    entries = [{"id": id, "characters": [character]} for character, id in cast.items()]
    return _title(film, folder, film.script, film.dub, cast=entries)


def _chosen(truth: FilmTruth, count: int) -> list[LineTruth]:
    every = len(truth.lines) / count
    return [truth.lines[int((place + 0.5) * every)] for place in range(count)]


def _resounded(
    film: BuiltFilm, folder: Path, count: int, sources: Mapping[int, LineTruth]
) -> TitleFile:
    lines = film.truth.lines
    folder.mkdir(parents=True, exist_ok=True)
    sound = _read(film.dub)
    changed = sound.copy()
    for number in sources:
        _silence(changed, lines[number - 1])
    for number, source in sources.items():
        line = lines[number - 1]
        placed(changed, _taken(sound, source, line), line.sound.start)
    texts = [
        replace(line, text=sources[line.number].text) if line.number in sources else line
        for line in _chosen(film.truth, count)
    ]
    stem = write_sound(folder / "dub.wav", changed) if sources else film.dub
    options = None if count == len(lines) else {"keep_silent_mouths": True}
    return _title(film, folder, _script(film.truth, texts, folder), stem, options)


def _next_of(truth: FilmTruth, number: int) -> LineTruth:
    """The next line of the speaker of a line; after the last one the first."""
    line = truth.lines[number - 1]
    own = [each for each in truth.lines if each.person == line.person]
    return own[(own.index(line) + 1) % len(own)]


def _taken(sound: Sound, source: LineTruth, line: LineTruth) -> Sound:
    """The sound of a line, not longer than that of the one that it replaces."""
    first, end = _samples(source)
    return sound[first : min(end, first + _samples(line)[1] - _samples(line)[0])]


def _silence(sound: Sound, line: LineTruth) -> None:
    first, end = _samples(line)
    sound[first:end] = 0


def _samples(line: LineTruth) -> tuple[int, int]:
    return round(line.sound.start * SAMPLE_RATE), round(line.sound.end * SAMPLE_RATE)


def _read(path: Path) -> Sound:
    _, samples = wavfile.read(path)
    return samples.astype(np.float32) / 2**15


def _script(truth: FilmTruth, lines: list[LineTruth], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return write_vtt(folder / "script.vtt", replace(truth, lines=tuple(lines)))


def _title(
    film: BuiltFilm,
    folder: Path,
    script: Path,
    dub: Path,
    options: Mapping[str, Any] | None = None,
    cast: list[dict[str, Any]] | None = None,
) -> TitleFile:
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "dubbed.mp4"
    spec = {
        "id": folder.name,
        "film": str(film.film),
        "language": "en",
        "dub": str(dub),
        "music_and_effects": str(film.music_and_effects),
        "script": str(script),
        "output": str(output),
        **({"cast": cast} if cast else {}),
        **({"options": dict(options)} if options else {}),
    }
    path = folder / "title.json"
    path.write_text(json.dumps(spec, indent=1), encoding="utf-8")
    return TitleFile(path, output)
