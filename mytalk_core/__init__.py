"""MyTalk: re-render the lips of actors so that they match a translated voice track."""

import os

__version__ = "0.14.0"

# Switch off usage reports of libraries: unreleased footage is confidential, and so is the fact that
# it is being processed. This is the first code of the project to run, also in workers. A variable
# that is already set is kept.
for _variable, _silent in (
    ("PYANNOTE_METRICS_ENABLED", "false"),  # voice activity, through whisperx
    ("RAY_USAGE_STATS_ENABLED", "0"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
):
    os.environ.setdefault(_variable, _silent)
