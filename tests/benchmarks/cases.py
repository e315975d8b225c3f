"""What becomes of the inputs that were once handled wrongly, beside what is right.

    python tests/benchmarks/cases.py [NAME...]

Makes the inputs of `tests/cases.py` from the corpus beside the clone, or from the sample clips,
dubs or preprocesses each, and prints a table. Ends with 1 where a row is wrong.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from mytalk_core.dubbing.models import stored_models
from tests.case_answers import ANSWERS, Answer, Studio
from tests.cases import Kitchen, footage_of_this_machine, run_program


def main() -> int:
    names = sys.argv[1:] or list(ANSWERS)
    table = Table("input", "right", "measured", "")
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        inputs, results = Path(scratch, "inputs"), Path(scratch, "results")
        inputs.mkdir()
        results.mkdir()
        kitchen = Kitchen(inputs, footage_of_this_machine(Path(scratch)), run_program)
        studio = Studio(kitchen, results, stored_models(None, None))
        for name in track(names, console=Console(stderr=True)):
            try:
                answer = ANSWERS[name](studio)
            except Exception as error:
                answer = Answer("", f"{type(error).__name__}: {error}", False)
            wrong += not answer.ok
            table.add_row(name, answer.right, answer.measured, "ok" if answer.ok else "WRONG")
    Console(width=130).print(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
