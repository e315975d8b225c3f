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
from tests.films.truth import FilmTruth, LineTruth

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class TitleFile:
    """A title specification, and where its film will be."""

    path: Path
    output: Path


def whole_title(film: BuiltFilm, folder: Path) -> TitleFile:
    """All lines, with the names of the script and a stem for each character."""
    return _title(film, folder, film.script, film.stems)


def unnamed_title(film: BuiltFilm, folder: Path) -> TitleFile:
    """All lines in one stem, without names."""
    return _title(film, folder, film.script_srt, film.dub)


def short_title(film: BuiltFilm, folder: Path, count: int) -> TitleFile:
    """`count` lines spread over the film; mouths keep moving on all others."""
    truth = film.truth
    every = len(truth.lines) / count
    chosen = [truth.lines[int((place + 0.5) * every)] for place in range(count)]
    names = {truth.name_of(line.person) for line in chosen}
    stems = {name: path for name, path in film.stems.items() if name in names}
    script = _script(truth, chosen, folder)
    return _title(film, folder, script, stems, {"keep_silent_mouths": True})


def changed_title(film: BuiltFilm, folder: Path, number: int) -> TitleFile:
    """The text and sound of one line are replaced by those of the speaker's next line."""
    sources = {number: _next_of(film.truth, number)}
    return _resounded(film, folder, sources)


def other_language(film: BuiltFilm, folder: Path) -> TitleFile:
    """Every line has the text and sound of its speaker's next line."""
    sources = {line.number: _next_of(film.truth, line.number) for line in film.truth.lines}
    return _resounded(film, folder, sources)


def other_member(film: BuiltFilm, folder: Path, cast: Mapping[str, str]) -> TitleFile:
    """The cast map assigns characters to members: id by character."""
    entries = [{"id": id, "characters": [character]} for character, id in cast.items()]
    return _title(film, folder, film.script, film.stems, cast=entries)


def _resounded(film: BuiltFilm, folder: Path, sources: Mapping[int, LineTruth]) -> TitleFile:
    truth = film.truth
    folder.mkdir(parents=True, exist_ok=True)
    stems = {}
    for name, path in film.stems.items():
        sound = _read(path)
        own = [line for line in truth.lines if truth.name_of(line.person) == name]
        changed = sound.copy()
        for line in own:
            if line.number in sources:
                _silence(changed, line)
        for line in own:
            if line.number in sources:
                placed(changed, _taken(sound, sources[line.number], line), line.sound.start)
        stems[name] = path
        if not np.array_equal(changed, sound):
            stems[name] = write_sound(folder / f"{name}.wav", changed)
    lines = [
        replace(line, text=sources[line.number].text) if line.number in sources else line
        for line in truth.lines
    ]
    return _title(film, folder, _script(truth, lines, folder), stems)


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
    dub: Path | Mapping[str, Path],
    options: Mapping[str, Any] | None = None,
    cast: list[dict[str, Any]] | None = None,
) -> TitleFile:
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "dubbed.mp4"
    sound = str(dub) if isinstance(dub, Path) else {name: str(path) for name, path in dub.items()}
    spec = {
        "id": folder.name,
        "film": str(film.film),
        "language": "en",
        "dub": sound,
        "music_and_effects": str(film.music_and_effects),
        "script": str(script),
        "output": str(output),
        **({"cast": cast} if cast else {}),
        **({"options": dict(options)} if options else {}),
    }
    path = folder / "title.json"
    path.write_text(json.dumps(spec, indent=1), encoding="utf-8")
    return TitleFile(path, output)
