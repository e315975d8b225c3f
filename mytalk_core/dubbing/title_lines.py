"""The lines of a title as they sound in the film, and who says them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mytalk_core.dubbing.film_sound import SOUND
from mytalk_core.dubbing.opened_title import Stem, Title
from mytalk_core.dubbing.passages import SpokenLine
from mytalk_core.dubbing.script_words import start_words
from mytalk_core.dubbing.spoken_sound import SpokenSound
from mytalk_core.dubbing.stage import Pending, Stage, StageContext
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.films.stored_array import StoredArray, store_array
from mytalk_core.media.clock import SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.speech.dub_lines import dub_lines
from mytalk_core.speech.fitting import FittedLine, fit_lines
from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.script import segments
from mytalk_core.speech.stretching import fitted_blocks
from mytalk_core.speech.transcript import UNKNOWN_LANGUAGE, Interval, Segment, Transcript
from mytalk_core.speech.voice_activity import voice_intervals


@dataclass(frozen=True)
class TranscribeRequest:
    """A stem whose words are wanted."""

    sound: StoredArray  # (N,) float32, 16 kHz mono
    language: str  # BCP 47; empty where unknown
    models: str  # digest of the recogniser


def transcribe(request: TranscribeRequest, context: StageContext) -> Transcript:
    """Recognise the words of a stem, with their times and its voice."""
    done = 0.0

    def advance(share: float) -> None:
        nonlocal done
        done += share
        context.progress("listening", round(100 * done), 100)

    return context.tools.recogniser.transcribe(
        np.array(request.sound.read()), (), advance, request.language
    )


TRANSCRIBE = Stage("transcribe", 2, TranscribeRequest, Transcript, transcribe, background=True)


@dataclass(frozen=True)
class VoiceRequest:
    """A stem whose voice is wanted."""

    sound: StoredArray  # (N,) float32, 16 kHz mono


def find_voice(request: VoiceRequest, context: StageContext) -> tuple[Interval, ...]:
    """Detect when a stem has voice, in seconds, by start."""
    return voice_intervals(np.array(request.sound.read()))


VOICE = Stage("voice", 1, VoiceRequest, tuple[Interval, ...], find_voice)


@dataclass(frozen=True)
class FitRequest:
    """A stem and the lines that are fitted in it."""

    sound: StoredArray  # (N,) float32, 16 kHz mono
    lines: tuple[FittedLine, ...]
    length: int  # samples of the film


def fit_stem(request: FitRequest, context: StageContext) -> StoredArray:
    """The fitted stem, (M,) float32, 16 kHz mono, as long as the film: what lips follow."""
    samples = request.sound.read()[None]
    blocks = fitted_blocks(samples, SPEECH_SAMPLE_RATE, request.lines, request.length)
    return store_array(context.folder / "fitted", (block[0] for block in blocks))


FIT = Stage("fit", 1, FitRequest, StoredArray, fit_stem)


@dataclass(frozen=True)
class TitleLines:
    """The lines of a title."""

    words: Mapping[str, Pending[Transcript]]  # by stem, of those with voice
    # By stem. They have voice only, until `with_words` has waited for the rest.
    transcripts: Mapping[str, Transcript]
    lines: tuple[DubLine, ...]  # by start of their slots
    fitted: tuple[FittedLine, ...]  # of each line
    spoken: tuple[SpokenLine, ...]  # of each line that has sound, as it sounds in the film
    sounds: Mapping[str, SpokenSound]  # by stem


@dataclass(frozen=True)
class StartedStem:
    """A stem that is being listened to."""

    stem: Stem
    sound: StoredArray
    voice: Pending[tuple[Interval, ...]]
    transcript: Pending[Transcript] | None  # None where a script gives its words


def start_listening(context: TitleContext, title: Title) -> tuple[StartedStem, ...]:
    """Begin to find the voice of all stems, and to recognise their words if no script gives them.

    Raises:
        BadInputError: as `read_sound`.
    """
    runner = context.runner
    sounds = [runner.start(SOUND, stem.sound) for stem in title.stems]
    models = context.digest("speech_encoder")
    started = []
    for stem, pending in zip(title.stems, sounds, strict=True):
        sound = pending.result()
        voice = runner.start(VOICE, VoiceRequest(sound))
        request = TranscribeRequest(sound, title.language, models)
        transcript = None if title.script else runner.start(TRANSCRIBE, request)
        started.append(StartedStem(stem, sound, voice, transcript))
    return tuple(started)


def title_lines(
    context: TitleContext, title: Title, stems: Sequence[StartedStem], film: Interval
) -> TitleLines:
    """The lines of a title, fitted.

    Without a script a line is an interval with voice. The times of words, which only the report
    needs, need not be known yet.

    Args:
        film: seconds of the whole film.
    """
    transcripts = {each.stem.name: _voiced(each.voice.result()) for each in stems}
    words = _started_words(context, title, stems)
    lines = tuple(
        line
        for line in dub_lines(title.script, transcripts)
        if title.span is None or _overlap(line.slot, title.span)
    )
    voice = {name: transcript.voice for name, transcript in transcripts.items()}
    fitted = fit_lines(lines, film.end, context.config.fit, voice)
    spoken = tuple(
        _spoken(line, each, each.sound, voice[line.stem])
        for line, each in zip(lines, fitted, strict=True)
        if each.sound is not None
    )
    return TitleLines(
        words,
        transcripts,
        lines,
        fitted,
        spoken,
        _fitted_sounds(context, stems, fitted, spoken, film),
    )


def with_words(lines: TitleLines) -> TitleLines:
    """The same lines with the words that were recognised."""
    recognised = {stem: words.result() for stem, words in lines.words.items()}
    transcripts = {**lines.transcripts, **recognised}
    # The lines of a script keep their texts; they may share a slot. Others have none yet.
    segments = {
        (stem, segment.start, segment.end, text): segment
        for stem, transcript in transcripts.items()
        for segment in transcript.segments
        for text in ("", segment.text)
    }
    described = tuple(
        replace(line, text=found.text, words=found.words)
        if (found := segments.get((line.stem, line.slot.start, line.slot.end, line.text)))
        else line
        for line in lines.lines
    )
    return replace(lines, transcripts=transcripts, lines=described)


def _started_words(
    context: TitleContext, title: Title, stems: Sequence[StartedStem]
) -> dict[str, Pending[Transcript]]:
    """The words of the stems with voice, as they are recognised or aligned."""
    script, models = segments(title.script), context.digest("speech_encoder")
    words: dict[str, Pending[Transcript]] = {}
    for each in stems:
        if each.transcript is not None:
            words[each.stem.name] = each.transcript
        elif voice := each.voice.result():
            words[each.stem.name] = start_words(
                context.runner, each.sound, script, voice, title.language, models
            )
    return words


def _voiced(voice: tuple[Interval, ...]) -> Transcript:
    """A transcript whose words are not known yet."""
    segments = tuple(Segment("", part.start, part.end) for part in voice)
    return Transcript(UNKNOWN_LANGUAGE, segments, voice, aligner="")


def _fitted_sounds(
    context: TitleContext,
    stems: Sequence[StartedStem],
    fitted: Sequence[FittedLine],
    spoken: Sequence[SpokenLine],
    film: Interval,
) -> Mapping[str, SpokenSound]:
    length = sample_at(film.end, SPEECH_SAMPLE_RATE)
    margin = float(context.config.passages.margin)
    stem_of = {line.number: line.stem for line in spoken}
    requests = (
        FitRequest(
            each.sound,
            tuple(line for line in fitted if stem_of.get(line.line) == each.stem.name),
            length,
        )
        for each in stems
    )
    return {
        each.stem.name: SpokenSound(
            sound, tuple(line for line in spoken if line.stem == each.stem.name), margin
        )
        for each, sound in zip(stems, context.made(FIT, requests), strict=True)
    }


def _spoken(
    line: DubLine, fitted: FittedLine, sound: Interval, voice: Sequence[Interval]
) -> SpokenLine:
    """When a line has voice in the film."""
    found = []
    for part in voice:
        start, end = max(part.start, sound.start), min(part.end, sound.end)
        if start < end:
            found.append(Interval(fitted.time_map.at(start), fitted.time_map.at(end)))
    return SpokenLine(line.number, line.stem, tuple(found))


def _overlap(one: Interval, other: Interval) -> bool:
    return one.start < other.end and other.start < one.end
