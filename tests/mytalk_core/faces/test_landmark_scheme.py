"""Landmark schemes name points that exist, each once."""

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
def test_groups_name_existing_points_once(scheme: LandmarkScheme, group: str) -> None:
    points = getattr(scheme, group)
    assert len(set(points)) == len(points)
    assert all(0 <= point < scheme.point_count for point in points)


@both
def test_what_moves_is_lips_then_jaw(scheme: LandmarkScheme) -> None:
    assert scheme.moving == scheme.outer_lips + scheme.inner_lips + scheme.jaw


@both
def test_nothing_that_is_aligned_by_or_told_the_model_moves(scheme: LandmarkScheme) -> None:
    assert not set(scheme.moving) & set(scheme.rigid)
    assert not set(scheme.moving) & set(scheme.pose_context)


@both
def test_the_axes_of_the_face_are_rigid(scheme: LandmarkScheme) -> None:
    assert set(scheme.eye_corners + scheme.vertical) <= set(scheme.rigid)


@both
def test_the_mouth_is_measured_on_the_inner_lips(scheme: LandmarkScheme) -> None:
    measured = set(chain.from_iterable(scheme.aperture_pairs)) | set(scheme.mouth_corners)
    assert measured <= set(scheme.inner_lips)


@both
def test_aperture_pairs_face_each_other(scheme: LandmarkScheme) -> None:
    """The contour runs along the lower lip and back: a pair is mirrored about the corners."""
    ring = scheme.inner_lips
    for upper, lower in scheme.aperture_pairs:
        assert ring.index(upper) == len(ring) - ring.index(lower)


def test_schemes_are_found_by_name() -> None:
    assert SCHEMES == {"mesh478": MESH478, "ibug68": IBUG68}
