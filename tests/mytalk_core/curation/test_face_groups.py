"""Faces of one person are one group and faces of different people are not, in any order."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.curation.face_groups import (
    DIMENSIONS,
    FaceGroupConfig,
    centroids,
    describe_groups,
    distances,
    group_names,
    links,
    people_of_titles,
)

CONFIG = FaceGroupConfig()
PEOPLE = np.random.default_rng(0).normal(0, 0.9 / 16, (4, DIMENSIONS)).astype(np.float32)


def clips(*faces: tuple[str, int, int]) -> pa.Table:
    """Clips of (title, shot, person), each about 0.2 from the person's mean."""
    random = np.random.default_rng(1)
    noise = random.normal(0, 0.2 / np.sqrt(DIMENSIONS), (len(faces), DIMENSIONS))
    return pa.table(
        {
            "title": [title for title, _, _ in faces],
            "key": [f"{title}-{shot:05d}-00-{n:03d}" for n, (title, shot, _) in enumerate(faces)],
            "row": np.arange(len(faces)),
            "embedding": pa.array(
                [
                    (PEOPLE[person] + noise[n]).astype(np.float32)
                    for n, (_, _, person) in enumerate(faces)
                ],
                pa.list_(pa.float32()),
            ),
        }
    )


TWO_TITLES = clips(("a", 0, 0), ("a", 1, 1), ("a", 2, 0), ("b", 0, 1), ("b", 1, 2), ("b", 1, 2))


def grouped(people: pa.Table) -> list[str]:
    vectors = centroids(people)
    pairs = links(vectors, vectors, CONFIG)
    return group_names(people["smallest_key"].to_pylist(), pairs)


def test_people_of_a_title_are_separated() -> None:
    people, members = people_of_titles(TWO_TITLES, CONFIG)
    assert people["clips"].to_pylist() == [2, 1, 1, 2]
    person = dict(zip(members["row"].to_pylist(), members["person"].to_pylist(), strict=True))
    assert [person[row] for row in range(6)] == [0, 1, 0, 2, 3, 3]


@given(st.permutations(range(6)))
def test_the_order_of_clips_does_not_matter(order: list[int]) -> None:
    people, members = people_of_titles(TWO_TITLES, CONFIG)
    others, their_members = people_of_titles(TWO_TITLES.take(pa.array(order)), CONFIG)
    assert others == people
    assert their_members.sort_by("row") == members.sort_by("row")


def test_the_same_person_is_one_group_across_titles() -> None:
    people, _ = people_of_titles(TWO_TITLES, CONFIG)
    one, two, two_again, three = grouped(people)
    assert two == two_again
    assert len({one, two, three}) == 3
    assert one.startswith("face:")


def test_added_data_does_not_change_names() -> None:
    people, _ = people_of_titles(TWO_TITLES, CONFIG)
    more = pa.concat_tables([TWO_TITLES, clips(("c", 0, 0), ("c", 1, 3))])
    assert set(grouped(people)) < set(grouped(people_of_titles(more, CONFIG)[0]))


def test_groups_have_spread_and_margin() -> None:
    people, _ = people_of_titles(TWO_TITLES, CONFIG)
    table = describe_groups(people, grouped(people), block=2)
    assert sum(table["titles"].to_pylist()) == 4
    assert sum(table["clips"].to_pylist()) == 6
    assert max(table["spread"].to_pylist()) < 0.3 < 0.6 < min(table["margin"].to_pylist())
    alone = describe_groups(people.slice(0, 1), ["face:1"])
    assert alone["margin"].to_pylist() == [float("inf")]


def test_no_clips_give_no_groups() -> None:
    people, members = people_of_titles(TWO_TITLES.slice(0, 0), CONFIG)
    assert people.num_rows == members.num_rows == describe_groups(people, []).num_rows == 0


def connected(pairs: NDArray[np.int64], count: int) -> list[int]:
    """The smallest member of each component, by repeated relaxation."""
    label = list(range(count))
    for _ in range(count):
        for one, other in pairs:
            label[one] = label[other] = min(label[one], label[other])
    return label


@settings(max_examples=30)
@given(st.integers(0, 12), st.integers(1, 12), st.integers(0, 2**32))
def test_few_links_give_the_components_of_all_close_pairs(
    some: int, others: int, seed: int
) -> None:
    points = np.random.default_rng(seed).normal(0, 0.05, (some + others, DIMENSIONS))
    points = points.astype(np.float32)
    left, right = points[:some], points[some:]
    config = FaceGroupConfig(0.78)
    all_pairs = np.argwhere(distances(left, right) <= config.max_distance) + [0, some]
    tree = links(left, right, config) + [0, some]
    assert connected(tree, some + others) == connected(all_pairs, some + others)
    assert len(tree) <= some + others
