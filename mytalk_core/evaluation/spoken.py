"""Phones of the clips of an evaluation, from word files or speech recognition."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np

from mytalk_core.data.names import normal_name
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.evaluation.cases import MotionClip
from mytalk_core.evaluation.closure import OPEN_VOWELS
from mytalk_core.evaluation.tables import counted
from mytalk_core.media.clock import SPEECH_SAMPLE_RATE
from mytalk_core.speech.phones import BILABIALS, PhoneAligner
from mytalk_core.speech.recognition import Recogniser
from mytalk_core.speech.transcript import Segment
from mytalk_core.speech.word_files import WORD_FILES, read_words

_ENGLISH = "en"
# Between clips that are recognised together: shorter than the silence that ends a speech segment.
_PAUSE = np.zeros(SPEECH_SAMPLE_RATE // 2, np.float32)


@dataclass(frozen=True)
class SpokenClips:
    """Clips with their phones and the origin of these."""

    clips: tuple[MotionClip, ...]
    account: str  # for the report: sources and counts of words and phones


Speak = Callable[[Sequence[MotionClip]], SpokenClips]
"""Finds the phones of clips."""


@dataclass(frozen=True)
class WordFolder:
    """Words from files: `<speaker>/<source>.<ending>` or `<source>.<ending>` in a folder.

    `source` is the name of the footage that a clip was cut from, without its ending; endings are
    those of `WORD_FILES`. Times are those of the footage. Names are compared after `normal_name`,
    so that the file system's form of Unicode has no effect and no name leaves the folder.
    """

    folder: Path

    def __call__(self, clips: Sequence[MotionClip]) -> SpokenClips:
        """Return the clips with their phones; clips without a file have none.

        Raises:
            BadInputError: where the folder does not exist, no clip has a file, or a file is
                invalid.
        """
        named = self._files()
        files = {clip.key: _file_of(clip, named) for clip in clips}
        if not any(files.values()):
            raise BadInputError(
                "no clip has a word file in this folder.",
                reason=Reason.NOT_FOUND,
                where=str(self.folder),
                remedy=f"Name them SPEAKER/SOURCE or SOURCE, with {', '.join(WORD_FILES)}.",
            )

        def words(clip: MotionClip) -> tuple[Segment, ...]:
            file = files[clip.key]
            return _within(read_words(file), clip, clip.start) if file else ()

        return _spoken(clips, words, f"the word files in {self.folder.name}")

    def _files(self) -> dict[tuple[str, str], Path]:
        """Return word files by folder and file name without the ending; the first ending wins."""
        found: dict[tuple[str, str], Path] = {}
        for ending in reversed(WORD_FILES):
            for path in sorted(self.folder.glob(f"*{ending}")):
                found["", normal_name(path.stem)] = path
            for path in sorted(self.folder.glob(f"*/*{ending}")):
                found[normal_name(path.parent.name), normal_name(path.stem)] = path
        return {names: path for names, path in found.items() if path.is_file()}


@dataclass(frozen=True)
class Recognised:
    """Words as Whisper recognises them; speakers of other languages than English have none."""

    model_dir: Path

    def __call__(self, clips: Sequence[MotionClip]) -> SpokenClips:
        """Return the clips with their phones."""
        recogniser = Recogniser(self.model_dir)
        words: dict[str, tuple[Segment, ...]] = {}
        by_speaker: dict[str, list[MotionClip]] = defaultdict(list)
        for clip in clips:
            by_speaker[clip.speaker].append(clip)
        for own in by_speaker.values():
            # Whisper takes as long for one second as for thirty, so clips are concatenated.
            lengths = [len(clip.audio) + len(_PAUSE) for clip in own]
            starts = accumulate(lengths[:-1], initial=0)
            sound = np.concatenate([part for clip in own for part in (clip.audio, _PAUSE)])
            transcript = recogniser.transcribe(sound)
            if transcript.language == _ENGLISH:
                for clip, first in zip(own, starts, strict=True):
                    start = Fraction(first, SPEECH_SAMPLE_RATE)
                    words[clip.key] = _within(transcript.segments, clip, start)
        return _spoken(clips, lambda clip: words.get(clip.key, ()), "Whisper's own recognition")


def _file_of(clip: MotionClip, named: Mapping[tuple[str, str], Path]) -> Path | None:
    stem = normal_name(Path(clip.source).stem)
    return named.get((normal_name(clip.speaker), stem)) or named.get(("", stem))


def _spoken(
    clips: Sequence[MotionClip], words: Callable[[MotionClip], tuple[Segment, ...]], whence: str
) -> SpokenClips:
    align = PhoneAligner()
    found, left_out, silent = [], 0, 0
    for clip in clips:
        said = align(clip.audio, words(clip))
        found.append(replace(clip, phones=said.phones))
        left_out += len(said.unaligned)
        silent += not said.phones
    names = [phone.name for clip in found for phone in clip.phones]
    account = (
        f"Words are from {whence}, their phones from pocketsphinx:"
        f" {sum(name in BILABIALS for name in names)} M, B and P and"
        f" {counted(sum(name in OPEN_VOWELS for name in names), 'open vowel')} in"
        f" {counted(len(clips) - silent, 'clip')};"
        f" {counted(left_out, 'word')} without phones, {counted(silent, 'clip')} without words."
    )
    return SpokenClips(tuple(found), account)


def _within(segments: Sequence[Segment], clip: MotionClip, start: Fraction) -> tuple[Segment, ...]:
    """Return the words of a recording within the clip that starts at its second `start`.

    A segment that crosses the clip's edge is split into its timed words. Times returned are
    relative to the clip.
    """
    end = start + Fraction(len(clip.audio), SPEECH_SAMPLE_RATE)
    pieces: list[Segment] = []
    for segment in segments:
        if start <= segment.start and segment.end <= end:
            pieces.append(segment)
        else:
            pieces += [
                Segment(word.text, word.start, word.end)
                for word in segment.words
                if word.start is not None and word.end is not None
                if start <= word.start and word.end <= end
            ]
    return tuple(piece.later(-start) for piece in pieces)
