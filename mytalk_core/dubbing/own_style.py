"""How the actor speaks, learnt from the film itself: its soundtrack, where it fits the lips.

A film may carry other sound than its actors' voices: music, a dubbed track, sound out of step. So
the film's own sound is believed only after two tests: what the model reads from it must follow the
lips at one offset, and what the rest of the film teaches must help on each part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.faces.shape import signed_opening
from mytalk_core.media.clock import MOTION_FPS, frame_at, frame_time
from mytalk_core.media.resampling import places_among, resampled
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.style import StyleClip, with_style


@dataclass(frozen=True)
class OwnStyleConfig:
    """When a film's own sound is believed."""

    # Stretches of a run that are learnt from, at most; evenly spread.
    stretches: int = 12
    # Motion frames of a stretch, at least where there are several, and at most.
    shortest: int = 60
    longest: int = 250
    # Least motion frames of a run: five seconds.
    least_frames: int = 125
    # Largest offset of sound and lips that is mended, in motion frames.
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
    """What a run of the film taught."""

    model: SpeechToMotion
    told: str  # for the report: what was learnt, or why nothing was


def learn_own_style(
    model: SpeechToMotion,
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    speech: NDArray[Any] | None,
    config: OwnStyleConfig,
) -> OwnStyle:
    """The model in the style of the person of a run.

    Args:
        speech: (T, F) features per motion frame of the film's own sound, if it has any.
    """
    if speech is None:
        return OwnStyle(model, "it has no sound to learn a style from")
    first = frame_at(faces.starts[run[0]], MOTION_FPS)
    end = min(frame_at(faces.starts[run[1] - 1], MOTION_FPS) + 1, len(speech))
    if end - first < config.least_frames:
        return OwnStyle(model, "too short to learn a style from")
    # Two at least: each must be tested by what the others teach.
    count = min(max((end - first) // config.shortest, 2), config.stretches)
    length = min(config.longest, (end - first) // count)
    reach = config.largest_offset
    spots = np.linspace(first, end - length, count).round().astype(int)
    moved = [_displacement(model, faces, run, person, at, at + length) for at in spots]

    def clips(offset: int) -> list[StyleClip]:
        rows = [np.clip(np.arange(at, at + length) - offset, 0, len(speech) - 1) for at in spots]
        return [
            StyleClip(np.asarray(speech[r]), m, person.known.closed)
            for r, m in zip(rows, moved, strict=True)
        ]

    follows = {offset: _agreement(model, clips(offset)) for offset in range(-reach, reach + 1)}
    offset = max(follows, key=follows.__getitem__)
    seconds = count * length / float(MOTION_FPS)
    needed = max(config.least_correlation, config.least_evidence / seconds**0.5)
    if follows[offset] >= needed and abs(offset) == reach:
        late = float(reach / MOTION_FPS)
        return OwnStyle(
            model,
            f"its sound is out of step with these lips by {late:.2f} s or more, no style learnt",
        )
    if follows[offset] < needed:
        return OwnStyle(
            model,
            f"its own sound does not follow these lips (correlation {follows[offset]:.2f}"
            f" where {needed:.2f} is needed), no style learnt",
        )
    heard = clips(offset)
    before, after = _held_out(model, heard)
    if after < before + config.least_gain:
        return OwnStyle(
            model,
            f"a style learnt from parts of it does not help on the others ({before:.2f}"
            f" without, {after:.2f} with it), none used",
        )
    return OwnStyle(
        with_style(model, heard),
        f"style learnt from {seconds:.0f} s of its own sound; correlation of the opening"
        f" where it was not learnt from: {before:.2f} without, {after:.2f} with it",
    )


def _displacement(
    model: SpeechToMotion,
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    first: int,
    end: int,
) -> NDArray[np.float32]:
    """The person's true motion at motion frames [first, end): (T, 3 M) from their mean there.

    What the mean of a stretch has over the mean of the run is posture, which speech does not tell.
    """
    marks = faces.starts[run[0] : run[1]]
    middles = [frame_time(2 * frame + 1, 2 * MOTION_FPS) for frame in range(first, end)]
    half = (marks[-1] - marks[0]) / (2 * (len(marks) - 1))
    # Film frames are seen from their start on; their middles are half a frame later, as are ours.
    places = places_among([middle - half for middle in middles], marks)
    low, high = max(int(places[0]) - 1, 0), int(places[-1]) + 3
    landmarks = np.asarray(faces.found[run[0] + low : min(run[0] + high, run[1])])
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

    asked, true = [], []
    for clip in clips:
        speech = torch.from_numpy(np.asarray(clip.speech, np.float32))[None]
        speech = speech.to(model.speech_map.device)
        closed = torch.from_numpy(clip.closed)[None].to(model.speech_map.device)
        estimate = model.estimate(model.standardise(speech), model.space.encode(closed))
        read = model.space.decode(estimate)[0]
        asked.append(opening(read.cpu().numpy()))
        true.append(opening(clip.displacement))
    a, b = np.concatenate(asked), np.concatenate(true)
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale else 0.0


def _held_out(model: SpeechToMotion, clips: Sequence[StyleClip]) -> tuple[float, float]:
    """Mean agreement on each stretch, without and with a style learnt from all the others."""
    before = [_agreement(model, [clip]) for clip in clips]
    after = [
        _agreement(with_style(model, [*clips[:held], *clips[held + 1 :]]), [clip])
        for held, clip in enumerate(clips)
    ]
    return float(np.mean(before)), float(np.mean(after))
