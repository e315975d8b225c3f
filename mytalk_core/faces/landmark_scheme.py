"""Landmark schemes: the indices of face points by group. No other module uses an index."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class LandmarkScheme:
    """A numbering of face points, and the groups used by models and metrics.

    Left and right are the viewer's. Groups hold indices in [0, point_count).
    """

    name: str
    point_count: int
    # The closed outer lip contour: left corner, lower lip, right corner, upper lip.
    outer_lips: tuple[int, ...]
    # The inner lip contour in the same order.
    inner_lips: tuple[int, ...]
    # The outline of the lower face from ear lobe to ear lobe.
    jaw: tuple[int, ...]
    # Points that speech does not move (eye corners, nose bridge, forehead), used for alignment.
    rigid: tuple[int, ...]
    # Upper-face points from which a model infers pose and identity.
    pose_context: tuple[int, ...]
    # The rims of the left and the right eye.
    eyes: tuple[tuple[int, ...], tuple[int, ...]]
    # Outer eye corners; their distance is the inter-ocular unit.
    eye_corners: tuple[int, int]
    # Two rigid points, upper and lower, that define the vertical of the aligned face.
    vertical: tuple[int, int]
    # Pairs (upper, lower) of inner lip points whose mean distance is the mouth opening.
    aperture_pairs: tuple[tuple[int, int], ...]
    # Left and right inner mouth corner.
    mouth_corners: tuple[int, int]
    # The point between nose and upper lip.
    nose_base: int
    # Outline points of the cheeks at eye height, left and right.
    cheeks: tuple[int, int]

    @cached_property
    def lips(self) -> tuple[int, ...]:
        """All lip points, outer contour first."""
        return self.outer_lips + self.inner_lips

    @cached_property
    def moving(self) -> tuple[int, ...]:
        """The points that stage 1 predicts: lips, then jaw."""
        return self.lips + self.jaw


# MediaPipe face landmarker: 468 mesh points and 10 of the irises.
MESH478 = LandmarkScheme(
    name="mesh478",
    point_count=478,
    outer_lips=(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
    + (409, 270, 269, 267, 0, 37, 39, 40, 185),
    inner_lips=(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
    + (415, 310, 311, 312, 13, 82, 81, 80, 191),
    jaw=(132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361),
    rigid=(33, 133, 362, 263, 168, 6, 197, 195, 8, 9, 151, 10, 127, 356, 54, 284, 103, 332)
    + (162, 389, 122, 351),
    pose_context=(33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
    + (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
    + (46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
    + (168, 6, 197, 195, 5, 4, 1, 98, 97, 2, 326, 327, 10, 338, 297, 332, 284, 109, 67, 103, 54),
    eyes=(
        (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
        (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    ),
    eye_corners=(33, 263),
    vertical=(10, 195),
    aperture_pairs=((13, 14), (82, 87), (312, 317), (81, 178), (311, 402)),
    mouth_corners=(78, 308),
    nose_base=2,
    cheeks=(234, 454),
)

# The 68 points of iBUG 300-W in the order of face-alignment.
IBUG68 = LandmarkScheme(
    name="ibug68",
    point_count=68,
    outer_lips=(48, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49),
    inner_lips=(60, 67, 66, 65, 64, 63, 62, 61),
    jaw=tuple(range(2, 15)),
    rigid=(36, 39, 42, 45, 27, 28, 29, 30),
    pose_context=tuple(range(17, 48)),
    eyes=((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47)),
    eye_corners=(36, 45),
    vertical=(27, 29),
    aperture_pairs=((62, 66), (61, 67), (63, 65)),
    mouth_corners=(60, 64),
    nose_base=33,
    cheeks=(0, 16),
)

SCHEMES = {scheme.name: scheme for scheme in (MESH478, IBUG68)}
