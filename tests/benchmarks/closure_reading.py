"""Choice of `closure_share` on training speakers that are left out of the fit.

    python tests/benchmarks/closure_reading.py CURATED WORDS [SPEECH]

`CURATED`: output of `mytalk curate`; the splits train and val are used. `WORDS`: a folder of word
files as for `mytalk evaluate motion --words`; unreadable files are skipped. Speakers with at least
eight clips are left out of the closed forms in turn, in four groups. The linear estimate alone,
without the network, is evaluated on them. `SPEECH`: speech with words as for `mytalk train motion
--speech`; closure is learned from it too, and evaluated on its speakers that are left out. Prints a
table.
"""

import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.model_store import pull
from mytalk_core.data.splits import SPLITS
from mytalk_core.errors import BadInputError
from mytalk_core.evaluation.cases import MotionClip, read_motion_clips
from mytalk_core.evaluation.closure import closures, lip_range, shut_vowels
from mytalk_core.evaluation.lip_metrics import lmd
from mytalk_core.evaluation.spoken import WordFolder
from mytalk_core.faces.shape import signed_opening
from mytalk_core.motion.clip import motion_clip
from mytalk_core.motion.closed_forms import ReadingConfig, Sounds, fit_closed_form
from mytalk_core.motion.labelled_speech import LabelledSpeech, labelled_speech, spoken_sounds
from mytalk_core.motion.model import SIZES, SpeechToMotion
from mytalk_core.motion.silence import quiet_features
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_per_frame

SHARES = (0.0, 0.5, 0.7, 0.9, 1.0)
GROUPS = 4
FEWEST = 8  # clips of a speaker that is left out


def with_phones(clip: MotionClip, words: WordFolder) -> MotionClip:
    """Add phones to a clip if its words can be read."""
    try:
        return words([clip]).clips[0]
    except BadInputError:
        return clip


def evaluated(model: SpeechToMotion, share: float, clip: MotionClip) -> dict[str, list[float]]:
    """Return metrics of the linear estimate with another `closure_share`."""
    model.config = replace(model.config, closure_share=share)
    features = torch.from_numpy(speech_per_frame(clip.speech, len(clip.shape)))[None]
    speech = model.standardise(features)
    closed = model.space.encode(torch.from_numpy(clip.closed_displacement)[None])
    moved = model.space.decode(model.estimate(speech, model.voice(speech), closed))[0]
    shape = clip.rest + moved.numpy().reshape(clip.shape.shape)
    lips = len(clip.scheme.lips)
    predicted, true = (each[:, :lips, :2] for each in (shape, clip.shape))
    openings = [signed_opening(each, clip.scheme) for each in (predicted, true)]
    limit = lip_range(true, clip.closed[:lips, :2], clip.scheme).closed_below
    return {
        "r": [float(np.corrcoef(openings)[0, 1])],
        "lmd": [lmd(predicted, true)],
        "closed": [float(each) for each in closures(openings[0], clip.phones, limit)],
        "vowels": [float(each) for each in shut_vowels(openings[0], clip.phones, limit)],
        "opening": [float(openings[0].std() / openings[1].std())],
    }


def separated(model: SpeechToMotion, spoken: list[LabelledSpeech]) -> float:
    """Return how often a frame within M, B or P is read as more shut than one without them."""
    read, shut = [], []
    for each in spoken:
        speech = model.standardise(torch.from_numpy(each.speech[None]).float())
        read.append(model.shut_probability(speech)[0].numpy()[each.known])
        shut.append(each.shut[each.known])
    closed = np.concatenate(shut) >= 0.5
    above = rankdata(np.concatenate(read))[closed].sum() - closed.sum() * (closed.sum() + 1) / 2
    return float(above / (closed.sum() * (~closed).sum()))


@torch.inference_mode()
def main(curated: Path, words: Path, folder: Path | None) -> None:
    """Print the table."""
    members = [
        each for split in ("train", "val") for each in iter_clips(clip_index(curated, split))
    ]
    training = [motion_clip(each) for each in members]
    tested = [with_phones(clip, WordFolder(words)) for clip in read_motion_clips(iter(members))]
    encoder = SpeechEncoder(pull("whisper-base"))
    quiet = quiet_features(encoder)
    taught, unseen = (
        labelled_speech(spoken_sounds(folder, split), encoder) if folder else []
        for split in SPLITS[:2]
    )
    apart = []
    counts = Counter(clip.speaker for clip in training)
    leading = max(counts, key=counts.__getitem__)  # has too many clips to be left out
    left_out = sorted(name for name, count in counts.items() if count >= FEWEST and name != leading)
    found: dict[float, dict[str, dict[str, list[float]]]] = {
        share: defaultdict(lambda: defaultdict(list)) for share in SHARES
    }
    for group in (set(left_out[start::GROUPS]) for start in range(GROUPS)):
        own = [clip for clip in training if clip.speaker not in group]
        weights = np.array([counts[clip.speaker] ** -0.5 for clip in own])
        model = SpeechToMotion(SIZES["cpu"]).eval()
        fit_closed_form(
            model,
            own,
            weights / weights.sum(),
            Sounds(quiet, taught),
            ReadingConfig(),
            lambda part: part,
        )
        apart += [separated(model, unseen)] if unseen else []
        for clip in (clip for clip in tested if clip.speaker in group):
            for share in SHARES:
                for name, values in evaluated(model, share, clip).items():
                    found[share][clip.speaker][name] += values
    table = Table(title=f"{', '.join(left_out)} left out in turn; means over speakers")
    headings = ("aperture r", "LMD", "M B P closed", "vowels shut", "opening over true")
    for heading in ("closure share", *headings):
        table.add_column(heading, justify="right")
    for share, speakers in found.items():
        means = [
            np.mean([np.mean(each[name]) for each in speakers.values() if each[name]])
            for name in ("r", "lmd", "closed", "vowels", "opening")
        ]
        decimals = (3, 5, 3, 3, 2)
        texts = [f"{mean:.{places}f}" for mean, places in zip(means, decimals, strict=True)]
        table.add_row(f"{share:.1f}", *texts)
    console = Console(width=110)
    console.print(table)
    if apart:
        console.print(f"frames of M, B, P above others, unseen speakers: {np.mean(apart):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
