"""A title specification to fill in, with a comment on every key."""

import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mytalk_core.dubbing.title_schema import title_schema
from mytalk_core.media.container import open_container
from mytalk_core.media.probe import VideoInfo, probe_video
from mytalk_core.media.stream_choice import described
from mytalk_core.media.timecode import film_timecode

_WIDTH = 98
# What stands behind a key that is to be filled in; the others stand as comments.
_GIVEN = {"language": "", "dub": "dub.wav"}
_EXAMPLES: Mapping[str, Any] = {
    "output": "dubbed.mp4",
    "music_and_effects": "music_and_effects.wav",
    "mix": "mix.wav",
    "script": "script.vtt",
    "cast": [{"id": "m1", "name": "Anna", "characters": ["ANNA"]}],
    "consent": [
        {"member": "Anna", "who": "Anna Example", "reference": "contract 7", "until": "2027-12-31"}
    ],
    "require_consent": True,
    "range": {"start": 0, "end": 60},
}


@dataclass(frozen=True)
class FilmFacts:
    """What a person needs to know about a film to write its specification."""

    film: VideoInfo
    timecode: str  # of the first frame; empty where the film has none
    pictures: tuple[str, ...]  # tracks, from 1
    sounds: tuple[str, ...]  # tracks, from 1


def film_facts(path: Path) -> FilmFacts:
    """Read the headers of a film.

    Raises:
        BadInputError: as `probe_video`.
    """
    film = probe_video(path)
    start = film_timecode(path)
    with open_container(path) as container:
        pictures = tuple(described(stream) for stream in container.streams.video)
        sounds = tuple(described(stream) for stream in container.streams.audio)
    return FilmFacts(film, start.label if start else "", pictures, sounds)


def title_template(facts: FilmFacts, id: str, folder: Path) -> str:
    """A specification of a film to fill in, as YAML.

    Args:
        folder: that the specification will be in; its paths are relative to it.
    """
    film = Path(facts.film.path).resolve()
    given = {"id": id, "film": os.path.relpath(film, folder.resolve()), **_GIVEN}
    lines = [f"# {line}" for line in fact_lines(facts)]
    properties = title_schema()["properties"]
    for key, schema in properties.items():
        lines += ["", *_comment(schema.get("description", ""))]
        if key == "options":
            lines += _options(schema["properties"])
        elif key in given:
            lines += _yaml({key: given[key]}) if given[key] else [f"{key}:"]
        else:
            lines += [f"# {line}" for line in _yaml({key: _EXAMPLES[key]})]
    return "\n".join(lines) + "\n"


def fact_lines(facts: FilmFacts) -> list[str]:
    """What a film is, in a few lines of text."""
    film = facts.film
    lines = [
        f"{film.width} x {film.height} pixels, {film.fps} frames/s ({float(film.fps):.3f}), "
        f"{float(film.duration):.3f} s",
        f"start timecode: {facts.timecode or 'none; timecodes count from 00:00:00:00'}",
    ]
    lines += [f"video track {n}: {text}" for n, text in enumerate(facts.pictures, start=1)]
    lines += [f"audio track {n}: {text}" for n, text in enumerate(facts.sounds, start=1)]
    return lines if facts.sounds else [*lines, "no audio track"]


def _options(properties: Mapping[str, Any]) -> Iterator[str]:
    yield "options:"
    for key, schema in properties.items():
        yield from (f"  {line}" for line in _comment(schema["description"]))
        yield f"  {key}:"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]


def _yaml(value: Mapping[str, Any]) -> list[str]:
    text = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text.splitlines()
