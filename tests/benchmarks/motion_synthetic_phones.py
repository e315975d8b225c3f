"""Whether speech of a synthetic voice, whose phones are known, helps to read lips from speech.

    pip install --target SITE --no-deps openfacefx==0.24.0 hibari-tts==0.2.1
    PYTHONPATH=.:SITE python tests/benchmarks/motion_synthetic_phones.py CURATED [FILMS]

`CURATED`: what `mytalk curate` wrote of GRID, whose file names spell what is said; train and val
are read, test is not. `FILMS`: what `mytalk preprocess` wrote of people who say other things.

hibari-tts (Apache-2.0) says sentences of all English phones, pocketsphinx tells when each phone is
said, openfacefx (MIT) makes curves of 15 visemes of them, and a ridge regression makes lips of
those; it is fitted on the real speakers in the fit, whose phones are found in the same way. The
result joins the ridge regression of motion on speech from which training starts, at a weight, or is
learnt first. Real clips are heard in their own and one other voice. Speech features are reduced to
192 principal components, which lowers correlations by 0.008 and leaves the changes as they are.

Prints aperture correlation and lip distance (LMD) on speakers left out: of phones alone; learnt
from many real speakers and from few; in films; and on phones that were left out of the fit, so that
only the synthetic voice says them. The same synthetic speech with its phones displaced in time, or
with lips that keep still, shows what its phones bring; a larger ridge on real speech alone, what
smoothing does. Changes are from the first row, with standard errors over speakers or phones.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.linalg import solve
from scipy.signal import resample_poly

try:
    from hibari import Hibari
    from openfacefx.alignment import PhonemeSegment
    from openfacefx.coarticulation import build_viseme_curves
    from openfacefx.phonemes import ARPABET, SILENCE
    from openfacefx.visemes import phoneme_to_viseme
except ImportError as missing:
    sys.exit(f"{missing.name} is not installed: see the first lines of {Path(__file__).name}.")

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import Members, iter_clips
from mytalk_core.data.model_store import pull
from mytalk_core.data.shards import decode_meta
from mytalk_core.data.splits import Split
from mytalk_core.errors import BadInputError
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.shape import aperture_positions
from mytalk_core.media.audio import from_pcm16, read_wav
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.motion.clip import MotionClip, VoicedClips, motion_clip
from mytalk_core.motion.model import windows
from mytalk_core.motion.motion_space import MotionSpace, MotionSpaceConfig
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_per_frame
from mytalk_core.speech.phones import Phone, PhoneAligner
from mytalk_core.speech.transcript import Segment
from mytalk_core.speech.voices import VoiceConfig, altered, retimed

Rows = NDArray[np.float32]
Score = tuple[float, float]  # aperture correlation, lip distance

SHARES = (0.03, 0.1, 0.3, 1.0)  # weight of all synthetic speech, of all real 1
FEW = (2, 4)  # real speakers
DRAWS = 6
READINGS = 3  # times that every sentence is said, each in another tempo and voice
TEMPI = (0.8, 1.25)
RIDGE = 0.8  # of the reading of speech, as in training
CURVE_RIDGE = 0.001
REDUCED = 192
SPEECH_CONTEXT, CURVE_CONTEXT, PHONE_CONTEXT = 3, 2, 4  # frames on either side
JUDGED_FROM = 10  # clips that a training speaker must have to be judged
HELD_OUT_FROM = 400  # frames that a phone, and its likes, must have to be held out
PHONES = sorted(ARPABET)

GRID_WORDS = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: f"{letter}." for letter in "abcdefghijklmnopqrstuvxyz"},
    {"z": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five"}
    | {"6": "six", "7": "seven", "8": "eight", "9": "nine"},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
SENTENCES = """
The young boy enjoyed a voyage to the south shore.
She should push the bush away from the good brook.
Hang the long string through the ring and sing a song.
His usual pleasure was measuring treasure in a casual fashion.
Her father heard a bird chirping early in the third church.
How now, brown cow, shouted the proud owl from the tower.
They breathe the other weather with their mothers and brothers.
Thick thunder threatened the thirty thin thieves on Thursday.
Joyful judges choose cheese and orange juice for lunch.
Cook took a look at the book about wool and wood.
The oil made noise as the coin was boiled in foil.
Whose huge hat is hanging here behind the house.
We washed the shiny dishes in the shallow ocean.
Five very funny fellows found a favourite leaf above the river.
Many men may make more money on Monday morning.
Papa bought a purple paper bag for pepper and peas.
Bob robbed the big cab near the public library.
Keep calm and kick the black rock to the creek.
Go get a great big dog to dig in the garden.
Tell Tom to take twenty tickets to the theatre today.
Did David decide to hide the hidden diamond under the ladder.
Nobody knew when nine new nurses needed money.
Look, little lambs like to leap along the yellow hill.
Red roses grow around the rural road in a row.
Yes, you used yellow yarn a year ago.
Zebras in the zoo amaze the busy cousins.
Six sisters sat beside the silver sea and sang softly.
We wonder why the wind went west in winter.
The cat sat back on a flat black mat and ran after a rat.
Father parked the large car far from the calm garden.
All small dogs ought to walk along the lawn before dawn.
Every friend said the men went to bed at ten.
Eight grey days may make the lazy painter late.
Is it big enough to fit inside this little tin.
We see three green trees between the east and the deep sea.
I might try to fly a kite by night while the light is white.
Don't go home alone over the cold stone road.
Some young ducks love to run under the sun in summer.
Two blue shoes moved through the cool room at noon.
The nurse turned her purse over and searched for the shirt.
Genuine vision needs more than a television in the garage.
The chef shook the sugar off the cushion and rushed away.
A thing worth doing is nothing without thinking.
What a beautiful view of the few human figures.
Everything changed when the engine began running.
Watch the child reach for a peach in the kitchen.
Please bring hot coffee, half a muffin and a spoon of honey.
My uncle apologised for being wrong about the lamp.
Which finger hurts when you touch the rough edge.
Perhaps somebody could explain how electricity works.
The policeman stopped the bicycle by the bridge.
Happy people hope to help whoever happens to be hungry.
The lawyer avoided the royal choice with a loud voice.
Would you put your foot on the wooden hook.
Mother smoothed the leather clothing with a feather.
Beige shades give an unusual illusion of division.
Just imagine a gigantic giraffe jumping over a jeep.
Both teeth hurt, so the author went north for a month.
Our hour is over, so allow the crowd out of the town.
Wash your mouth and brush your teeth before going to sleep.
""".strip().splitlines()


@dataclass(frozen=True)
class Spoken:
    """A clip, real or synthetic: what is heard, which phones these are, how the lips move."""

    speaker: str
    speech: NDArray[np.float16]  # (V, T, F), voices of the same words
    phones: tuple[Phone, ...]
    motion: MotionClip | None = None  # of a real one

    @property
    def frames(self) -> int:
        return self.speech.shape[1]


def grid_clips(
    curated: Path, split: Split, align: PhoneAligner, convert: Callable[[Members], MotionClip]
) -> list[Spoken]:
    """The clips of a split with their phones."""
    clips = []
    for members in iter_clips(clip_index(curated, split)):
        code = Path(decode_meta(members["json"]).source).stem
        text = " ".join(words[sign] for words, sign in zip(GRID_WORDS, code, strict=True))
        audio = from_pcm16(read_wav(members["wav"]))
        clip = convert(members)
        clips.append(Spoken(clip.speaker, clip.speech, _phones(audio, text, align), clip))
    return clips


def film_clips(films: Path) -> list[Spoken]:
    """All clips of a folder, whatever split they fall into; nobody asks for their phones."""
    clips = []
    for split in get_args(Split):
        with suppress(BadInputError):  # no clip falls into it
            found = [motion_clip(members) for members in iter_clips(clip_index(films, split))]
            clips += [Spoken(clip.speaker, clip.speech, (), clip) for clip in found]
    if not clips:
        sys.exit(f"{films}: no clips in it that can be read.")
    return clips


def _phones(audio: Rows, text: str, align: PhoneAligner) -> tuple[Phone, ...]:
    whole = Segment(text, Fraction(0), Fraction(len(audio), SPEECH_SAMPLE_RATE))
    return align(audio, [whole]).phones


def synthetic_clips(encoder: SpeechEncoder, align: PhoneAligner) -> list[Spoken]:
    """Every sentence several times, each in another tempo and voice; without what has no phones."""
    speak = Hibari(threads=1)
    random = np.random.default_rng(0)
    clips = []
    for seed in range(READINGS):
        for sentence in SENTENCES:
            sound = speak(sentence, speed=random.uniform(*TEMPI), seed=seed)
            audio = resample_poly(sound, 2, 3).astype(np.float32)  # from 24 kHz
            frames = int(len(audio) * MOTION_FPS / SPEECH_SAMPLE_RATE)
            voice = altered(audio, random, VoiceConfig())
            rows = retimed(encoder.encode(voice.audio), voice.rate)
            speech = speech_per_frame(rows, frames).astype(np.float16)[None]
            clips.append(Spoken("synthetic", speech, _phones(audio, sentence, align)))
    return [clip for clip in clips if clip.phones]


def mouth_curves(phones: Sequence[Phone], frames: int) -> Rows:
    """What openfacefx makes of phones: windows of 15 visemes, their mean taken out, (T, C)."""
    segments, end = [], Fraction(0)
    for phone in phones:
        if phone.start > end:
            segments.append(PhonemeSegment(SILENCE, float(end), float(phone.start)))
        segments.append(PhonemeSegment(phone.name, float(phone.start), float(phone.end)))
        end = phone.end
    last = Fraction(frames) / MOTION_FPS
    if last > end:
        segments.append(PhonemeSegment(SILENCE, float(end), float(last)))
    _, curves = build_viseme_curves(segments, fps=float(MOTION_FPS))
    return _centred(curves[np.minimum(np.arange(frames), len(curves) - 1)], CURVE_CONTEXT)


def phone_indicators(phones: Sequence[Phone], frames: int) -> Rows:
    """Windows of which phone is said in each frame, by share, their mean taken out, (T, C)."""
    said = np.zeros((frames, len(PHONES)))
    for phone in phones:
        first, last = (float(time * MOTION_FPS) for time in (phone.start, phone.end))
        overlap = np.minimum(last, np.arange(frames) + 1) - np.maximum(first, np.arange(frames))
        said[:, PHONES.index(phone.name)] += overlap.clip(min=0)
    return _centred(said, PHONE_CONTEXT)


def _centred(rows: NDArray[np.float64], context: int) -> Rows:
    rows = rows - rows.mean(axis=0)
    return windows(torch.from_numpy(rows).float()[None], context)[0].numpy()


def touched(clip: Spoken, phone: str, slack: int) -> NDArray[np.bool_]:
    """The frames (T,) in which the phone is said, and `slack` on either side."""
    found = np.zeros(clip.frames, np.bool_)
    for each in clip.phones:
        if each.name == phone:
            first = floor(each.start * MOTION_FPS) - slack
            found[max(first, 0) : ceil(each.end * MOTION_FPS) + slack] = True
    return found


@dataclass(frozen=True)
class Moments:
    """Weighted second moments of frames: all that the two regressions need, to add and subtract."""

    speech: NDArray[np.float64]  # (D, D)
    motion: NDArray[np.float64]  # (D, K) speech by motion
    curves: NDArray[np.float64]  # (D, C) speech by curves
    curve: NDArray[np.float64]  # (C, C)
    curve_motion: NDArray[np.float64]  # (C, K)
    weight: float

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(*(a + b for a, b in zip(_parts(self), _parts(other), strict=True)))

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(*(a - b for a, b in zip(_parts(self), _parts(other), strict=True)))


def _parts(moments: Moments) -> tuple[NDArray[np.float64], ...]:
    return tuple(vars(moments).values())


def total(moments: Sequence[Moments]) -> Moments:
    result = moments[0]
    for each in moments[1:]:
        result = result + each
    return result


def ridge(
    normal: NDArray[np.float64], target: NDArray[np.float64], penalty: float = RIDGE
) -> NDArray[np.float64]:
    found: NDArray[np.float64] = solve(
        normal + penalty * np.eye(len(normal)), target, assume_a="pos"
    )
    return found


def curve_map(real: Moments) -> NDArray[np.float64]:
    """Mouth curves to motion, (C, K)."""
    return ridge(real.curve / real.weight, real.curve_motion / real.weight, CURVE_RIDGE)


@dataclass(frozen=True)
class Synthetic:
    """The synthetic speech: with its own curves, with those of other moments, with none."""

    own: Moments
    displaced: Moments
    still: Moments


def real_map(real: Moments, penalty: float = RIDGE) -> NDArray[np.float64]:
    """Speech to motion, (D, K), as real speech has it."""
    return ridge(real.speech / real.weight, real.motion / real.weight, penalty)


def speech_maps(real: Moments, synthetic: Synthetic) -> dict[str, NDArray[np.float64]]:
    """Ways to learn motion from speech, (D, K) each: as real speech has it, then with synthetic."""
    curves = curve_map(real)
    normal, target = real.speech / real.weight, real.motion / real.weight

    def mixed(made: Moments, share: float) -> NDArray[np.float64]:
        others = made.curves @ curves / made.weight
        both = normal + share * made.speech / made.weight
        return ridge(both / (1 + share), (target + share * others) / (1 + share))

    made = synthetic.own
    alone = ridge(made.speech / made.weight, made.curves @ curves / made.weight)
    return {
        "real only": real_map(real),
        **{f"synthetic at {share:g}": mixed(made, share) for share in SHARES},
        "at 0.1, phones displaced": mixed(synthetic.displaced, 0.1),
        "at 0.1, lips still": mixed(synthetic.still, 0.1),
        # Pre-training as a penalty: what real speech does not decide stays as it was learnt first.
        "pre-trained": ridge(normal, target + RIDGE * alone),
        "synthetic only": alone,
        "real only, ridge 2": real_map(real, 2.0),
    }


class Study:
    """All clips as rows of frames, and how good a reading of some of them is."""

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
        many = {name for name in names if names.count(name) >= JUDGED_FROM}
        self.judged = sorted(many | {clip.speaker for clip in val})
        self.heard = [self._heard(clip) for clip in self.real]
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

    def _heard(self, clip: Spoken) -> Rows:
        """Windows of reduced speech, (V, T, D)."""
        rows = (clip.speech.astype(np.float32) - self._mean) / self._std @ self._components
        return windows(torch.from_numpy(rows), SPEECH_CONTEXT).numpy()

    def _motion(self, clip: Spoken) -> Rows:
        assert clip.motion
        return self.space.encode(torch.from_numpy(clip.motion.displacement)).numpy()

    def _synthetic(self, clips: Sequence[Spoken]) -> Synthetic:
        heard = [self._heard(clip) for clip in clips]
        own = [mouth_curves(clip.phones, clip.frames) for clip in clips]
        unknown = [np.zeros((clip.frames, len(self.space.std)), np.float32) for clip in clips]
        displaced = [np.roll(curves, len(curves) // 2, axis=0) for curves in own]
        still = [np.zeros_like(curves) for curves in own]
        return Synthetic(
            *(moments(heard, curves, unknown, 1.0) for curves in (own, displaced, still))
        )

    def moments_of(self, speaker: str, phone: str = "", curves: Sequence[Rows] = ()) -> Moments:
        """Of a training speaker's frames, or of those alone whose window touches a phone."""
        own = [place for place, clip in enumerate(self.train) if clip.speaker == speaker]
        kept = [
            touched(self.real[place], phone, SPEECH_CONTEXT) if phone else slice(None)
            for place in own
        ]
        chosen = list(zip(own, kept, strict=True))
        return moments(
            [self.heard[place][:, frames] for place, frames in chosen],
            [(curves or self.curves)[place][frames] for place, frames in chosen],
            [self._motion(self.real[place])[frames] for place, frames in chosen],
            len(own) ** -0.5,
        )

    def others(self, speaker: str) -> Moments:
        """Of all training speakers but one."""
        return total([self.moments[name] for name in self.speakers if name != speaker])

    def clips_of(self, speaker: str) -> list[int]:
        return [place for place, clip in enumerate(self.real) if clip.speaker == speaker]

    def lips(self, place: int, components: NDArray[np.float64]) -> tuple[Rows, Rows]:
        """Lip distances (T,) of a clip's motion as read, and openings, read and true, (2, T)."""
        motion = self.real[place].motion
        assert motion
        read = self.space.decode(torch.from_numpy(components.astype(np.float32))).numpy()
        points, truth = (
            (motion.rest + moved).reshape(len(moved), -1, 3)
            for moved in (read, motion.displacement)
        )
        lips = len(MESH478.lips)
        distance = np.linalg.norm((points - truth)[:, :lips, :2], axis=-1).mean(axis=1)
        upper, lower = aperture_positions(MESH478)
        opening = [
            (shape[:, lower, 1] - shape[:, upper, 1]).mean(axis=1) for shape in (points, truth)
        ]
        return distance, np.stack(opening)

    def score(self, speaker: str, reading: NDArray[np.float64], rows: Sequence[Rows]) -> Score:
        """Means over a speaker's clips; `reading` maps from `rows`, (T, D) of every clip."""
        found = []
        for place in self.clips_of(speaker):
            distance, opening = self.lips(place, rows[place] @ reading)
            found.append((np.corrcoef(opening)[0, 1], distance.mean()))
        correlation, distance = np.mean(found, axis=0)
        return float(correlation), float(distance)

    def scores(self, speaker: str, maps: dict[str, NDArray[np.float64]]) -> dict[str, Score]:
        """Of several readings of speech in its own voice."""
        heard = [each[0] for each in self.heard]
        return {label: self.score(speaker, reading, heard) for label, reading in maps.items()}


