"""What is decided about an input, and under which reasons it is counted."""

from dataclasses import replace
from itertools import permutations

from mytalk_core.data.curation import (
    Candidate,
    CurateConfig,
    Loss,
    configuration,
    configuration_id,
    decide,
    is_input,
)
from mytalk_core.data.filters import FilterConfig
from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.data.shard_index import SampleBytes
from mytalk_core.errors import ErrorClass, Reason

KEY = "a-00000-00-000"
ROW = ManifestRow(
    id=KEY,
    kind=Kind.CLIP,
    source="a.mp4",
    title="a",
    speaker="s1",
    status=Status.OK,
    duration_seconds=3.0,
    face_height=135.0,
    shard="shard-00000.tar",
    key=KEY,
)
HERE = Candidate(ROW, manifest="m1", shard="/one/shard-00000.tar")
PLACE = SampleBytes(HERE.shard, offset=512, size=2048)
CONFIG = CurateConfig(filters=FilterConfig(min_seconds=1.0, min_face_height=64.0))


def test_a_good_clip_is_kept_as_it_is() -> None:
    (decision,) = decide([HERE], [PLACE], CONFIG)
    assert decision.kept
    assert decision.row == ROW
    assert decision.place == PLACE


def test_all_reasons_count_and_the_first_is_the_rows() -> None:
    poor = replace(HERE, row=replace(ROW, duration_seconds=0.4, face_height=20.0))
    (decision,) = decide([poor], [PLACE], CONFIG)
    assert decision.losses == (
        Loss("filter", Reason.TOO_SHORT),
        Loss("filter", Reason.FACE_TOO_SMALL),
    )
    assert (decision.row.status, decision.row.reason) == (Status.FILTERED, Reason.TOO_SHORT)
    assert decision.row.message == "duration >= 1 s"


def test_a_clip_lost_before_keeps_its_story_and_is_still_judged() -> None:
    failed = replace(
        ROW, status=Status.FAILED, reason=Reason.DECODE_ERROR, stage="crop", face_height=20.0
    )
    (decision,) = decide([replace(HERE, row=failed)], [], CONFIG)
    assert decision.row == failed
    assert decision.losses == (
        Loss("before", Reason.DECODE_ERROR),
        Loss("filter", Reason.FACE_TOO_SMALL),
    )


def test_filters_for_clips_do_not_judge_a_failed_source() -> None:
    source = replace(ROW, kind=Kind.SOURCE, status=Status.FAILED, reason=Reason.NO_FACE, key="")
    (decision,) = decide([Candidate(source, "m1", "")], [], CONFIG)
    assert decision.losses == (Loss("before", Reason.NO_FACE),)
    assert decision.unmeasured == ()


def test_a_clip_without_bytes_fails_and_says_where_they_should_be() -> None:
    elsewhere = replace(PLACE, shard="/two/shard-00000.tar")
    (decision,) = decide([HERE], [elsewhere], CONFIG)
    assert decision.losses == (Loss("gather", Reason.NOT_FOUND),)
    assert (decision.row.status, decision.row.error_class) == (
        Status.FAILED,
        ErrorClass.BAD_INPUT,
    )
    assert "shard-00000.tar" in decision.row.message


def test_of_one_key_one_row_is_kept_whatever_the_order() -> None:
    absent = replace(HERE, manifest="m0", shard="/gone/shard-00000.tar")
    copy = replace(HERE, manifest="m2", shard="/two/shard-00000.tar")
    places = [PLACE, replace(PLACE, shard=copy.shard)]
    for candidates in permutations([HERE, absent, copy]):
        decisions = decide(candidates, places, CONFIG)
        assert [decision.place for decision in decisions if decision.kept] == [PLACE]
        assert sorted(loss.reason for each in decisions for loss in each.losses) == [
            Reason.DUPLICATE,
            Reason.NOT_FOUND,
        ]


def test_the_first_sample_of_a_key_in_a_shard_counts() -> None:
    later = replace(PLACE, offset=9 * 512)
    for places in ([PLACE, later], [later, PLACE]):
        assert decide([HERE], places, CONFIG)[0].place == PLACE


def test_a_source_that_went_well_is_no_input_of_its_own() -> None:
    source = replace(ROW, kind=Kind.SOURCE)
    assert not is_input(source)
    assert is_input(replace(source, status=Status.FAILED))
    assert is_input(ROW)


def test_the_configuration_names_the_result() -> None:
    def name(config: CurateConfig, *digests: str) -> str:
        return configuration_id(configuration(config, digests))

    assert name(CONFIG, "m1", "m2") == name(CONFIG, "m2", "m1")
    held_out = [replace(CONFIG, holdout=frozenset(names)) for names in (["a", "b"], ["b", "a"])]
    assert name(held_out[0], "m1") == name(held_out[1], "m1")
    others = [CurateConfig(FilterConfig(min_seconds=2.0)), held_out[0]]
    assert len({name(config, "m1") for config in [CONFIG, *others]} | {name(CONFIG, "m2")}) == 4
