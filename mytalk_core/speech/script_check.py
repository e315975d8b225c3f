"""Compare what a dub says with its script: lines that are missing, extra or different."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from statistics import fmean

from mytalk_core.speech.character_names import without_accents
from mytalk_core.speech.lines import ScriptLine
from mytalk_core.speech.transcript import Interval, Transcript, Word, is_spaced
from mytalk_core.speech.word_times import fill_word_times, within


class LineState(StrEnum):
    """How a line was said."""

    SAID = "said"
    DIFFERENT = "different"  # other words than in the script
    MISSING = "missing"
    EXTRA = "extra"  # words that the script does not have


@dataclass(frozen=True)
class ScriptCheckConfig:
    """Limits between a line that is said, said differently and missing.

    Words are recognised with errors: a line counts as said where most of its letters agree.
    """

    # Similarity of letters, 0..1, from which a line is said.
    said: float = 0.75
    # Share of the letters of a line; with fewer recognised letters in its place it is missing.
    missing: float = 0.25
    # Seconds. Lines are compared in groups with pauses of this length between them: a line that is
    # said in the place of another group is missing there and extra here.
    pause: Fraction = Fraction(3)
    # Lines of a group; more are divided.
    group: int = 40
    # Seconds around a slot in which words may belong to its line.
    tolerance: Fraction = Fraction(1, 2)
    # Letters of extra words; fewer are taken for errors of the recogniser.
    extra_letters: int = 6


@dataclass(frozen=True)
class CheckedLine:
    """A line of the script, or words that it does not have."""

    state: LineState
    number: int | None  # of the line in the script; None of extra words
    interval: Interval  # seconds: its slot; of extra words, their sound
    text: str  # of the script; empty of extra words
    recognised: str  # words in its place; may be empty
    confidence: float  # 0..1, a rough measure of how sure the state is
    character: str = ""


def check_against(
    script: Sequence[ScriptLine], transcript: Transcript, config: ScriptCheckConfig | None = None
) -> tuple[CheckedLine, ...]:
    """Compare recognised words with a script; the result is sorted by time.

    Args:
        script: by start.
        transcript: recognised without the script.
    """
    config = config or ScriptCheckConfig()
    spaced = is_spaced(transcript.language)
    words = [word for segment in transcript.segments for word in fill_word_times(segment).words]
    words.sort(key=_middle)
    checked: list[CheckedLine] = []
    for lines, spoken in _groups(script, words, config):
        owners = _owners(lines, spoken, spaced, config)
        for index, line in enumerate(lines):
            own = [word for word, owner in zip(spoken, owners, strict=True) if owner == index]
            checked.append(_checked(line, own, transcript.voice, spaced, config))
        free = [word for word, owner in zip(spoken, owners, strict=True) if owner is None]
        checked.extend(_extra(free, spaced, config))
    return tuple(sorted(checked, key=lambda each: each.interval.start))


def check_to_json(checked: Sequence[CheckedLine]) -> list[dict[str, object]]:
    """Convert a check to JSON values, times in seconds."""
    return [
        {
            "state": line.state.value,
            "line": line.number,
            "start": float(line.interval.start),
            "end": float(line.interval.end),
            "character": line.character,
            "text": line.text,
            "recognised": line.recognised,
            "confidence": round(line.confidence, 3),
        }
        for line in checked
    ]


def _groups(
    script: Sequence[ScriptLine], words: Sequence[Word], config: ScriptCheckConfig
) -> Iterator[tuple[list[ScriptLine], list[Word]]]:
    """Yield lines that are compared together, with the words that are nearest to them."""
    groups: list[list[ScriptLine]] = []
    end = Fraction(0)
    for line in script:
        apart = line.slot.start - end >= config.pause
        if not groups or apart or len(groups[-1]) >= config.group:
            groups.append([])
        groups[-1].append(line)
        end = max(end, line.slot.end)
    borders = [
        (max(line.slot.end for line in before) + after[0].slot.start) / 2
        for before, after in pairwise(groups)
    ]
    place = 0
    for number, group in enumerate(groups):
        own = []
        while place < len(words) and (
            number == len(borders) or _middle(words[place]) < borders[number]
        ):
            own.append(words[place])
            place += 1
        yield group, own


def _owners(
    lines: Sequence[ScriptLine], words: Sequence[Word], spaced: bool, config: ScriptCheckConfig
) -> list[int | None]:
    """Return the line of each word: where its text says it, else where its time does."""
    wanted = _indexed([line.text for line in lines], spaced)
    given = _indexed([word.text for word in words], spaced)
    matcher = SequenceMatcher(
        None, [token for token, _ in wanted], [token for token, _ in given], autojunk=False
    )
    matched: dict[int, int] = {}
    for a, b, size in matcher.get_matching_blocks():
        for step in range(size):
            matched.setdefault(given[b + step][1], wanted[a + step][1])
    tokens = [set(_tokens(line.text, spaced)) for line in lines]
    owners: list[int | None] = []
    for index, word in enumerate(words):
        near = _by_time(word, lines, config)
        # Of lines with the same words, as in "Yes." - "Yes.", time decides.
        if near is not None and not tokens[near].isdisjoint(_tokens(word.text, spaced)):
            owners.append(near)
        else:
            owners.append(matched.get(index, near))
    return owners


def _indexed(texts: Sequence[str], spaced: bool) -> list[tuple[str, int]]:
    """Return the tokens of all texts, each with the index of its text."""
    return [(token, index) for index, text in enumerate(texts) for token in _tokens(text, spaced)]


def _by_time(word: Word, lines: Sequence[ScriptLine], config: ScriptCheckConfig) -> int | None:
    """Return the line whose slot is nearest to a word, within the tolerance."""
    middle = _middle(word)

    def distance(index: int) -> Fraction:
        slot = lines[index].slot
        return max(slot.start - middle, middle - slot.end, Fraction(0))

    nearest = min(range(len(lines)), key=distance)
    return nearest if distance(nearest) <= config.tolerance else None


def _checked(
    line: ScriptLine,
    words: Sequence[Word],
    voice: Sequence[Interval],
    spaced: bool,
    config: ScriptCheckConfig,
) -> CheckedLine:
    recognised = (" " if spaced else "").join(word.text for word in words)
    wanted, given = (" ".join(_tokens(text, spaced)) for text in (line.text, recognised))
    alike = SequenceMatcher(None, wanted, given, autojunk=False).ratio() if wanted else 1.0
    if alike >= config.said:
        state, confidence = LineState.SAID, alike
    elif len(given) < config.missing * len(wanted):
        voiced = float(sum(part.length for part in within(voice, line.slot)))
        state = LineState.MISSING
        confidence = 1 - 0.5 * min(voiced / float(line.slot.length), 1)
    else:
        state, confidence = LineState.DIFFERENT, _score(words) * min(2 * (1 - alike), 1)
    return CheckedLine(
        state, line.number, line.slot, line.text, recognised, confidence, line.character
    )


def _extra(words: Sequence[Word], spaced: bool, config: ScriptCheckConfig) -> Iterator[CheckedLine]:
    """Yield words without a line, those without a long pause between them together."""
    runs: list[list[Word]] = []
    for word in words:
        if not runs or _start(word) - _start(runs[-1][-1]) > config.pause / 2:
            runs.append([])
        runs[-1].append(word)
    for run in runs:
        text = (" " if spaced else "").join(word.text for word in run)
        if sum(map(len, _tokens(text, spaced))) >= config.extra_letters:
            sound = Interval(_start(run[0]), max(word.end or _start(word) for word in run))
            yield CheckedLine(LineState.EXTRA, None, sound, "", text, _score(run))


def _tokens(text: str, spaced: bool) -> list[str]:
    """Return the words of a text to compare, or its letters in languages without spaces."""
    plain = without_accents(text).casefold()
    letters = (letter if letter.isalnum() or letter.isspace() else "" for letter in plain)
    words = "".join(letters).split()
    return words if spaced else list("".join(words))


def _score(words: Sequence[Word]) -> float:
    scores = [word.score for word in words if word.score is not None]
    return fmean(scores) if scores else 0.5


def _start(word: Word) -> Fraction:
    return word.start or Fraction(0)


def _middle(word: Word) -> Fraction:
    return (_start(word) + (word.end or _start(word))) / 2