def moments(
    heard: Sequence[Rows], curves: Sequence[Rows], motion: Sequence[Rows], weight: float
) -> Moments:
    """Of clips' frames, (V, T, D), (T, C) and (T, K); all voices of a clip together weigh one."""
    voices = len(heard[0])
    x = np.concatenate([each.reshape(-1, each.shape[-1]) for each in heard])
    c = np.concatenate([np.tile(each, (voices, 1)) for each in curves])
    y = np.concatenate([np.tile(each, (voices, 1)) for each in motion])
    scale = weight / voices
    products = (x.T @ x, x.T @ y, x.T @ c, c.T @ c, c.T @ y)
    return Moments(*(scale * each.astype(np.float64) for each in products), scale * len(x))


def gain(found: NDArray[np.float64], base: NDArray[np.float64], digits: int) -> str:
    """Mean difference and its standard error."""
    change = found - base
    error = change.std(ddof=1) / len(change) ** 0.5
    return f"{change.mean():+.{digits}f} ± {error:.{digits}f}"


def table_of(title: str, cases: Sequence[dict[str, Score]]) -> Table:
    """A row for every choice, means over cases; changes are from the first row."""
    table = Table(title=title)
    for heading in ("learnt from", "aperture r", "change", "LMD", "change "):
        table.add_column(heading, justify="right")
    first = np.array([next(iter(case.values())) for case in cases])
    for number, label in enumerate(cases[0]):
        each = np.array([case[label] for case in cases])
        r, distance = each.mean(axis=0)
        changes = [gain(each[:, k], first[:, k], 4 + k) if number else "" for k in range(2)]
        table.add_row(label, f"{r:.4f}", changes[0], f"{distance:.5f}", changes[1])
    return table


