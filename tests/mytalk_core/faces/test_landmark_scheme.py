"""Consistency of the landmark schemes."""

from itertools import chain

import pytest

from mytalk_core.faces.landmark_scheme import IBUG68, MESH478, SCHEMES, LandmarkScheme

both = pytest.mark.parametrize("scheme", [MESH478, IBUG68], ids=lambda scheme: scheme.name)
GROUPS = ("outer_lips", "inner_lips", "jaw", "rigid", "pose_context", "eye_corners", "vertical") + (
    "mouth_corners",
    "cheeks",
    "lips",
    "moving",
)


@both
@pytest.mark.parametrize("group", GROUPS)
def test_groups_hold_valid_indices_once(scheme: LandmarkScheme, group: str) -> None:
    points = getattr(scheme, group)
    assert len(set(points)) == len(points)
    assert all(0 <= point < scheme.point_count for point in points)


@both
def test_moving_points_are_lips_then_jaw(scheme: LandmarkScheme) -> None:
    assert scheme.moving == scheme.outer_lips + scheme.inner_lips + scheme.jaw


@both
def test_rigid_and_context_points_are_not_moving_points(scheme: LandmarkScheme) -> None:
    assert not set(scheme.moving) & set(scheme.rigid)
    assert not set(scheme.moving) & set(scheme.pose_context)


@both
def test_the_axes_of_the_face_are_rigid(scheme: LandmarkScheme) -> None:
    assert set(scheme.eye_corners + scheme.vertical) <= set(scheme.rigid)


@both
def test_mouth_measurements_use_inner_lip_points(scheme: LandmarkScheme) -> None:
    measured = set(chain.from_iterable(scheme.aperture_pairs)) | set(scheme.mouth_corners)
    assert measured <= set(scheme.inner_lips)


@both
def test_aperture_pairs_are_opposite_each_other(scheme: LandmarkScheme) -> None:
    """The positions of a pair in the contour are mirrored about the corners."""
    ring = scheme.inner_lips
    for upper, lower in scheme.aperture_pairs:
        assert ring.index(upper) == len(ring) - ring.index(lower)


def test_schemes_are_found_by_name() -> None:
    assert SCHEMES == {"mesh478": MESH478, "ibug68": IBUG68}
