"""Real and synthetic clips with phones for `motion_synthetic_phones`."""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import get_args

import numpy as np
from hibari import Hibari
from numpy.typing import NDArray
from scipy.signal import resample_poly

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import Members, iter_clips
from mytalk_core.data.shards import decode_meta
from mytalk_core.data.splits import Split
from mytalk_core.errors import BadInputError
from mytalk_core.media.audio import from_pcm16, read_wav
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.motion.clip import MotionClip, motion_clip
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_per_frame
from mytalk_core.speech.phones import Phone, PhoneAligner
from mytalk_core.speech.transcript import Segment
from mytalk_core.speech.voices import VoiceConfig, altered, retimed

Rows = NDArray[np.float32]

READINGS = 3  # syntheses of every sentence, in random tempi and voices
TEMPI = (0.8, 1.25)

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
    """Speech, phones and lip motion of a real or synthetic clip."""

    speaker: str
    speech: NDArray[np.float16]  # (V, T, F) in V voices
    phones: tuple[Phone, ...]
    motion: MotionClip | None = None  # None for synthetic clips

    @property
    def frames(self) -> int:
        return self.speech.shape[1]


def grid_clips(
    curated: Path, split: Split, align: PhoneAligner, convert: Callable[[Members], MotionClip]
) -> list[Spoken]:
    """Read the clips of a split and align their phones."""
    clips = []
    for members in iter_clips(clip_index(curated, split)):
        code = Path(decode_meta(members["json"]).source).stem
        text = " ".join(words[sign] for words, sign in zip(GRID_WORDS, code, strict=True))
        audio = from_pcm16(read_wav(members["wav"]))
        clip = convert(members)
        clips.append(Spoken(clip.speaker, clip.speech, _phones(audio, text, align), clip))
    return clips


def film_clips(films: Path) -> list[Spoken]:
    """Read all clips of a folder in any split, without phones."""
    clips = []
    for split in get_args(Split):
        with suppress(BadInputError):  # the split is empty
            found = [motion_clip(members) for members in iter_clips(clip_index(films, split))]
            clips += [Spoken(clip.speaker, clip.speech, (), clip) for clip in found]
    if not clips:
        sys.exit(f"{films}: no readable clips.")
    return clips


def _phones(audio: Rows, text: str, align: PhoneAligner) -> tuple[Phone, ...]:
    whole = Segment(text, Fraction(0), Fraction(len(audio), SPEECH_SAMPLE_RATE))
    return align(audio, [whole]).phones


def synthetic_clips(encoder: SpeechEncoder, align: PhoneAligner) -> list[Spoken]:
    """Synthesise every sentence several times in random tempi and voices; drop unaligned ones."""
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


def touched(clip: Spoken, phone: str, slack: int) -> NDArray[np.bool_]:
    """Return the frames (T,) of a phone with `slack` frames on either side."""
    found = np.zeros(clip.frames, np.bool_)
    for each in clip.phones:
        if each.name == phone:
            first = floor(each.start * MOTION_FPS) - slack
            found[max(first, 0) : ceil(each.end * MOTION_FPS) + slack] = True
    return found
