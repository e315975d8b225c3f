"""The split of a speaker depends on the speaker's name only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.splits import (
    SplitConfig,
    assign_split,
    check_clashes,
    position,
    speaker_group,
)
from mytalk_core.errors import BadInputError, Reason

NO_HOLDOUT: frozenset[str] = frozenset()
names = st.text(min_size=1, max_size=20)


@given(names, st.text(), st.text())
def test_the_split_does_not_depend_on_the_title_of_a_known_speaker(
    speaker: str, one: str, other: str
) -> None:
    config = SplitConfig(val_share=0.5)
    first = assign_split(speaker, one, NO_HOLDOUT, config)
    assert assign_split(speaker, other, NO_HOLDOUT, config) == first


@given(names, st.floats(0.0, 1.0))
def test_a_held_out_speaker_is_in_test(speaker: str, share: float) -> None:
    assert assign_split(speaker, "t", frozenset({speaker}), SplitConfig(share)) == "test"


@given(names, names)
def test_only_held_out_speakers_are_in_test(speaker: str, other: str) -> None:
    if speaker != other:
        assert assign_split(speaker, "t", frozenset({other}), SplitConfig(0.5)) != "test"


@given(names, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_larger_val_share_only_moves_speakers_from_train(
    speaker: str, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    if assign_split(speaker, "t", NO_HOLDOUT, SplitConfig(small)) == "val":
        assert assign_split(speaker, "t", NO_HOLDOUT, SplitConfig(large)) == "val"


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_shares_are_met_over_many_speakers(share: float) -> None:
    config = SplitConfig(val_share=share)
    in_val = sum(assign_split(f"s{n}", "", NO_HOLDOUT, config) == "val" for n in range(5000))
    assert in_val / 5000 == pytest.approx(share, abs=0.02)


def test_shares_zero_and_one_are_exact() -> None:
    for number in range(100):
        assert assign_split(f"s{number}", "", NO_HOLDOUT, SplitConfig(0.0)) == "train"
        assert assign_split(f"s{number}", "", NO_HOLDOUT, SplitConfig(1.0)) == "val"


def test_without_a_name_the_title_decides() -> None:
    config = SplitConfig(val_share=0.5)
    drawn = {assign_split("", f"title{number}", NO_HOLDOUT, config) for number in range(50)}
    assert drawn == {"train", "val"}
    assert speaker_group("", "s1") != speaker_group("s1", "")


def test_positions_are_the_same_in_every_process_and_release() -> None:
    # Constants: if they changed, every published split would change.
    assert position("speaker:s1", "mytalk-speakers-1") == pytest.approx(0.291305558907)


def test_names_that_differ_by_case_may_not_be_in_two_splits() -> None:
    check_clashes({"Ann": "train", "ann": "train", "bo": "val"}, "speakers")
    with pytest.raises(BadInputError) as refused:
        check_clashes({"Ann": "train", "ann": "test"}, "speakers")
    assert refused.value.reason is Reason.BAD_CONFIGURATION
    assert "--holdout Ann,ann" in str(refused.value)
