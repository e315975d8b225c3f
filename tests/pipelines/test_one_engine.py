import ast
from pathlib import Path

import pytest

import pipelines

ENGINES = {"ray", "apache_beam"}
MODULES = sorted(
    path for path in Path(pipelines.__file__).parent.glob("*.py") if path.stem != "__init__"
)


def imported_packages(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_pipeline_mixes_engines(module):
    """`train_sync` uses none: an expert is trained within minutes in one process."""
    assert len(ENGINES & imported_packages(module.read_text())) <= 1
