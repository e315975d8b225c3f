"""A face track with all that is known of it before the dub."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.left_alone import DrawingPlan
from mytalk_core.dubbing.person import Person
from mytalk_core.faces.crop import CropConfig
from mytalk_core.films.face_track import FaceTrack


@dataclass(frozen=True)
class PlannedTrack:
    """A face, its person, and the frames in which it is or could be drawn."""

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

    def part(self, first: int, end: int) -> "PlannedTrack":
        """Frames [first, end) of the film, as far as the track has them."""
        part = self.track.part(first, end)
        low = part.first - self.track.first
        high = low + len(part)
        drawing = DrawingPlan(self.drawing.strength[low:high], self.drawing.reasons[low:high])
        return replace(self, track=part, drawing=drawing)
