"""Accuracy of the copies of the sync expert on held-out speakers.

    python tests/benchmarks/sync_accuracy.py CURATED [WEIGHTS]

`CURATED`: output of `mytalk curate` with the splits val and test; `WEIGHTS`: a folder of copies,
default the shipped ones. The sound of every clip is shifted by 3 to 9 frames, early or late. Prints
for each copy the share of stretches, by length, whose offset is found within one frame, with 95 %
intervals (bootstrap over clips), and its scores of own sound and of another sentence's. For
preprocessing it compares the expert with loudness: offsets of single clips, and moved sources.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.model_store import pull
from mytalk_core.data.schema import ClipSample
from mytalk_core.data.shards import decode_sample
from mytalk_core.faces.landmark_scheme import SCHEMES
from mytalk_core.faces.shape import aperture
from mytalk_core.footage.source_sync import offset_curve, trusted_shift
from mytalk_core.media.audio import from_pcm16
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.loudness import loudness_dbfs, loudness_shift, opening_offset
from mytalk_core.speech.per_frame import speech_per_frame
from mytalk_core.sync.accuracy import within_tolerance
from mytalk_core.sync.clip import log_mel, sync_clip
from mytalk_core.sync.expert import SyncExpert, load_expert
from mytalk_core.sync.expert_file import ExpertConfig, Purpose, SoundInput, expert_path
from mytalk_core.sync.light_expert import LightExpert
from mytalk_core.sync.offsets import offset_distances, score
from mytalk_core.sync.score import embedded

FRAMES = (5, 10, 15, 25, 50, 75)
SHIFTS = (-8, -5, -3, 3, 5, 8)
POOLED = (1, 2, 3, 5, 10)

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A clip, and its sound shifted by a known number of frames."""

    sample: ClipSample
    audio: Array
    late: int
    moved: Array

    @property
    def frames(self) -> int:
        return self.sample.meta.frame_count


def moved_by(audio: Array, frames: int) -> Array:
    """Delay the sound by a number of frames; shift in silence and cut the rest."""
    if frames < 0:
        return audio[-frames * 640 :]
    return np.concatenate([np.zeros(frames * 640, np.float32), audio])


def cases(curated: Path, split: str) -> list[Case]:
    random = np.random.default_rng(0)
    found = []
    for members in iter_clips(clip_index(curated, split)):
        sample = decode_sample(members)
        late = int(random.integers(3, 10) * random.choice([-1, 1]))
        audio = from_pcm16(sample.audio)
        if sample.meta.frame_count >= max(FRAMES):
            found.append(Case(sample, audio, late, moved_by(audio, late)))
    return found


def sound_input(config: ExpertConfig, audio: Array, frames: int, encoder: SpeechEncoder) -> Array:
    """Return the sound input of an expert; features depend on their position, so re-encode."""
    if config.sound is SoundInput.SPEECH:
        return speech_per_frame(encoder.encode(audio), frames)
    return log_mel(audio, frames)


