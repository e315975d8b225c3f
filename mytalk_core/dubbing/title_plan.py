"""The plan of a title: which faces are drawn in which frames, and why all others are left alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.dubbing.geometry import track_crop, track_pose
from mytalk_core.dubbing.left_alone import (
    DrawingPlan,
    HiddenMouth,
    LeftAloneConfig,
    plan_drawing,
)
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.other_tracks import OtherTrack, portrait_of
from mytalk_core.dubbing.person import Person, study_person
from mytalk_core.dubbing.track_choice import ChosenTracks
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.plausibility import mouth_outside, on_flat_colour
from mytalk_core.faces.square_pixels import square_size
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.probe import VideoInfo


@dataclass(frozen=True)
class PlannedTrack:
    """A face of which at least one frame is drawn, and all that is known of it before the dub."""

    track: FaceTrack
    person: Person
    drawing: DrawingPlan
    crop: CropConfig  # as large as the film shows the face

    def with_shapes(self, shapes: NDArray[np.float32] | None) -> "PlannedTrack":
        """The same track with other shapes, (N, 3 M), for the identity extractor, if any."""
        if shapes is None:
            return self
        known = replace(self.person.known, shapes=shapes)
        return replace(self, person=replace(self.person, known=known))


@dataclass(frozen=True)
class Segment:
    """Consecutive frames in which the same faces are drawn."""

    first: int  # frame
    end: int  # frame
    redraws: tuple[int, ...]  # places in `TitlePlan.tracks`, at least one


@dataclass(frozen=True)
class TitlePlan:
    """What is drawn of a film with F frames."""

    timing: FilmTiming
    tracks: tuple[PlannedTrack, ...]  # by first frame
    segments: tuple[Segment, ...]  # by first frame, apart from each other
    others: tuple[OtherTrack, ...]  # faces of which no frame is drawn
    left_alone: tuple[LeftAlone | None, ...]  # (F,) why a frame is; None where a face is drawn

    def reasons(self, changed: NDArray[np.bool_]) -> list[LeftAlone | None]:
        """Why each frame keeps its own mouths; None where it does not.

        Args:
            changed: (F,) whether drawing changed a sample of the frame.
        """
        return [
            None if done else reason or LeftAlone.UNCHANGED
            for done, reason in zip(changed.tolist(), self.left_alone, strict=True)
        ]


@dataclass(frozen=True)
class PlanConfig:
    """How a title is planned."""

    mask: MaskConfig
    crop: CropConfig
    left_alone: LeftAloneConfig


def plan_title(video: VideoInfo, faces: ChosenTracks, config: PlanConfig) -> TitlePlan:
    """Decide for every frame which of the chosen faces are drawn in it."""
    tracks: list[PlannedTrack] = []
    others = list(faces.others)
    left_alone = list(faces.left_alone)
    drawn = np.zeros(len(left_alone), np.bool_)
    for track in faces.tracks:
        person = study_person(track, config.mask)
        drawing = _plan_track(video, track, person, config.left_alone)
        left_alone[track.first : track.end] = drawing.reasons
        drawn[track.first : track.end] |= [reason is None for reason in drawing.reasons]
        if drawing.drawn:
            crop = track_crop(track, person, config.crop)
            tracks.append(PlannedTrack(track, person, drawing, crop))
        else:
            others.append(_not_drawn(track, drawing))
    others.sort(key=lambda other: (other.first, other.shot, other.number))
    return TitlePlan(
        faces.timing,
        tuple(tracks),
        segments_of(tracks),
        tuple(others),
        # A frame with several faces is left alone if all of them are.
        tuple(
            None if any_drawn else reason
            for any_drawn, reason in zip(drawn.tolist(), left_alone, strict=True)
        ),
    )


def _plan_track(
    video: VideoInfo, track: FaceTrack, person: Person, config: LeftAloneConfig
) -> DrawingPlan:
    size = square_size(video.width, video.height, video.pixel_aspect)
    samples = track.samples
    outside = mouth_outside(track.landmarks, *size, track.scheme)
    outside |= on_flat_colour(samples, track.scheme)
    return plan_drawing(
        track_pose(track, person),
        samples,
        HiddenMouth(outside & track.seen, ~track.seen),
        float(track.fps),
        track.scheme,
        config,
    )


def _not_drawn(track: FaceTrack, drawing: DrawingPlan) -> OtherTrack:
    """A face that is left alone throughout, with the most frequent reason."""
    counts: Mapping[LeftAlone, int] = {
        reason: drawing.reasons.count(reason) for reason in drawing.reasons if reason
    }
    reason = max(counts, key=counts.__getitem__)
    middle = len(track) // 2
    portrait = portrait_of(track.first + middle, np.asarray(track.landmarks[middle]))
    return OtherTrack(track.shot, track.number, track.first, track.end, reason, portrait)


def segments_of(tracks: Sequence[PlannedTrack]) -> tuple[Segment, ...]:
    """The segments of a film: longest ranges of frames with the same redraws."""
    redraws: dict[int, tuple[int, ...]] = {}
    for number, planned in enumerate(tracks):
        for frame in (np.flatnonzero(planned.drawing.strength > 0) + planned.track.first).tolist():
            redraws[frame] = (*redraws.get(frame, ()), number)
    segments: list[Segment] = []
    # Frames in a row with equal redraws have the same difference of frame and place.
    for (_, drawn), frames in groupby(
        enumerate(sorted(redraws)), key=lambda each: (each[1] - each[0], redraws[each[1]])
    ):
        numbers = [frame for _, frame in frames]
        segments.append(Segment(numbers[0], numbers[-1] + 1, drawn))
    return tuple(segments)
