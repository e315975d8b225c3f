"""How long the page of a report takes to be ready, by number of lines.

    python -m tests.benchmarks.report_page

Needs /usr/bin/chromium.
"""

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from mytalk_core.dubbing.title_report.document import write_document
from mytalk_core.dubbing.title_report.page import write_page
from tests.title_reports import film_report

_RUNS = 3


def main() -> None:
    """Print one row for each number of lines."""
    table = Table(
        "lines", "written, s", "page, MB", "ready, ms", "largest", "filter, ms", "sort, ms"
    )
    table.add_column("heap, MB")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for lines in (48, 500, 2000):
            path = Path(folder) / f"{lines}.html"
            report = film_report(lines, 14)
            start = time.perf_counter()
            write_page(path, report)
            write_document(path.with_suffix(".json"), report)
            written = time.perf_counter() - start
            ready = []
            for _ in range(_RUNS):
                page = chromium.new_page()
                page.goto(path.as_uri())
                page.wait_for_selector("html[data-ready]")
                ready.append(int(page.evaluate("document.documentElement.dataset.ready")))
                measured = page.evaluate(
                    """report.then(p => {
                        const a = performance.now();
                        p.box.value = "viktor off-screen"; p.filter();
                        const b = performance.now();
                        p.box.value = ""; p.filter();
                        const c = performance.now();
                        p.grids.lines.sort(p.grids.lines.columns[3]);
                        const d = performance.now();
                        return [b - a, d - c, performance.memory.usedJSHeapSize / 1e6];
                    })"""
                )
                page.close()
            size = path.stat().st_size / 1e6
            table.add_row(
                f"{lines}",
                f"{written:.2f}",
                f"{size:.2f}",
                f"{statistics.median(ready):.0f}",
                f"{max(ready)}",
                *(f"{each:.0f}" for each in measured),
            )
        chromium.close()
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
