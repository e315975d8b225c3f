"""Fitting of 48 lines: lengths, what the changes are made of, and the sound of stretched lines.

    python tests/benchmarks/line_fitting.py [PICTURE]

Two characters speak in turn: sentences of the GRID corpus beside the clone, half of them with a
pause of 0.3 s, in slots that are up to 30 % shorter or longer than the sentence, with gaps of 0 to
1 s between slots. Prints tables, in which `left` is what is cut off or stays empty. `PICTURE`
receives spectrograms of three stretched lines.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
import torch
from matplotlib import pyplot
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torchaudio.functional import melscale_fbanks

from mytalk_core.errors import BadInputError
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import sample_at
from mytalk_core.speech.fitting import FittedLine, fit_lines
from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.stretching import fit_sound
from mytalk_core.speech.transcript import Interval, Word
from mytalk_core.speech.word_files import read_words

DATA = Path(__file__).parents[3] / "shared" / "data"
RATE = 48_000
LINES = 48
CHANGES = [Fraction(percent, 100) for percent in range(-30, 31, 5)]
GAPS = [Fraction(0), Fraction(1, 10), Fraction(2, 5), Fraction(1)]
MARGIN, PAUSE = Fraction(1, 10), Fraction(3, 10)
HOP, WINDOW, MELS = RATE // 100, RATE // 40, 80

Samples = NDArray[np.float32]


def sentences() -> Iterator[tuple[Samples, tuple[Word, ...]]]:
    """Yield sentences with a margin of sound around their words, from every speaker in turn."""
    speakers = [sorted(folder.glob("*.align")) for folder in sorted(DATA.glob("grid_align/*"))]
    for place in range(max(len(files) for files in speakers)):
        for file in (files[place] for files in speakers if place < len(files)):
            film = DATA / "grid" / file.parent.name / f"{file.stem}.mpg"
            with suppress(BadInputError):  # alignments without words, and missing clips
                words = [Word(each.text, each.start, each.end) for each in read_words(file)]
                begin = max(words[0].start - MARGIN, Fraction(0))
                sound = read_audio(film, RATE, begin, words[-1].end + MARGIN - begin)
                yield sound, tuple(moved(word, -begin) for word in words)


def moved(word: Word, by: Fraction) -> Word:
    return replace(word, start=word.start + by, end=word.end + by)


def with_pause(sound: Samples, words: Sequence[Word]) -> tuple[Samples, tuple[Word, ...]]:
    """Insert a pause after the third word: the quiet margin of the sentence, over and over."""
    at = sample_at(words[2].end, RATE)
    quiet = sound[: sample_at(MARGIN / 2, RATE)]
    pause = np.resize(np.concatenate([quiet, quiet[::-1]]), sample_at(PAUSE, RATE))
    later = tuple(moved(word, PAUSE) for word in words[3:])
    return np.concatenate([sound[:at], pause, sound[at:]]), (*words[:3], *later)


def dub() -> tuple[list[DubLine], dict[str, Samples], Fraction]:
    """Return the lines, the stems by name and the end of the film in seconds."""
    lines: list[DubLine] = []
    time = Fraction(1)
    placed: list[tuple[str, Fraction, Samples]] = []
    settings = zip(cycle(CHANGES), cycle(GAPS), islice(sentences(), LINES), strict=False)
    for number, (change, gap, (sound, words)) in enumerate(settings, 1):
        if number // 2 % 2:
            sound, words = with_pause(sound, words)
        stem = ("anna", "bert")[number % 2]
        words = tuple(moved(word, time) for word in words)
        voice = Interval(words[0].start, words[-1].end)
        slot = Interval(voice.start, voice.start + voice.length * (1 + change))
        text = " ".join(word.text for word in words)
        lines.append(DubLine(number, text, slot, voice, words, stem))
        placed.append((stem, time, sound))
        time = slot.end + gap - MARGIN
    end = time + 3
    stems = {stem: np.zeros((1, sample_at(end, RATE)), np.float32) for stem in ("anna", "bert")}
    for stem, start, sound in placed:
        first = sample_at(start, RATE)
        stems[stem][0, first : first + len(sound)] += sound
    return lines, stems, end


def log_mel(sound: Samples) -> NDArray[np.float64]:
    """Return log-mel energies (T, 80) of samples (N,), 100 a second; row k is around k / 100 s."""
    padded = np.pad(sound, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), 2048)) ** 2
    bank = melscale_fbanks(1025, 60.0, 8000.0, MELS, RATE).to(torch.float64).numpy()
    return np.asarray(np.log(power @ bank + 1e-4))


def distance_and_offset(
    original: NDArray[np.float64], fitted: NDArray[np.float64], line: FittedLine
) -> tuple[float, int]:
    """Return the log-mel distance from the linear warp, and the offset in ms that has the least."""
    times = [Fraction(row, 100) for row in range(*rows(line.interval))]
    shown = fitted[[int(time * 100) for time in times]]
    loud = shown.mean(1) > np.quantile(shown.mean(1), 0.3)
    found = {}
    for offset in range(-40, 45, 5):
        sources = np.array(
            [float(line.time_map.inverse(time + Fraction(offset, 1000))) for time in times]
        )
        low = np.floor(sources * 100).astype(int)
        share = (sources * 100 - low)[:, None]
        warped = original[low] * (1 - share) + original[low + 1] * share
        found[offset] = float(np.abs(warped - shown)[loud].mean())
    return found[0], min(found, key=lambda offset: found[offset])


def rows(interval: Interval) -> tuple[int, int]:
    return int(interval.start * 100) + 3, int(interval.end * 100) - 3


def table_of_changes(lines: Sequence[DubLine], fitted: Sequence[FittedLine]) -> Table:
    table = Table(
        "slot", "lines", "to change, s", "pauses, %", "gap, %", "speech, %", "left, %", "speeds"
    )
    for change in CHANGES:
        chosen = [
            (line, each)
            for line, each in zip(lines, fitted, strict=True)
            if line.sound and line.slot.length == line.sound.length * (1 + change)
        ]
        if not chosen:
            continue
        needed = sum(abs(line.slot.length - line.sound.length) for line, _ in chosen)
        pauses = sum(abs(each.pauses) for _, each in chosen)
        gap = sum(each.gap for _, each in chosen)
        missing = sum(each.excess for _, each in chosen)
        if change > 0:
            missing = sum(line.slot.end - each.interval.end for line, each in chosen)
        speech = needed - pauses - gap - missing
        shares = [
            100 * float(part / needed) if needed else 0 for part in (pauses, gap, speech, missing)
        ]
        speeds = [float(each.speed) for _, each in chosen]
        table.add_row(
            f"{float(change):+.0%}",
            str(len(chosen)),
            f"{float(needed):.2f}",
            *(f"{share:.0f}" for share in shares),
            f"{min(speeds):.3f} to {max(speeds):.3f}",
        )
    return table


def draw(path: Path, sounds: Sequence[tuple[Samples, Samples, FittedLine]]) -> None:
    """Draw spectrograms of three lines before and after, with the ends and joins of the line."""
    figure, axes = pyplot.subplots(len(sounds), 2, figsize=(16, 4 * len(sounds)))
    for (before, after, line), pair in zip(sounds, axes, strict=True):
        for axis, sound, ends in ((pair[0], before, line.sound), (pair[1], after, line.interval)):
            begin = sample_at(ends.start - Fraction(1, 5), RATE)
            part = sound[begin : sample_at(ends.end + Fraction(1, 5), RATE)]
            quiet = np.random.default_rng(0).normal(0, 1e-5, len(part))
            axis.specgram(part + quiet, NFFT=512, Fs=RATE, noverlap=448)
            axis.set_ylim(0, 12_000)
            axis.set_title(f"line {line.line}: {line.text}")
        points = [point.target for point in line.time_map.points]
        for point in points:
            pair[1].axvline(float(point - line.interval.start) + 0.2, color="white", lw=0.5)
    figure.tight_layout()
    figure.savefig(path)


def main(arguments: Sequence[str]) -> None:
    """Print the tables."""
    lines, stems, end = dub()
    fitted = fit_lines(lines, end)
    sounds = {}
    for stem, samples in stems.items():
        own = [each for each, line in zip(fitted, lines, strict=True) if line.stem == stem]
        sounds[stem] = fit_sound(samples, RATE, own, samples.shape[1])
    console = Console(width=110)
    console.print(table_of_changes(lines, fitted))
    mels = {stem: (log_mel(stems[stem][0]), log_mel(sounds[stem][0])) for stem in stems}
    stretched = [(line, each) for line, each in zip(lines, fitted, strict=True) if each.speed != 1]
    found = [distance_and_offset(*mels[line.stem], each) for line, each in stretched]
    distances, offsets = zip(*found, strict=True)
    wrong = sum(
        sample_at(each.time_map.at(line.sound.end), RATE) != sample_at(each.interval.end, RATE)
        for line, each in zip(lines, fitted, strict=True)
        if line.sound and not each.excess
    )
    table = Table("measured", "")
    table.add_row(
        "lines; unchanged; stretched",
        f"{len(lines)}; {sum(each.time_map.is_identity for each in fitted)}; {len(stretched)}",
    )
    table.add_row("lines that do not fit", str(sum(each.excess > 0 for each in fitted)))
    table.add_row(
        "lines over the limit of 15 %",
        str(sum(not Fraction(17, 20) <= each.speed <= Fraction(23, 20) for each in fitted)),
    )
    table.add_row("lengths off by a sample or more", str(wrong))
    table.add_row("log-mel distance from the linear warp, mean", f"{np.mean(distances):.3f}")
    table.add_row(
        "offset of stretched lines, ms: mean, largest",
        f"{np.mean(offsets):.1f}, {max(offsets, key=abs)}",
    )
    console.print(table)
    if arguments:
        chosen = [stretched[0], stretched[len(stretched) // 2], stretched[-1]]
        draw(
            Path(arguments[0]),
            [(stems[line.stem][0], sounds[line.stem][0], each) for line, each in chosen],
        )


if __name__ == "__main__":
    main(sys.argv[1:])
