"""Effect of synthetic speech with known phones on the linear estimate of lip motion.

    pip install --target SITE --no-deps openfacefx==0.24.0 hibari-tts==0.2.1
    PYTHONPATH=.:SITE python tests/benchmarks/motion_synthetic_phones.py CURATED [FILMS]

`CURATED`: output of `mytalk curate` on GRID, whose file names encode the sentences; the splits
train and val are used. `FILMS`: output of `mytalk preprocess` on people with other sentences.

hibari-tts (Apache-2.0) synthesises sentences with all English phones, pocketsphinx aligns the
phones, openfacefx (MIT) computes curves of 15 visemes, and a ridge regression fitted to the real
speakers maps these to lips. The result is added to the ridge regression of motion on speech with a
weight, or used for pre-training. Real clips have their own and one altered voice. Speech features
are reduced to 192 principal components, which lowers correlations by 0.008 and does not affect the
changes.

Prints opening correlation and lip distance (LMD) on held-out speakers: from phones alone; learned
from many and from few real speakers; in films; and on phones that only the synthetic voice has in
the fit. Controls: synthetic speech with phones displaced in time or with still lips, and a larger
ridge on real speech alone. Changes are relative to the first row, with standard errors over
speakers or phones.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

for _package in ("hibari", "openfacefx"):
    if find_spec(_package) is None:
        sys.exit(f"{_package} is not installed: see the first lines of {Path(__file__).name}.")

from openfacefx.visemes import phoneme_to_viseme

from mytalk_core.data.model_store import pull
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.shape import aperture_positions
from mytalk_core.motion.clip import MotionClip, VoicedClips, motion_clip
from mytalk_core.motion.model import windows
from mytalk_core.motion.motion_space import MotionSpace, MotionSpaceConfig
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.phones import PhoneAligner
from mytalk_core.speech.voices import VoiceConfig
from tests.benchmarks.phone_clips import (
    Rows,
    Spoken,
    film_clips,
    grid_clips,
    synthetic_clips,
    touched,
)
from tests.benchmarks.phone_regressions import (
    PHONES,
    Moments,
    Synthetic,
    curve_map,
    moments,
    mouth_curves,
    phone_indicators,
    real_map,
    speech_maps,
    total,
)

Score = tuple[float, float]  # aperture correlation, lip distance

FEW = (2, 4)  # real speakers
DRAWS = 6
REDUCED = 192
TESTED_FROM = 10  # clips of a training speaker that is tested
HELD_OUT_FROM = 400  # frames of a phone, and of its viseme's other phones, to be held out
SPEECH_CONTEXT = 3  # frames on either side


class Study:
    """All clips as rows of frames, and the scores of maps on them."""

    def __init__(
        self,
        train: Sequence[Spoken],
        val: Sequence[Spoken],
        films: Sequence[Spoken],
        synthetic: Sequence[Spoken],
    ) -> None:
        self.train, self.films, self.real = train, films, [*train, *val, *films]
        self._fit_spaces([clip.motion for clip in train if clip.motion])
        names = [clip.speaker for clip in train]
        self.speakers = sorted(set(names))
        many = {name for name in names if names.count(name) >= TESTED_FROM}
        self.tested = sorted(many | {clip.speaker for clip in val})
        self.speech = [self._speech(clip) for clip in self.real]
        self.curves = [mouth_curves(clip.phones, clip.frames) for clip in self.real]
        self.moments = {name: self.moments_of(name) for name in self.speakers}
        self.synthetic = self._synthetic(synthetic)

    def _fit_spaces(self, clips: Sequence[MotionClip]) -> None:
        speech = np.concatenate([clip.speech[0] for clip in clips]).astype(np.float32)
        self._mean, self._std = speech.mean(axis=0), speech.std(axis=0).clip(min=1e-3)
        _, vectors = np.linalg.eigh(np.corrcoef(speech.T))
        self._components = vectors[:, ::-1][:, :REDUCED].astype(np.float32)
        moved = np.concatenate([clip.displacement for clip in clips])
        self.space = MotionSpace(moved.shape[1], MotionSpaceConfig())
        self.space.fit((moved.T @ moved / len(moved)).astype(np.float64))

    def _speech(self, clip: Spoken) -> Rows:
        """Return windows of reduced speech, (V, T, D)."""
        rows = (clip.speech.astype(np.float32) - self._mean) / self._std @ self._components
        return windows(torch.from_numpy(rows), SPEECH_CONTEXT).numpy()

    def _motion(self, clip: Spoken) -> Rows:
        assert clip.motion
        return self.space.encode(torch.from_numpy(clip.motion.displacement)).numpy()

    def _synthetic(self, clips: Sequence[Spoken]) -> Synthetic:
        speech = [self._speech(clip) for clip in clips]
        own = [mouth_curves(clip.phones, clip.frames) for clip in clips]
        unknown = [np.zeros((clip.frames, len(self.space.std)), np.float32) for clip in clips]
        displaced = [np.roll(curves, len(curves) // 2, axis=0) for curves in own]
        still = [np.zeros_like(curves) for curves in own]
        return Synthetic(
            *(moments(speech, curves, unknown, 1.0) for curves in (own, displaced, still))
        )

    def moments_of(self, speaker: str, phone: str = "", curves: Sequence[Rows] = ()) -> Moments:
        """Return moments of a training speaker, or only of frames whose window has a phone."""
        own = [place for place, clip in enumerate(self.train) if clip.speaker == speaker]
        kept = [
            touched(self.real[place], phone, SPEECH_CONTEXT) if phone else slice(None)
            for place in own
        ]
        chosen = list(zip(own, kept, strict=True))
        return moments(
            [self.speech[place][:, frames] for place, frames in chosen],
            [(curves or self.curves)[place][frames] for place, frames in chosen],
            [self._motion(self.real[place])[frames] for place, frames in chosen],
            len(own) ** -0.5,
        )

    def others(self, speaker: str) -> Moments:
        """Return moments of all training speakers but one."""
        return total([self.moments[name] for name in self.speakers if name != speaker])

    def clips_of(self, speaker: str) -> list[int]:
        return [place for place, clip in enumerate(self.real) if clip.speaker == speaker]

    def lips(self, place: int, components: NDArray[np.float64]) -> tuple[Rows, Rows]:
        """Return lip distances (T,) of predicted motion, and predicted and true openings (2, T)."""
        motion = self.real[place].motion
        assert motion
        found = self.space.decode(torch.from_numpy(components.astype(np.float32))).numpy()
        points, truth = (
            (motion.rest + moved).reshape(len(moved), -1, 3)
            for moved in (found, motion.displacement)
        )
        lips = len(MESH478.lips)
        distance = np.linalg.norm((points - truth)[:, :lips, :2], axis=-1).mean(axis=1)
        upper, lower = aperture_positions(MESH478)
        opening = [
            (shape[:, lower, 1] - shape[:, upper, 1]).mean(axis=1) for shape in (points, truth)
        ]
        return distance, np.stack(opening)

    def score(self, speaker: str, weights: NDArray[np.float64], rows: Sequence[Rows]) -> Score:
        """Return means over a speaker's clips; `weights` apply to `rows`, (T, D) of every clip."""
        found = []
        for place in self.clips_of(speaker):
            distance, opening = self.lips(place, rows[place] @ weights)
            found.append((np.corrcoef(opening)[0, 1], distance.mean()))
        correlation, distance = np.mean(found, axis=0)
        return float(correlation), float(distance)

    def scores(self, speaker: str, maps: dict[str, NDArray[np.float64]]) -> dict[str, Score]:
        """Return the scores of several maps from speech in the recorded voice."""
        speech = [each[0] for each in self.speech]
        return {label: self.score(speaker, weights, speech) for label, weights in maps.items()}


