import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLES = ("PYANNOTE_METRICS_ENABLED", "RAY_USAGE_STATS_ENABLED", "HF_HUB_DISABLE_TELEMETRY")


def after_import(**given: str) -> list[str]:
    script = f"import os, mytalk_core; print(*(os.environ[name] for name in {VARIABLES}))"
    bare = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**bare, **given},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_no_library_reports_usage_by_default():
    assert after_import() == ["false", "0", "1"]


@pytest.mark.parametrize("name", VARIABLES)
def test_a_setting_of_the_user_is_kept(name):
    assert after_import(**{name: "chosen"})[VARIABLES.index(name)] == "chosen"