def phones_alone(study: Study) -> Table:
    """What phones tell of a stranger's lips without their sound."""
    indicators = [phone_indicators(clip.phones, clip.frames) for clip in study.real]
    by_indicator = {name: study.moments_of(name, "", indicators) for name in study.speakers}
    cases = []
    for speaker in study.judged:
        real = total([each for name, each in by_indicator.items() if name != speaker])
        curves = curve_map(study.others(speaker))
        cases.append(
            {
                "openfacefx curves": study.score(speaker, curves, study.curves),
                "phones as they are": study.score(speaker, curve_map(real), indicators),
            }
        )
    return table_of("phones alone, speakers left out one by one", cases)


def few_speakers(study: Study, count: int) -> Table:
    """Learnt from draws of some training speakers; whoever is not drawn judges."""
    random = np.random.default_rng(count)
    several = [name for name in study.judged if name in study.speakers]
    found: dict[str, list[dict[str, Score]]] = {name: [] for name in study.judged}
    for _ in range(DRAWS):
        drawn = random.permutation(several)[:count].tolist()
        maps = speech_maps(total([study.moments[name] for name in drawn]), study.synthetic)
        for name in set(study.judged).difference(drawn):
            found[name].append(study.scores(name, maps))
    means = [mean_of(cases) for cases in found.values() if cases]
    return table_of(f"{count} real speakers, {DRAWS} draws, {len(means)} judges", means)


