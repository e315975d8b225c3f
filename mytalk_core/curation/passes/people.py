"""Group clips without a speaker name into people: within titles, then across titles."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mytalk_core.curation.face_groups import (
    GROUP_SCHEMA,
    centroids,
    describe_groups,
    group_names,
    links,
    people_of_titles,
)
from mytalk_core.curation.passes.work import Work
from mytalk_core.data.curated import SPEAKERS, write_table

_BLOCK = 2048  # people per side of a block of distances
_LINK_SCHEMA = pa.schema([("one", pa.int64()), ("other", pa.int64())])


def within_titles(work: Work, number: int) -> None:
    """Cluster the faces of each title into people."""
    people, members = people_of_titles(work.read("faces", number), work.config.faces)
    work.write_part("people", number, people.schema, [people])
    work.write_part("members", number, members.schema, [members])


def across_titles(work: Work, number: int) -> None:
    """Link the people of a range with those of this and all later ranges."""
    own = centroids(work.read_part("people", number))
    found = [np.empty((0, 2), np.int64)]
    for other in range(number, work.ranges) if len(own) else ():
        theirs = centroids(work.read_part("people", other))
        for start in range(0, len(own), _BLOCK):
            for begin in range(0, len(theirs), _BLOCK):
                pairs = links(
                    own[start : start + _BLOCK], theirs[begin : begin + _BLOCK], work.config.faces
                )
                found.append(pairs + np.array([number << 32 | start, other << 32 | begin]))
    one, others = np.concatenate(found).T
    table = pa.Table.from_arrays([pa.array(one), pa.array(others)], schema=_LINK_SCHEMA)
    work.write_part("links", number, _LINK_SCHEMA, [table])


def connect_people(work: Work, _: int) -> None:
    """Name the groups of people, and write their table."""
    tables = [work.read_part("people", number) for number in range(work.ranges)]
    starts = np.cumsum([0, *(table.num_rows for table in tables)])
    people = pa.concat_tables(tables)
    links_found = pa.concat_tables(work.read_part("links", number) for number in range(work.ranges))
    pairs = np.stack([_absolute(links_found[name], starts) for name in _LINK_SCHEMA.names], 1)
    names = group_names(people["smallest_key"].to_pylist(), pairs)
    write_table(work.store, SPEAKERS, GROUP_SCHEMA, [describe_groups(people, names)])
    table = pa.table({"speaker": pa.array(names, pa.string())})
    of_ranges = (table.slice(start, end - start) for start, end in pairwise(starts))
    work.write_part("names", 0, table.schema, of_ranges)


def _absolute(numbers: pa.ChunkedArray, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    pairs = numbers.to_numpy()
    absolute: NDArray[np.int64] = starts[pairs >> 32] + (pairs & 0xFFFFFFFF)
    return absolute


def name_clips(work: Work, number: int) -> None:
    """Send each person's name to the ranges of the person's clips."""
    members = work.read_part("members", number)
    names = work.read_part("names", 0, number)
    table = pa.table({"row": members["row"], "speaker": names["speaker"].take(members["person"])})
    work.write_by_row("names_of_rows", number, table)
