"""A title of three seconds with two lines, and untrained networks that draw it quickly."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mytalk_core.dubbing.models import NamedModels
from mytalk_core.media.audio import pcm16, read_audio, write_wav
from tests.cases import run_program

_RATE = 16_000
_LINES = ((0.3, 1.1), (2.1, 2.9))  # seconds of the speech


@dataclass(frozen=True)
class SmallTitle:
    """The files of a title."""

    film: Path
    speech: Path
    models: NamedModels

    def specification(self, folder: Path, name: str = "title") -> Path:
        """Write a specification into a folder; its film will lie beside it."""
        path = folder / f"{name}.json"
        keys = {"film": str(self.film), "language": "en", "dub": str(self.speech)}
        path.write_text(json.dumps({"id": name, "output": f"{name}.mp4", **keys}))
        return path

    def command(self, specification: Path, work: Path) -> list[str]:
        """The command line that dubs a specification."""
        weights = ["--motion", str(self.models.motion), "--renderer", str(self.models.renderer)]
        dub = ["--quiet", "dub", str(specification), "--work", str(work)]
        return [sys.executable, "-m", "jobs.app", *dub, *weights]


def small_title(folder: Path, clip: Path, words: Path, models: NamedModels) -> SmallTitle:
    """Write the files of a title.

    Args:
        folder: for the files; it exists.
        clip: a person who speaks; its second to fourth seconds are the film.
        words: a recording whose second to fourth seconds are the speech.
    """
    picture = ("-vf", "fps=25,scale=320:-2", "-frames:v", "75", "-t", "3")
    film = run_program(folder / "film.mp4", "-ss", "1", "-i", clip, *picture)
    spoken, stem = read_audio(words), np.zeros(3 * _RATE, np.float32)
    for start, end in _LINES:
        place = slice(round(start * _RATE), round(end * _RATE))
        stem[place] = spoken[_RATE + place.start : _RATE + place.stop]
    write_wav(folder / "speech.wav", pcm16(stem), _RATE)
    return SmallTitle(film, folder / "speech.wav", models)


def stored_digests(work: Path) -> Mapping[str, str]:
    """The digest of every file of the artifacts in a store, but those of the digests of inputs."""
    return {
        str(path.relative_to(work)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in work.glob("*/??/*/**/*")
        if path.is_file() and path.relative_to(work).parts[0] != "digest"
    }
