"""A title of three seconds with two lines, and untrained networks that draw it quickly."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.opening import open_title
from mytalk_core.dubbing.title import DubResult, dub_title
from mytalk_core.dubbing.title_reader import read_title
from mytalk_core.media.audio import pcm16, read_audio, write_wav
from tests.cases import run_program
from tests.title_runs import Networks, context_of

_RATE = 16_000
_LINES = ((0.3, 1.1), (2.1, 2.9))  # seconds of the speech


@dataclass(frozen=True)
class SmallTitle:
    """The files of a title, and its networks."""

    film: Path
    speech: Path
    networks: Networks

    def specification(self, folder: Path, name: str = "title") -> Path:
        """Write a specification into a folder; its film will lie beside it."""
        path = folder / f"{name}.json"
        keys = {"film": str(self.film), "language": "en", "dub": str(self.speech)}
        path.write_text(json.dumps({"id": name, "output": f"{name}.mp4", **keys}))
        return path

    def command(self, specification: Path, work: Path) -> list[str]:
        """The arguments of `mytalk` that dub a specification."""
        models = self.networks.models
        weights = ["--motion", str(models.motion), "--renderer", str(models.renderer)]
        return ["--quiet", "dub", str(specification), "--work", str(work), *weights]

    def dubbed(self, specification: Path, work: Path) -> DubResult:
        """Dub a specification in this process."""
        artifacts, spec = Artifacts(work), read_title(specification, date.today())
        with artifacts.in_use():
            title = open_title(spec, artifacts)
            context = context_of(title, artifacts, self.networks)
            return dub_title(context, title, spec.output, Monitor())


def small_title(folder: Path, clip: Path, words: Path, networks: Networks) -> SmallTitle:
    """Write the files of a title.

    Args:
        folder: for the files; it exists.
        clip: a person who speaks; its second to fourth seconds are the film.
        words: a recording whose second to fourth seconds are the speech.
        networks: that draw it.
    """
    picture = ("-vf", "fps=25,scale=320:-2", "-frames:v", "75", "-t", "3")
    film = run_program(folder / "film.mp4", "-ss", "1", "-i", clip, *picture)
    spoken, stem = read_audio(words), np.zeros(3 * _RATE, np.float32)
    for start, end in _LINES:
        place = slice(round(start * _RATE), round(end * _RATE))
        stem[place] = spoken[_RATE + place.start : _RATE + place.stop]
    write_wav(folder / "speech.wav", pcm16(stem), _RATE)
    return SmallTitle(film, folder / "speech.wav", networks)


def stored_digests(work: Path) -> Mapping[str, str]:
    """The digest of every file of the artifacts in a store, but those of the digests of inputs."""
    return {
        str(path.relative_to(work)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in work.glob("*/??/*/**/*")
        if path.is_file() and path.relative_to(work).parts[0] != "digest"
    }