def mean_of(cases: Sequence[dict[str, Score]]) -> dict[str, Score]:
    means = {label: np.mean([case[label] for case in cases], axis=0) for label in cases[0]}
    return {label: (float(r), float(distance)) for label, (r, distance) in means.items()}


def held_out_phones(study: Study) -> Table:
    """How phones are read that nobody said in the fit but the synthetic voice."""
    counts = {name: sum(touched(clip, name, 0).sum() for clip in study.train) for name in PHONES}
    chosen = [
        name
        for name in PHONES
        if min(counts[name], sum(counts[like] for like in likes(name))) >= HELD_OUT_FROM
    ]
    table = table_of("phones held out", [on_held_out(study, phone) for phone in chosen])
    table.caption = f"means over {len(chosen)} phones: {' '.join(chosen)}"
    return table


def likes(phone: str) -> list[str]:
    """The other phones of a viseme, by which the curves know it."""
    own = phoneme_to_viseme(phone)
    return [name for name in PHONES if name != phone and phoneme_to_viseme(name) == own]


def on_held_out(study: Study, phone: str) -> dict[str, Score]:
    """Scores over the frames of a phone that was left out of the fit, of all judged speakers."""
    near = {name: study.moments_of(name, phone) for name in study.speakers}
    distances: dict[str, list[Rows]] = {}
    openings: dict[str, list[Rows]] = {}
    for speaker in study.judged:
        full = study.others(speaker)
        real = full - total([each for name, each in near.items() if name != speaker])
        maps = speech_maps(real, study.synthetic)
        maps["real, not held out"] = real_map(full)
        for place in study.clips_of(speaker):
            said = touched(study.real[place], phone, 0)
            for label, reading in maps.items():
                distance, opening = study.lips(place, study.heard[place][0] @ reading)
                distances.setdefault(label, []).append(distance[said])
                # Faces differ in how far they open at rest, which all readings are given.
                openings.setdefault(label, []).append(opening[:, said] - opening[1].mean())
    return {
        label: (
            float(np.corrcoef(np.concatenate(openings[label], axis=1))[0, 1]),
            float(np.concatenate(distances[label]).mean()),
        )
        for label in distances
    }


def report(study: Study) -> None:
    """Print what was found."""
    console = Console(width=110)
    console.print(phones_alone(study))
    everybody = [
        study.scores(speaker, speech_maps(study.others(speaker), study.synthetic))
        for speaker in study.judged
    ]
    console.print(table_of(f"{len(everybody)} speakers left out one by one", everybody))
    for count in FEW:
        console.print(few_speakers(study, count))
    maps = speech_maps(total(list(study.moments.values())), study.synthetic)
    for speaker in sorted({clip.speaker for clip in study.films}):
        # A single case has no spread.
        table = Table("learnt from", "aperture r", "LMD", title=f"film of {speaker}")
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
