"""Learn how an actor speaks from a track of the film and the film's own sound.

The sound of a film may not be its actors' voices: music, a dubbed track, sound out of sync. It is
used only if it passes two tests. What the model reads from it must follow the lips at one offset,
and a style learned from the other parts of the track must help on each part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.dubbing.person import Person
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.faces.shape import signed_opening
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.clock import MOTION_FPS, frame_at, frame_time
from mytalk_core.media.resampling import places_among, resampled
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.style import StyleClip, with_style


@dataclass(frozen=True)
class OwnStyleConfig:
    """When a film's own sound is used."""

    # Stretches of a track that are learned from, at most; evenly spread.
    stretches: int = 12
    # Motion frames of a stretch, at least where there are several, and at most.
    shortest: int = 60
    longest: int = 250
    # Least motion frames of a track: five seconds.
    least_frames: int = 125
    # Largest offset of sound and lips that is corrected, in motion frames.
    largest_offset: int = 6
    # Least correlation of the opening that the model reads from the sound with the true one; 0.8 is
    # usual for the actor's own voice in step, 0.3 for no more than loud and quiet.
    least_correlation: float = 0.5
    # The same times the root of the seconds that it was measured on: chance, which has some four
    # tries a second and as many offsets to choose from, hardly comes to that.
    least_evidence: float = 1.6
    # By how much the held-out correlation must grow.
    least_gain: float = 0.01


@dataclass(frozen=True)
class OwnStyle:
    """The style learned from a track."""

    summary: str  # for the report: what was learned, or why nothing was
    speech_map: NDArray[np.float32] | None = None  # of `SpeechToMotion`; None: none was learned


def learn_own_style(
    model: SpeechToMotion,
    track: FaceTrack,
    person: Person,
    speech: NDArray[Any] | None,
    config: OwnStyleConfig,
) -> OwnStyle:
    """Learn the style of the person of a track.

    Args:
        speech: (T, C) features per motion frame of the film's own sound, if it has any.
    """
    if speech is None:
        return OwnStyle("it has no sound to learn a style from")
    first = frame_at(track.starts[0], MOTION_FPS)
    end = min(frame_at(track.starts[-1], MOTION_FPS) + 1, len(speech))
    if end - first < config.least_frames:
        return OwnStyle("too short to learn a style from")
    stretches = _stretches(model, track, person, (first, end), config)
    offset, correlation = _best_offset(model, stretches, speech, config.largest_offset)
    seconds = len(stretches) * len(stretches[0].displacement) / float(MOTION_FPS)
    needed = max(config.least_correlation, config.least_evidence / seconds**0.5)
    if correlation >= needed and abs(offset) == config.largest_offset:
        late = float(config.largest_offset / MOTION_FPS)
        return OwnStyle(
            f"its sound is out of sync with these lips by {late:.2f} s or more, no style learned"
        )
    if correlation < needed:
        return OwnStyle(
            f"its own sound does not follow these lips (correlation {correlation:.2f}"
            f" where {needed:.2f} is needed), no style learned"
        )
    clips = _clips(stretches, speech, offset)
    before, after = _held_out(model, clips)
    if after < before + config.least_gain:
        return OwnStyle(
            f"a style learned from parts of it does not help on the others ({before:.2f}"
            f" without, {after:.2f} with it), none used"
        )
    return OwnStyle(
        f"style learned from {seconds:.0f} s of its own sound; correlation of the opening"
        f" on parts held out: {before:.2f} without, {after:.2f} with it",
        with_style(model, clips).speech_map.cpu().numpy(),
    )


@dataclass(frozen=True)
class _Stretch:
    """A part of a track, its true motion, and the person's shut mouth."""

    first: int  # motion frame
    displacement: NDArray[np.float32]  # (T, 3 M)
    closed: NDArray[np.float32]  # (3 M,)


