"""The sound of a finished title: the finished mix, or fitted lines with music and effects."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.film_sound import SoundRequest
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_lines import TitleLines
from mytalk_core.films.stored_array import store_array
from mytalk_core.media.clock import sample_at
from mytalk_core.media.mixing import Sound, mix, read_sound
from mytalk_core.media.probe import probe_audio
from mytalk_core.media.sound_track import SAMPLE_RATE, DubSound
from mytalk_core.speech.fitting import FittedLine
from mytalk_core.speech.stretching import fitted_blocks


@dataclass(frozen=True)
class FittedSound:
    """A stem with its lines as they are fitted."""

    sound: SoundRequest
    lines: tuple[FittedLine, ...]


@dataclass(frozen=True)
class MixRequest:
    """The sounds of a dub."""

    stems: tuple[FittedSound, ...]
    music_and_effects: SoundRequest | None
    layout: tuple[str, ...]  # positions of the channels, FFmpeg's names such as "FL"
    length: int  # samples of the film at 48 kHz


@dataclass(frozen=True)
class MixedSound:
    """A mix."""

    file: Path  # float WAV, 48 kHz
    peak: float  # largest sample; 1 is full scale
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class TitleSound:
    """The sounds of a title, the default one first."""

    sounds: tuple[DubSound, ...]
    warnings: tuple[str, ...] = ()


def mix_stems(request: MixRequest, context: StageContext) -> MixedSound:
    """Mix the fitted stems with music and effects.

    Raises:
        BadInputError: as `read_sound` and `mix`.
        OSError: where the disk is full.
    """
    fitted = [
        _fitted(stem, context.scratch / f"stem-{number}", request.length)
        for number, stem in enumerate(request.stems)
    ]
    background = None
    if (given := request.music_and_effects) is not None:
        background = read_sound(
            given.file.path, SAMPLE_RATE, context.scratch / "background", given.choice
        )
    file = context.folder / "mix.wav"
    made = mix(fitted, background, request.layout, SAMPLE_RATE, file, request.length)
    return MixedSound(file, made.peak, made.warnings)


def _fitted(stem: FittedSound, path: Path, length: int) -> Sound:
    read = read_sound(stem.sound.file.path, SAMPLE_RATE, path, stem.sound.choice)
    blocks = (
        _rows(block) for block in fitted_blocks(read.samples, SAMPLE_RATE, stem.lines, length)
    )
    stored = store_array(path.with_suffix(".fitted"), blocks)
    return Sound(stored.read().T, read.places, stem.sound.file.path.name)


def _rows(block: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(block.T)


MIX = Stage("mix", 1, MixRequest, MixedSound, mix_stems)


def title_sounds(
    context: TitleContext, title: Title, lines: TitleLines, end: Fraction
) -> TitleSound:
    """The sounds of a title.

    Args:
        end: of the film, seconds.

    Raises:
        BadInputError: as `mix_stems`.
    """
    name = f"{title.language} (dub)" if title.language and not title.replace_audio else ""
    if title.mix is not None:
        given = title.mix
        return TitleSound((DubSound(given.file.path, title.language, name, given.choice),))
    stems = tuple(
        FittedSound(
            stem.sound,
            tuple(
                fitted
                for line, fitted in zip(lines.lines, lines.fitted, strict=True)
                if line.stem == stem.name
            ),
        )
        for stem in title.stems
    )
    request = MixRequest(
        stems, title.music_and_effects, _layout(title), sample_at(end, SAMPLE_RATE)
    )
    mixed = context.runner.start(MIX, request).result()
    return TitleSound((DubSound(mixed.file, title.language, name),), mixed.warnings)


def _layout(title: Title) -> tuple[str, ...]:
    """The channels of the film's own sound; without one, those of the background or the stem."""
    film = title.film
    if film.info.has_audio:
        return _places(SoundRequest(film.file, film.choice))
    return _places(title.music_and_effects or title.stems[0].sound)


def _places(sound: SoundRequest) -> tuple[str, ...]:
    return tuple(probe_audio(sound.file.path, sound.choice).places)
