"""Speech without pictures, and the frames in which its phones close the lips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.splits import Split, SplitConfig, assign_split
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_per_frame
from mytalk_core.speech.phones import BILABIALS, Phone, PhoneAligner
from mytalk_core.speech.transcript import Segment
from mytalk_core.speech.word_files import WORD_FILES, read_words

_TEXT = ".txt"  # the words of a whole sound, without times
_PER_FRAME = 4  # parts of a frame; phones begin at hundredths of a second


@dataclass(frozen=True)
class LabelledSpeech:
    """Speech of T motion frames."""

    speech: NDArray[np.float16]  # (T, F) features
    shut: NDArray[np.float32]  # (T,) share of the frame in an M, B or P, 0..1
    known: NDArray[np.bool_]  # (T,) whether the phones of the whole frame are known


@dataclass(frozen=True)
class SpokenSound:
    """A sound and the file of its words, beside it and of the same name."""

    sound: Path
    words: Path


def spoken_sounds(folder: Path, split: Split = "train") -> list[SpokenSound]:
    """Return the sounds in `folder/SPEAKER/` that have words beside them, of one split.

    Speakers are split by the hash of the name, as those of footage that was not curated.

    Raises:
        BadInputError: NOT_FOUND: there are none.
    """
    found = [
        SpokenSound(sound, words)
        for speaker in sorted(folder.glob("*/"))
        if assign_split(speaker.name, "", frozenset(), SplitConfig()) == split
        for sound, words in _with_words(speaker)
    ]
    if not found:
        raise BadInputError(
            "no sound has a file with its words here.",
            reason=Reason.NOT_FOUND,
            where=str(folder),
            remedy="Name them SPEAKER/SOUND.wav and SPEAKER/SOUND.txt, or .json of `mytalk align`.",
        )
    return found


def _with_words(folder: Path) -> Iterator[tuple[Path, Path]]:
    endings = (*WORD_FILES, _TEXT)
    files = sorted(file for file in folder.iterdir() if file.is_file())
    for sound in files:
        if sound.suffix in endings:
            continue
        beside = [sound.with_suffix(ending) for ending in endings]
        words = next((file for file in beside if file in files), None)
        if words:
            yield sound, words


def labelled_speech(spoken: Sequence[SpokenSound], encoder: SpeechEncoder) -> list[LabelledSpeech]:
    """Find the phones of sounds and compute their features.

    Words that are not in the dictionary have no phones; where their file gives times for every
    word, the words around them have.

    Raises:
        BadInputError: a file cannot be read.
    """
    align = PhoneAligner()
    found = []
    for each in spoken:
        audio = read_audio(each.sound)
        phones = align(audio, _words(each.words, audio)).phones
        frames = len(audio) * int(MOTION_FPS) // SPEECH_SAMPLE_RATE
        shut, known = frames_of(phones, frames)
        features = speech_per_frame(encoder.encode(audio), frames).astype(np.float16)
        found.append(LabelledSpeech(features, shut, known))
    return found


def _words(path: Path, audio: NDArray[np.float32]) -> Sequence[Segment]:
    if path.suffix != _TEXT:
        return read_words(path)
    text = path.read_text(encoding="utf-8")
    return [Segment(text, Fraction(0), Fraction(len(audio), SPEECH_SAMPLE_RATE))]


def frames_of(
    phones: Sequence[Phone], frames: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return for each frame (T,) the share in an M, B or P, and whether its phones are known."""
    rate = _PER_FRAME * MOTION_FPS
    covered, lips = np.zeros((2, frames * _PER_FRAME), np.bool_)
    for phone in phones:
        part = slice(round(phone.start * rate), round(phone.end * rate))
        covered[part] = True
        lips[part] = phone.name in BILABIALS
    shut: NDArray[np.float32] = lips.reshape(frames, _PER_FRAME).mean(axis=1, dtype=np.float32)
    known: NDArray[np.bool_] = np.all(covered.reshape(frames, _PER_FRAME), axis=1)
    return shut, known