def _stretches(
    model: SpeechToMotion,
    track: FaceTrack,
    person: Person,
    frames: tuple[int, int],
    config: OwnStyleConfig,
) -> list[_Stretch]:
    """Stretches of equal length, spread over the motion frames [first, end)."""
    first, end = frames
    # At least two: each is tested by a style learned from the others.
    count = min(max((end - first) // config.shortest, 2), config.stretches)
    length = min(config.longest, (end - first) // count)
    return [
        _Stretch(
            int(at),
            _displacement(model, track, person, at, at + length),
            person.known.closed,
        )
        for at in np.linspace(first, end - length, count).round().astype(int)
    ]


def _clips(stretches: Sequence[_Stretch], speech: NDArray[Any], offset: int) -> list[StyleClip]:
    """The stretches with the sound from `offset` motion frames earlier."""
    clips = []
    for each in stretches:
        frames = np.arange(each.first, each.first + len(each.displacement)) - offset
        sound = np.asarray(speech[np.clip(frames, 0, len(speech) - 1)])
        clips.append(StyleClip(sound, each.displacement, each.closed))
    return clips


def _best_offset(
    model: SpeechToMotion, stretches: Sequence[_Stretch], speech: NDArray[Any], reach: int
) -> tuple[int, float]:
    """The offset of the sound that follows the lips best, in motion frames, and how well."""
    follows = {
        offset: _agreement(model, _clips(stretches, speech, offset))
        for offset in range(-reach, reach + 1)
    }
    best = max(follows, key=follows.__getitem__)
    return best, follows[best]


def _displacement(
    model: SpeechToMotion, track: FaceTrack, person: Person, first: int, end: int
) -> NDArray[np.float32]:
    """The person's true motion at motion frames [first, end): (T, 3 M) from their mean there.

    The difference of the mean of a stretch from the mean of the track is posture, which speech does
    not predict.
    """
    marks = track.starts
    middles = [frame_time(2 * frame + 1, 2 * MOTION_FPS) for frame in range(first, end)]
    half = (marks[-1] - marks[0]) / (2 * (len(marks) - 1))
    # Film frames are shown from their start on; their middles are half a frame later, as are ours.
    places = places_among([middle - half for middle in middles], marks)
    low, high = max(int(places[0]) - 1, 0), int(places[-1]) + 3
    landmarks = np.asarray(track.found[low:high])
    moving = list(model.scheme.moving)
    shape = to_shape(landmarks, fit_pose(landmarks, person.rigid, model.scheme))[:, moving]
    between = resampled(shape, places - low)
    moved: NDArray[np.float32] = (between - between.mean(axis=0)).reshape(len(places), -1)
    return moved


@torch.inference_mode()
def _agreement(model: SpeechToMotion, clips: Sequence[StyleClip]) -> float:
    """Correlation of the opening that is read from the speech with the true one, over all."""

    def opening(displacement: NDArray[np.float32]) -> NDArray[np.float32]:
        points = displacement.reshape(len(displacement), -1, 3)
        wide = signed_opening(points, model.scheme)
        centred: NDArray[np.float32] = wide - wide.mean()
        return centred

    predicted, true = [], []
    for clip in clips:
        speech = torch.from_numpy(np.asarray(clip.speech, np.float32))[None]
        speech = speech.to(model.speech_map.device)
        closed = torch.from_numpy(clip.closed)[None].to(model.speech_map.device)
        estimate = model.estimate(model.standardise(speech), model.space.encode(closed))
        read = model.space.decode(estimate)[0]
        predicted.append(opening(read.cpu().numpy()))
        true.append(opening(clip.displacement))
    a, b = np.concatenate(predicted), np.concatenate(true)
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale else 0.0


def _held_out(model: SpeechToMotion, clips: Sequence[StyleClip]) -> tuple[float, float]:
    """Mean agreement on each stretch, without and with a style learned from all the others."""
    before = [_agreement(model, [clip]) for clip in clips]
    after = [
        _agreement(with_style(model, [*clips[:held], *clips[held + 1 :]]), [clip])
        for held, clip in enumerate(clips)
    ]
    return float(np.mean(before)), float(np.mean(after))