def interval(shares: Sequence[float]) -> str:
    """Format the mean over clips and its 95 % interval."""
    random = np.random.default_rng(0)
    draws = random.choice(shares, (2000, len(shares))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{np.mean(shares):.2f} ({low:.2f}-{high:.2f})"


def table_of(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == headings[0] else "right")
    return table


def by_length(
    title: str, expert: SyncExpert, groups: dict[str, list[Case]], encoder: SpeechEncoder
) -> Table:
    """Accuracy within one frame by the length of the stretch."""
    names = [f"{frames} frames" for frames in FRAMES]
    table = table_of(f"{title}: within one frame of 31, sound shifted", ["speakers", *names])
    for group, members in groups.items():
        shares: dict[int, list[float]] = defaultdict(list)
        for case in members:
            lips = sync_clip(case.sample, expert.config).lips
            sound = sound_input(expert.config, case.moved, case.frames, encoder)
            vectors = embedded(lips, sound, expert)
            for frames in FRAMES:
                windows = frames - expert.config.frames + 1
                if windows > 0:
                    correct = within_tolerance(*vectors, windows, case.late)
                    shares[frames].append(float(correct.mean()))
        cells = [interval(shares[frames]) if shares[frames] else "" for frames in FRAMES]
        table.add_row(f"{group} ({len(members)} clips)", *cells)
    return table


def whole_clips(
    experts: dict[Purpose, SyncExpert], members: list[Case], encoder: SpeechEncoder
) -> Table:
    """Scores of clips of three seconds with own sound, another sentence, and silence."""
    headings = ["copy", "within 1", "exactly 0", "distance", "confidence"]
    headings += ["other sentence", "silence", "separated"]
    table = table_of(f"whole clips of the test speakers, {len(members)} clips", headings)
    for purpose, expert in experts.items():
        own, other, silent = [], [], []
        for number, case in enumerate(members):
            lips = sync_clip(case.sample, expert.config).lips
            wrong = members[(number + 1) % len(members)].audio
            for kept, audio in ((own, case.audio), (other, wrong), (silent, 0 * case.audio)):
                sound = sound_input(expert.config, audio, case.frames, encoder)
                kept.append(score(offset_distances(*embedded(lips, sound, expert))))
        offsets = np.array([abs(each.offset) for each in own])
        confidence = [np.array([each.confidence for each in kept]) for kept in (own, other, silent)]
        separated = (confidence[0][:, None] > confidence[1]).mean()
        figures = [
            (offsets <= 1).mean(),
            (offsets == 0).mean(),
            np.mean([each.distance for each in own]),
            *(each.mean() for each in confidence),
            separated,
        ]
        table.add_row(purpose, *(f"{figure:.2f}" for figure in figures))
    return table


def beside_loudness(console: Console, light: LightExpert, groups: dict[str, list[Case]]) -> None:
    """Offsets of single clips in sync, by loudness and by the expert, and the time of each."""
    table = table_of(
        "single clips in sync", ["offset by", "speakers", "within 1", "exactly 0", "ms per clip"]
    )
    for group, members in groups.items():
        for name in ("loudness", "expert"):
            offsets, start = [], time.process_time()
            for case in members:
                if name == "expert":
                    lips = sync_clip(case.sample, ExpertConfig()).lips
                    offsets.append(score(offset_curve(lips, case.audio, light)).offset)
                else:
                    offsets.append(opening_offset(*_curves(case, 0))[0])
            spent = 1000 * (time.process_time() - start) / len(members)
            off = np.abs(offsets)
            right = f"{(off <= 1).mean():.2f}", f"{(off == 0).mean():.2f}"
            table.add_row(name, group, *right, f"{spent:.1f}")
    console.print(table)


def _curves(case: Case, late: int) -> tuple[Array, Array]:
    starts = np.arange(case.frames) / 25
    scheme = SCHEMES[case.sample.meta.scheme]
    sound = moved_by(case.audio, late)
    return aperture(case.sample.landmarks, scheme), loudness_dbfs(sound, starts, 0.04)


def sources(console: Console, light: LightExpert, members: list[Case], draws: int = 150) -> None:
    """Sources of some clips of one speaker: in sync, shifted, and with other sentences' sound."""
    headings = ["clips", "by", "in sync: moved", "corrected", "moved wrongly", "unrelated: moved"]
    table = table_of("sources of clips of three seconds of one speaker", headings)
    shifts = (0, *SHIFTS)
    lips = [sync_clip(case.sample, ExpertConfig()).lips for case in members]
    curves = {
        late: [
            offset_curve(own, moved_by(case.audio, late), light)
            for own, case in zip(lips, members, strict=True)
        ]
        for late in shifts
    }
    pairs = {late: [_curves(case, late) for case in members] for late in shifts}
    other_sound = [
        [offset_curve(own, members[(n + k) % len(members)].audio, light) for k in (1, 4, 7)]
        for n, own in enumerate(lips)
    ]
    speakers = defaultdict(list)
    for place, case in enumerate(members):
        speakers[case.sample.meta.speaker].append(place)
    for count in POOLED:
        random = np.random.default_rng(count)
        enough = [own for own in speakers.values() if len(own) >= count]
        drawn = [
            random.choice(enough[random.integers(len(enough))], count, replace=False)
            for _ in range(draws)
        ]
        lengths = [[members[place].frames for place in places] for places in drawn]

        def by_expert(late: int) -> NDArray[np.int64]:
            found = zip(drawn, lengths, strict=True)  # noqa: B023
            return np.array([trusted_shift([curves[late][p] for p in d], n) for d, n in found])

        def by_loudness(late: int) -> NDArray[np.int64]:
            return np.array([loudness_shift([pairs[late][p] for p in d]) for d in drawn])  # noqa: B023

        unrelated = [
            trusted_shift([other_sound[p][random.integers(3)] for p in places], known)
            for places, known in zip(drawn, lengths, strict=True)
        ]
        for name, measure in (("loudness", by_loudness), ("expert", by_expert)):
            found = {late: measure(late) for late in shifts}
            moved = (found[0] != 0).mean()
            errors = np.concatenate([found[late] - late for late in SHIFTS])
            acted = np.concatenate([found[late] != 0 for late in SHIFTS])
            corrected = (acted & (np.abs(errors) <= 1)).mean()
            wrong = (acted & (np.abs(errors) > 1)).mean()
            other = f"{np.mean(np.array(unrelated) != 0):.1%}" if name == "expert" else ""
            row = (f"{moved:.1%}", f"{corrected:.0%}", f"{wrong:.1%}", other)
            table.add_row(str(count), name, *row)
    console.print(table)


def main(curated: Path, weights: Path | None) -> None:
    """Print the tables."""
    console = Console(width=150)
    encoder = SpeechEncoder(pull("whisper-base"), threads=1)

    def file(purpose: Purpose) -> Path:
        return weights / expert_path(purpose).name if weights else expert_path(purpose)

    val, test = cases(curated, "val"), cases(curated, "test")
    groups = {"val": val, "test": test}
    speakers: dict[str, list[Case]] = defaultdict(list)
    for case in test:
        speakers[case.sample.meta.speaker].append(case)
    experts = {each: load_expert(each, file(each)) for each in Purpose if file(each).exists()}
    for purpose, expert in experts.items():
        console.print(by_length(purpose, expert, groups | speakers, encoder))
    console.print(whole_clips(experts, test, encoder))
    light = LightExpert(file(Purpose.PREPROCESSING))
    beside_loudness(console, light, groups)
    console.print("val:")
    sources(console, light, val)
    console.print("test:")
    sources(console, light, test)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)