def gain(found: NDArray[np.float64], base: NDArray[np.float64], digits: int) -> str:
    """Format the mean difference and its standard error."""
    change = found - base
    error = change.std(ddof=1) / len(change) ** 0.5
    return f"{change.mean():+.{digits}f} ± {error:.{digits}f}"


def table_of(title: str, cases: Sequence[dict[str, Score]]) -> Table:
    """Return a row of means over cases for every choice; changes are from the first row."""
    table = Table(title=title)
    for heading in ("learned from", "aperture r", "change", "LMD", "change "):
        table.add_column(heading, justify="right")
    first = np.array([next(iter(case.values())) for case in cases])
    for number, label in enumerate(cases[0]):
        each = np.array([case[label] for case in cases])
        r, distance = each.mean(axis=0)
        changes = [gain(each[:, k], first[:, k], 4 + k) if number else "" for k in range(2)]
        table.add_row(label, f"{r:.4f}", changes[0], f"{distance:.5f}", changes[1])
    return table


def phones_alone(study: Study) -> Table:
    """Evaluate the prediction of lips from phones without sound on held-out speakers."""
    indicators = [phone_indicators(clip.phones, clip.frames) for clip in study.real]
    by_indicator = {name: study.moments_of(name, "", indicators) for name in study.speakers}
    cases = []
    for speaker in study.tested:
        real = total([each for name, each in by_indicator.items() if name != speaker])
        curves = curve_map(study.others(speaker))
        cases.append(
            {
                "openfacefx curves": study.score(speaker, curves, study.curves),
                "phone indicators": study.score(speaker, curve_map(real), indicators),
            }
        )
    return table_of("phones alone, leave one speaker out", cases)


