from pathlib import Path

import pytest

from mytalk_core.errors import BadInputError
from mytalk_core.evaluation.appearance_cases import AppearanceCases
from tests.synthetic_face import write_curated


def test_every_clip_has_a_reconstruction_and_a_cross(tmp_path: Path) -> None:
    cases = AppearanceCases([write_curated(tmp_path, {"test": ["ann", "li"]}, clips=3)], "test")
    assert len(cases) == 6
    found = list(cases)
    assert [own.is_reconstruction for own, _ in found] == [True] * 6
    ring = {own.source: cross.target for own, cross in found if own.speaker == "ann"}
    assert len(ring) == 3
    assert set(ring) == set(ring.values())
    for own, cross in found:
        assert cross.source == own.source != cross.target
        assert cross.target.startswith(own.speaker)


def test_a_speaker_with_a_single_clip_has_no_cross(tmp_path: Path) -> None:
    cases = AppearanceCases([write_curated(tmp_path, {"test": ["ann"]}, clips=1)], "test")
    assert [len(clip) for clip in cases] == [1]


def test_a_speaker_of_two_data_sets_counts_twice(tmp_path: Path) -> None:
    data = [
        write_curated(tmp_path / "small", {"test": ["ann", "li"]}, clips=2),
        write_curated(tmp_path / "large", {"test": ["ann"]}, clips=2, frames=30),
    ]
    cases = AppearanceCases(data, "test")
    assert len(cases) == 6
    found = [case for clip in cases for case in clip]
    assert {case.speaker for case in found} == {"ann in small", "ann in large", "li"}
    large = [case for case in found if case.speaker == "ann in large"]
    assert {len(case.landmarks) for case in large} == {30}


def test_data_sets_of_equal_name_are_distinguished_by_path(tmp_path: Path) -> None:
    data = [write_curated(tmp_path / one / "data", {"test": ["ann"]}) for one in ("a", "b")]
    speakers = {case.speaker for clip in AppearanceCases(data, "test") for case in clip}
    assert speakers == {f"ann in {folder}" for folder in data}


def test_a_data_set_without_clips_of_the_split_is_rejected(tmp_path: Path) -> None:
    data = write_curated(tmp_path, {"train": ["ann"]})
    with pytest.raises(BadInputError, match="no clips of the split 'test'"):
        AppearanceCases([data], "test")
