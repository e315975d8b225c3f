"""Print every problem of the files for clusters; exit with 1 where there is one."""

import sys
from collections.abc import Iterator

from infra.check.command_lines import manifest_problems, script_problems
from infra.check.documents import INFRA, documents
from infra.check.names import (
    file_problems,
    metric_problems,
    object_problems,
    variable_problems,
    version_problems,
)
from infra.check.permissions import permission_problems
from infra.check.rights import rights_problems
from infra.check.shapes import shape_problems
from infra.check.slurm import option_problems


def problems() -> Iterator[str]:
    """Yield every problem."""
    found = documents()
    misshapen = [problem for each in found for problem in shape_problems(each)]
    yield from misshapen
    if misshapen:
        return  # what follows reads fields
    for document in found:
        yield from rights_problems(document)
        yield from manifest_problems(document)
    yield from object_problems(found)
    yield from file_problems(found)
    yield from version_problems(found)
    for script in sorted((INFRA / "slurm").glob("*.sh")):
        yield from option_problems(script)
        yield from script_problems(script)
    yield from permission_problems(INFRA / "terraform")
    yield from variable_problems()
    yield from metric_problems()


def main() -> int:
    found = list(problems())
    for problem in found:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"{len(found)} problems\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
