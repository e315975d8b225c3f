"""A program that runs the small graph as `mytalk dub` would.

python -m tests.small_graph_run WORK OUT PROCESSES
"""

import os
import sys
from pathlib import Path

from jobs.console import guarded, install_signal_handlers
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.media_file import MediaFile
from mytalk_core.media.output import atomic_path
from pipelines.local import LocalRunner
from tests.small_graph import SLEEP, PartRequest, no_tools, run_graph


def main(work: Path, out: Path, processes: int) -> None:
    def run() -> None:
        runner = LocalRunner(Artifacts(work), no_tools, lambda *report: None, processes)
        with runner:
            film = run_graph(runner)
            with atomic_path(out) as temporary:
                temporary.write_bytes(film)
            if os.environ.get("THEN_SLEEP"):
                runner.start(SLEEP, PartRequest(0, MediaFile(out.with_name("pid"), ""))).result()

    install_signal_handlers()
    sys.exit(guarded(run))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
