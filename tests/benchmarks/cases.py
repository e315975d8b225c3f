"""Regression checks of `tests/cases.py` as a table of expected and measured results.

    python tests/benchmarks/cases.py [NAME...]

Makes the inputs from the corpus beside the clone or from the sample clips, and dubs or preprocesses
each. Exits with 1 where a result is wrong.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from mytalk_core.dubbing.models import named_models
from mytalk_core.dubbing.tools import DubTools
from tests.case_checks import CHECKS, CaseResult, CaseRunner
from tests.cases import CaseInputs, footage_of_this_machine, run_program
from tests.title_runs import Networks


def main() -> int:
    names = sys.argv[1:] or list(CHECKS)
    table = Table("input", "expected", "measured", "")
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder, results = Path(scratch, "inputs"), Path(scratch, "results")
        folder.mkdir()
        results.mkdir()
        inputs = CaseInputs(folder, footage_of_this_machine(Path(scratch)), run_program)
        models = named_models(None, None)
        networks = Networks(models, DubTools(models.here(), threads=1))
        runner = CaseRunner(inputs, results, networks)
        for name in track(names, console=Console(stderr=True)):
            try:
                result = CHECKS[name](runner)
            except Exception as error:
                result = CaseResult("", f"{type(error).__name__}: {error}", False)
            wrong += not result.ok
            table.add_row(name, result.expected, result.measured, "ok" if result.ok else "WRONG")
    Console(width=130).print(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
