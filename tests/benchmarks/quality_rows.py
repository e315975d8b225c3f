"""The quality of a large catalogue: `make bench BENCH=quality_rows ARGS="[TITLES] [LINES]"`.

TITLES titles (100,000) have reports of LINES lines (24). They are rolled up by one process, then by
two: elapsed and processor time, the largest resident size of a process, sizes of the files. Then
the page is opened in Chromium: time until it is ready, heap, filters, sorts. Reports are links to a
few files.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from playwright.sync_api import sync_playwright
from rich.console import Console

from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import RunStart, TitleRecord
from mytalk_core.data.storage import open_store
from mytalk_core.dubbing.title_report.document import write_document
from mytalk_core.errors import Reason
from tests.quality_runs import dubbed, failed

_LANGUAGES = ("de", "fr", "es", "it", "pt-BR", "pl", "ja", "ko", "hi")
_REPORTS = 20  # different ones
_TWO = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
_ROLL_UP = """
import resource, sys
from mytalk_core.data.storage import open_store
from pipelines.beam_runs import BeamEngine
from pipelines.quality import QualityRun, roll_up

run = QualityRun(open_store(sys.argv[1]), open_store(sys.argv[2]))
roll_up(run, engine=BeamEngine(options=tuple(sys.argv[3:])))
used = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(*(each.ru_maxrss for each in used), sum(each.ru_utime + each.ru_stime for each in used))
"""
_PAGE = """quality.then(p => {
    const a = performance.now();
    p.box.value = "show fr"; p.filter();
    const b = performance.now();
    p.box.value = "1"; p.filter();
    const c = performance.now();
    p.box.value = ""; p.filter();
    const d = performance.now();
    p.grid.sort(p.grid.columns.find((each) => each.label === "Stretch"));
    const e = performance.now();
    p.grid.sort(p.grid.columns.find((each) => each.label === "Title"));
    const f = performance.now();
    return [b - a, c - b, e - d, f - e, performance.memory.usedJSHeapSize / 1e6];
})"""


def _records(titles: int) -> list[TitleRecord]:
    """Films in nine languages; one title of 53 has no film."""
    found = []
    for number in range(titles):
        film, language = number // 9, _LANGUAGES[number % 9]
        id, labels = f"film{film:06d}_{language}", {"studio": f"Studio {film % 7}"}
        labels["show"] = f"Show {film % 500}"
        made = failed(id, language, Reason.NO_FACE) if number % 53 == 7 else None
        record = made.record if made else _RECORD
        source = f"s3://studio/film{film:06d}.mov"
        record = replace(record, id=id, run=1, language=language, source=source, **labels)
        if not made:
            output = f"{id}/{id}.mp4"
            record = replace(record, output=output, report=f"{output}.report.html")
        found.append(record)
    return found


_RECORD = dubbed("film", "de").record


def _write(results: Path, titles: int, lines: int) -> None:
    """Write the ledger of a run, and reports."""
    Ledger(open_store(results)).begin(RunStart(0, "", "", "", ""))
    records = _records(titles)
    table = results / "ledger/tables/00000001-0001.parquet"
    table.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([asdict(each) for each in records]), table)
    reports = []
    for number in range(_REPORTS):
        reports.append(results / f"report{number}.json")
        made = dubbed("film", "de", lines + number - _REPORTS // 2)
        assert made.report is not None
        write_document(reports[-1], made.report)
    for number, record in enumerate(records):
        if record.output:
            path = results / f"{record.output}.report.json"
            path.parent.mkdir()
            os.link(reports[number % _REPORTS], path)


def _rolled_up(name: str, results: Path, out: Path, *options: str) -> None:
    start = time.monotonic()
    command = [sys.executable, "-c", _ROLL_UP, str(results), str(out), *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.monotonic() - start
    own, children, processor = map(float, done.stdout.split())
    sizes = ", ".join(f"{each.name} {each.stat().st_size / 1e6:.1f} MB" for each in out.iterdir())
    Console(width=200).print(
        f"{name:<14} {seconds:>7.1f} s, processor {processor:.1f} s, {own / 1024:.0f} MB,"
        f" workers {children / 1024:.0f} MB; {sizes}"
    )


def _opened(page: Path) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        opened = chromium.new_page()
        opened.goto(page.as_uri())
        opened.wait_for_selector("html[data-ready]")
        ready = int(opened.evaluate("document.documentElement.dataset.ready"))
        first, again, numbers, texts, heap = opened.evaluate(_PAGE)
        chromium.close()
    Console(width=200).print(
        f"page ready {ready} ms, heap {heap:.0f} MB; first filter {first:.0f} ms, later"
        f" {again:.0f} ms; sort by a number {numbers:.0f} ms, by a text {texts:.0f} ms"
    )


def main(titles: int = 100_000, lines: int = 24) -> None:
    """Print a row for each measurement."""
    with tempfile.TemporaryDirectory() as folder:
        results, out = Path(folder) / "out", Path(folder) / "quality"
        _write(results, titles, lines)
        _rolled_up("one process", results, out)
        _rolled_up("two processes", results, out, *_TWO)
        _opened(out / "quality.html")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