def few_speakers(study: Study, count: int) -> Table:
    """Fit to random draws of training speakers and evaluate on all others."""
    random = np.random.default_rng(count)
    several = [name for name in study.tested if name in study.speakers]
    found: dict[str, list[dict[str, Score]]] = {name: [] for name in study.tested}
    for _ in range(DRAWS):
        drawn = random.permutation(several)[:count].tolist()
        maps = speech_maps(total([study.moments[name] for name in drawn]), study.synthetic)
        for name in set(study.tested).difference(drawn):
            found[name].append(study.scores(name, maps))
    means = [mean_of(cases) for cases in found.values() if cases]
    return table_of(f"{count} real speakers, {DRAWS} draws, {len(means)} test speakers", means)


def mean_of(cases: Sequence[dict[str, Score]]) -> dict[str, Score]:
    means = {label: np.mean([case[label] for case in cases], axis=0) for label in cases[0]}
    return {label: (float(r), float(distance)) for label, (r, distance) in means.items()}


def held_out_phones(study: Study) -> Table:
    """Evaluate on phones that only the synthetic voice has in the fit."""
    counts = {name: sum(touched(clip, name, 0).sum() for clip in study.train) for name in PHONES}
    chosen = [
        name
        for name in PHONES
        if min(counts[name], sum(counts[other] for other in same_viseme(name))) >= HELD_OUT_FROM
    ]
    table = table_of("phones held out", [on_held_out(study, phone) for phone in chosen])
    table.caption = f"means over {len(chosen)} phones: {' '.join(chosen)}"
    return table


def same_viseme(phone: str) -> list[str]:
    """Return the other phones of a phone's viseme."""
    own = phoneme_to_viseme(phone)
    return [name for name in PHONES if name != phone and phoneme_to_viseme(name) == own]


def on_held_out(study: Study, phone: str) -> dict[str, Score]:
    """Return the scores on the frames of a phone that was left out of the fit."""
    near = {name: study.moments_of(name, phone) for name in study.speakers}
    distances: dict[str, list[Rows]] = {}
    openings: dict[str, list[Rows]] = {}
    for speaker in study.tested:
        full = study.others(speaker)
        real = full - total([each for name, each in near.items() if name != speaker])
        maps = speech_maps(real, study.synthetic)
        maps["real, not held out"] = real_map(full)
        for place in study.clips_of(speaker):
            frames = touched(study.real[place], phone, 0)
            for label, weights in maps.items():
                distance, opening = study.lips(place, study.speech[place][0] @ weights)
                distances.setdefault(label, []).append(distance[frames])
                # The opening at rest differs between faces and is an input of all maps.
                openings.setdefault(label, []).append(opening[:, frames] - opening[1].mean())
    return {
        label: (
            float(np.corrcoef(np.concatenate(openings[label], axis=1))[0, 1]),
            float(np.concatenate(distances[label]).mean()),
        )
        for label in distances
    }


def report(study: Study) -> None:
    """Print all tables."""
    console = Console(width=110)
    console.print(phones_alone(study))
    cases = [
        study.scores(speaker, speech_maps(study.others(speaker), study.synthetic))
        for speaker in study.tested
    ]
    console.print(table_of(f"leave one speaker out, {len(cases)} speakers", cases))
    for count in FEW:
        console.print(few_speakers(study, count))
    maps = speech_maps(total(list(study.moments.values())), study.synthetic)
    for speaker in sorted({clip.speaker for clip in study.films}):
        # A single case has no standard error.
        table = Table("learned from", "aperture r", "LMD", title=f"film of {speaker}")
        for label, (r, distance) in study.scores(speaker, maps).items():
            table.add_row(label, f"{r:.3f}", f"{distance:.4f}")
        console.print(table)
    console.print(held_out_phones(study))


def main(curated: Path, films: Path | None) -> None:
    """Print the tables."""
    encoder, align = SpeechEncoder(pull("whisper-base"), threads=1), PhoneAligner()
    report(
        Study(
            grid_clips(curated, "train", align, VoicedClips(encoder, 1, 1.0, VoiceConfig())),
            grid_clips(curated, "val", align, motion_clip),
            film_clips(films) if films else [],
            synthetic_clips(encoder, align),
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
