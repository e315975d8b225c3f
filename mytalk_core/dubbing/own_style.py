"""Learn how an actor speaks from their tracks of the film and the film's own sound.

The sound of a film may not be its actors' voices: music, a dubbed track, sound out of sync. It is
used only if it passes two tests. What the model reads from it must follow the lips at one offset,
and a style learned from the other parts must help on each part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.dubbing.person import Person
from mytalk_core.dubbing.stage_configs import OwnStyleConfig
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.faces.shape import signed_opening
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.clock import MOTION_FPS, frame_time
from mytalk_core.media.resampling import places_among, resampled
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.style import StyleClip, with_style


@dataclass(frozen=True)
class OwnStyle:
    """The style learned of a person."""

    summary: str  # for the report: what was learned, or why nothing was
    speech_map: NDArray[np.float32] | None = None  # of `SpeechToMotion`; None: none was learned


@dataclass(frozen=True)
class StyleSpan:
    """Motion frames [first, end) of a track in which its person speaks in the film."""

    track: FaceTrack
    person: Person
    first: int
    end: int


@dataclass(frozen=True)
class StyleStretch:
    """A part of a span, and the film's sound there with `largest_offset` frames on both sides."""

    span: StyleSpan
    first: int  # motion frame
    speech: NDArray[Any]  # (T + 2 R, C) features of motion frames [first - R, first + T + R)


def style_stretches(
    spans: Sequence[StyleSpan], config: OwnStyleConfig
) -> tuple[tuple[StyleSpan, int, int], ...]:
    """Choose what is learned from: spans with motion frames [first, end), spread over all of them.

    They are of one length where the spans are long enough. Empty where the spans are too short
    together.
    """
    total = sum(span.end - span.first for span in spans)
    if total < config.least_frames:
        return ()
    # At least two: each is tested by a style learned from the others.
    count = min(max(total // config.shortest, 2), config.stretches)
    length = min(config.longest, total // count)
    found: list[tuple[StyleSpan, int, int]] = []
    for span in spans:
        long = span.end - span.first
        taken = min(length, long)
        if 2 * taken < config.shortest:
            continue
        starts = np.linspace(span.first, span.end - taken, max(long // length, 1))
        found += [(span, int(at), int(at) + taken) for at in starts.round()]
    chosen = np.linspace(0, len(found) - 1, min(len(found), config.stretches)).round().astype(int)
    return tuple(found[place] for place in np.unique(chosen))


def learn_own_style(
    model: SpeechToMotion, stretches: Sequence[StyleStretch], config: OwnStyleConfig
) -> OwnStyle:
    """Learn the style of a person.

    Args:
        stretches: of the person; at least two, or none is learned.
    """
    if len(stretches) < 2:
        return OwnStyle("too short to learn a style from")
    moved = [_displacement(model, each, config) for each in stretches]
    offset, correlation = _best_offset(model, stretches, moved, config.largest_offset)
    seconds = sum(map(len, moved)) / float(MOTION_FPS)
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
    clips = _clips(stretches, moved, offset, config.largest_offset)
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


def _clips(
    stretches: Sequence[StyleStretch],
    moved: Sequence[NDArray[np.float32]],
    offset: int,
    reach: int,
) -> list[StyleClip]:
    """The stretches with the sound from `offset` motion frames earlier."""
    return [
        StyleClip(
            np.asarray(each.speech[reach - offset : reach - offset + len(motion)]),
            motion,
            each.span.person.known.closed,
        )
        for each, motion in zip(stretches, moved, strict=True)
    ]


def _best_offset(
    model: SpeechToMotion,
    stretches: Sequence[StyleStretch],
    moved: Sequence[NDArray[np.float32]],
    reach: int,
) -> tuple[int, float]:
    """The offset of the sound that follows the lips best, in motion frames, and how well."""
    follows = {
        offset: _agreement(model, _clips(stretches, moved, offset, reach))
        for offset in range(-reach, reach + 1)
    }
    best = max(follows, key=follows.__getitem__)
    return best, follows[best]


def _displacement(
    model: SpeechToMotion, stretch: StyleStretch, config: OwnStyleConfig
) -> NDArray[np.float32]:
    """The person's true motion in a stretch: (T, 3 M) from their mean there.

    The difference of the mean of a stretch from the mean of the track is posture, which speech does
    not predict.
    """
    track, person = stretch.span.track, stretch.span.person
    end = stretch.first + len(stretch.speech) - 2 * config.largest_offset
    marks = track.starts
    middles = [frame_time(2 * frame + 1, 2 * MOTION_FPS) for frame in range(stretch.first, end)]
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
        speech = model.standardise(speech.to(model.speech_map.device))
        closed = torch.from_numpy(clip.closed)[None].to(model.speech_map.device)
        estimate = model.estimate(speech, model.voice(speech), model.space.encode(closed))
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
