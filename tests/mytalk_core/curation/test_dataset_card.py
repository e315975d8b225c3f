"""The dataset card has all facts, is self-contained and runs no scripts."""

import re
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.curation.card_plots import format_duration
from mytalk_core.curation.dataset_card import DatasetCard, Strip, write_dataset_card
from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.curation.distributions import MEASUREMENTS, Histogram
from mytalk_core.curation.face_groups import GROUP_SCHEMA
from mytalk_core.curation.filters import FilterConfig
from mytalk_core.curation.funnel import Amount, Funnel, FunnelLine, LicenceLine, SpeakerLine
from mytalk_core.data.curated import CARD, CARD_TEXT
from mytalk_core.data.storage import open_store
from mytalk_core.errors import Reason

HOUR = Amount(400, 3_600_000)
HALF = Amount(200, 1_800_000)
EVIL = "<script>alert(1)</script>"


def card(strips: tuple[Strip, ...] = (), speakers: int = 2) -> DatasetCard:
    counts = np.zeros(MEASUREMENTS[1].bins + 2, np.int64)
    counts[[0, 5, -1]] = 3
    funnel = Funnel(
        configuration_id="0123",
        input=HOUR,
        kept=HALF,
        lines=(
            FunnelLine("before", Reason.NO_FACE, "", Amount(), Amount(), 0, HOUR),
            FunnelLine("filter", Reason.TOO_SHORT, "duration >= 1 s", HALF, HALF, 7, HALF),
        ),
        splits={"train": HALF, "val": Amount(), "test": Amount()},
        speakers=tuple(
            SpeakerLine(f"{EVIL}{number}", "train", HOUR, HALF, {}) for number in range(speakers)
        ),
        licences=(LicenceLine("", 3, HOUR, HALF), LicenceLine("CC0-1.0", 1, HALF, HALF)),
    )
    faces = GROUP_SCHEMA.empty_table()
    config = CurateConfig(filters=FilterConfig(max_sync_offset=6.0), holdout=frozenset({"eve"}))
    histogram = Histogram(MEASUREMENTS[1], counts, counts // 3, unmeasured=1)
    return DatasetCard(funnel, [histogram], faces, strips, config, {'{"mytalk": "1"}': 200})


def written(folder: Path, what: DatasetCard) -> tuple[str, str]:
    write_dataset_card(open_store(folder), what)
    return (folder / CARD).read_text(), (folder / CARD_TEXT).read_text()


def test_page_and_text_have_the_same_facts(tmp_path: Path) -> None:
    for text in written(tmp_path, card()):
        for fact in ("30 min 0 s", "50% of 1 h 0 min", "200 of 400", "duration >= 1 s", "CC0-1.0"):
            assert fact in text.replace("&gt;", ">")
        assert re.search(r"(<td>|\| )unknown(</td>| \|)", text)
        assert "not no face before" in text
        assert "eve" in text


def test_the_page_is_self_contained_and_runs_no_scripts(tmp_path: Path) -> None:
    page, _ = written(tmp_path, card())
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "default-src 'none'" in page


def test_the_text_refers_to_existing_pictures(tmp_path: Path) -> None:
    _, text = written(tmp_path, card((Strip("k-0", "ann", "train", b"jpeg"),)))
    shown = re.findall(r"\]\((dataset_card/[^)]+)\)", text)
    assert len(shown) == len(set(shown)) == 5
    assert all((tmp_path / name).is_file() for name in shown)


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "one", card()) == written(tmp_path / "two", card())


def test_the_limit_of_a_filter_is_drawn(tmp_path: Path) -> None:
    written(tmp_path, card())
    drawn = (tmp_path / "dataset_card" / "distribution_face_height.svg").read_text()
    assert drawn.count("stroke-dasharray") == 1


def test_only_the_first_of_many_speakers_are_listed(tmp_path: Path) -> None:
    page, _ = written(tmp_path, card(speakers=1000))
    assert "970 more" in page


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 s"),
        (12_400, "12 s"),
        (59_600, "1 min 0 s"),
        (270_000, "4 min 30 s"),
        (12_000_000, "3 h 20 min"),
        (4_442_400_000, "1,234 h"),
    ],
)
def test_durations_are_formatted_by_size(milliseconds: int, text: str) -> None:
    assert format_duration(Amount(1, milliseconds)) == text
