"""Write the funnel and the dataset card from the counts of the other passes."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mytalk_core.curation.dataset_card import DatasetCard, Strip, write_dataset_card
from mytalk_core.curation.distributions import COUNTS_SHAPE, histograms
from mytalk_core.curation.funnel import build_funnel, funnel_json
from mytalk_core.curation.passes.rows import funnel_tables
from mytalk_core.curation.passes.work import Work
from mytalk_core.data.curated import FUNNEL, SPEAKERS, write_text
from mytalk_core.data.sample_strip import sample_strip
from mytalk_core.data.shard_index import SampleBytes
from mytalk_core.errors import BadInputError

_STRIPS = 6
_CANDIDATES = 60  # kept clips from which strips of different speakers are chosen


def write_account(work: Work, _: int) -> None:
    """Write the funnel and the dataset card."""
    funnel = build_funnel(funnel_tables(work), work.name, work.rules)
    counts = np.zeros(COUNTS_SHAPE, np.int64)
    versions: Counter[str] = Counter()
    for number in range(work.ranges):
        counts += work.read_part("counts", number)["count"].to_numpy().reshape(counts.shape)
        for each in work.read_part("versions", number).to_pylist():
            versions[each["values"]] += each["counts"]
    card = DatasetCard(
        funnel=funnel,
        histograms=list(histograms(counts)),
        faces=_faces(work),
        strips=list(_strips(work)),
        config=work.config,
        versions=dict(sorted(versions.items())),
    )
    write_dataset_card(work.store, card)
    write_text(work.store, FUNNEL, funnel_json(funnel))


def _faces(work: Work) -> pa.Table:
    with work.store.open_read(SPEAKERS) as file:
        return pq.read_table(file)


def _strips(work: Work) -> Iterator[Strip]:
    """Yield pictures of the first readable clips of the shuffle, one per speaker."""
    shown: set[str] = set()
    for clip in _first_kept(work).to_pylist():
        if len(shown) == _STRIPS or clip["speaker"] in shown:
            continue
        place = SampleBytes(clip["path"], clip["key"], clip["offset"], clip["size"])
        try:
            jpeg = sample_strip(place)
        except BadInputError:  # a dry run does not need the shards
            continue
        shown.add(clip["speaker"])
        yield Strip(clip["key"], clip["speaker"], clip["split"], jpeg)


def _first_kept(work: Work) -> pa.Table:
    columns = ["path", "key", "offset", "size", "speaker", "split", "losses"]
    tables: list[pa.Table] = []
    for number in range(work.ranges):
        rows = work.read_part("decided", number, columns=columns)
        tables.append(rows.filter(pc.equal(rows["losses"], 0)))
        if sum(table.num_rows for table in tables) >= _CANDIDATES:
            break
    return pa.concat_tables(tables).slice(0, _CANDIDATES)
