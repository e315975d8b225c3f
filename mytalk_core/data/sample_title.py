"""A small title built from the sample clips: film, stems, music and effects, script, specification.

The story is in `sample_story.py`.
"""

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.sample_pictures import write_film
from mytalk_core.data.sample_story import FPS, LINES, SHOTS, Excerpt, StoryLine
from mytalk_core.data.samples import SampleClip
from mytalk_core.media.audio import pcm16, read_audio, wav_bytes
from mytalk_core.media.clock import sample_at
from mytalk_core.media.output import cannot_be_written, make_folder, work_folder

Sound = NDArray[np.float32]

FILES = ("film.mp4", "red.wav", "green.wav", "narrator.wav", "music_and_effects.wav", "script.vtt")
SPECIFICATION = "title.yaml"

_RATE = 48_000
_LEVEL = 10 ** (-24 / 20)  # RMS of voices
_FADE = Fraction(1, 50)  # seconds at the ends of an excerpt
_MUSIC_LEVEL = 10 ** (-40 / 20)  # RMS
_CHORDS = ((220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (196.0, 246.94, 293.66))  # Hz
_CHORD_SECONDS = 2.4

_TEXT = """\
# Built from the sample clips by `mytalk samples --title`. One man plays Red and Green.
id: demo
film: film.mp4
language: en
dub:                              # a stem for each character of the script
  Red: red.wav
  Green: green.wav
  Narrator: narrator.wav
music_and_effects: music_and_effects.wav
script: script.vtt
output: dubbed.mp4

cast:                             # one man has one voice, so the voice does not tell them apart
  - id: m1
    name: Red
  - id: m2
    name: Green
"""


def write_sample_title(folder: Path, clips: Sequence[SampleClip]) -> Path:
    """Write the sample title into a folder, over an earlier one, and return its specification.

    Equal clips give equal bytes, so the next dub of the title reuses what it knows.

    Args:
        clips: as `sample_footage` returns them.

    Raises:
        BadInputError: DECODE_ERROR where a clip cannot be read.
        OutputError: the folder cannot be written.
    """
    make_folder(folder)
    paths = {clip.name: clip.path for clip in clips}
    voices = {name: _voice(path) for name, path in paths.items()}
    length = sample_at(_start(len(SHOTS)), _RATE)
    music = _music(length)
    sounds = {"music_and_effects": music, "own": music + _said(voices, length)}
    for line in LINES:
        stem = sounds.setdefault(line.voice.lower(), np.zeros(length, np.float32))
        _place(stem, _cut(voices, line.sound), _start(line.shot) + line.start)
    with work_folder(folder / SPECIFICATION) as made:
        try:
            for name, sound in sounds.items():
                (made / f"{name}.wav").write_bytes(wav_bytes(pcm16(sound), _RATE))
            write_film(SHOTS, paths, made / "own.wav", made, made / "film.mp4")
            (made / "script.vtt").write_text(script(LINES), encoding="utf-8")
            (made / SPECIFICATION).write_text(_TEXT, encoding="utf-8")
            for name in (*FILES, SPECIFICATION):
                os.replace(made / name, folder / name)
        except OSError as error:
            raise cannot_be_written(folder, error) from error
    return folder / SPECIFICATION


def script(lines: Sequence[StoryLine]) -> str:
    """Lines as WebVTT with voices."""
    cues = [
        f"{_clock(_start(line.shot) + line.start)} --> {_clock(_start(line.shot) + line.end)}\n"
        f"<v {line.voice}>{line.text}</v>\n"
        for line in lines
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _start(shot: int) -> Fraction:
    """The time of the first frame of a shot, seconds; of the number of shots: the film's end."""
    return sum(each.frames for each in SHOTS[:shot]) / FPS


def _clock(time: Fraction) -> str:
    milliseconds = round(time * 1000)
    return (
        f"00:{milliseconds // 60_000:02d}:{milliseconds // 1000 % 60:02d}.{milliseconds % 1000:03d}"
    )


def _voice(clip: Path) -> Sound:
    """The sound of a clip, with its voice at `_LEVEL`."""
    sound = read_audio(clip, _RATE)
    # Half of the sound is louder than the pauses.
    loud = np.abs(sound) >= np.median(np.abs(sound))
    return sound * np.float32(_LEVEL / np.sqrt(np.mean(sound[loud] ** 2)))


def _said(voices: Mapping[str, Sound], length: int) -> Sound:
    """What is said in the film itself."""
    sound = np.zeros(length, np.float32)
    for number, shot in enumerate(SHOTS):
        for excerpt, start in shot.said:
            _place(sound, _cut(voices, excerpt), _start(number) + start)
    return sound


def _cut(voices: Mapping[str, Sound], excerpt: Excerpt) -> Sound:
    """An excerpt of a clip, faded in and out."""
    first, end = (sample_at(time, _RATE) for time in (excerpt.start, excerpt.end))
    sound = voices[excerpt.clip][first:end].copy()
    ramp = np.linspace(0, 1, sample_at(_FADE, _RATE), dtype=np.float32)
    sound[: len(ramp)] *= ramp
    sound[-len(ramp) :] *= ramp[::-1]
    return sound


def _place(target: Sound, sound: Sound, start: Fraction) -> None:
    """Add a sound to another from a time on, in seconds; what is beyond the end is dropped."""
    first = sample_at(start, _RATE)
    target[first : first + len(sound)] += sound[: max(len(target) - first, 0)]


def _music(length: int) -> Sound:
    """Slow chords that rise and fall, (length,)."""
    time = np.arange(length) / _RATE
    number = (time / _CHORD_SECONDS).astype(int)
    envelope = np.sin(np.pi * (time / _CHORD_SECONDS - number)) ** 2
    tones = np.array(_CHORDS)[number % len(_CHORDS)]
    sound = envelope * np.sin(2 * np.pi * tones * time[:, None]).sum(axis=1)
    scaled: Sound = (sound * (_MUSIC_LEVEL / np.sqrt(np.mean(sound**2)))).astype(np.float32)
    return scaled
