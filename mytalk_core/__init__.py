"""MyTalk: re-render the lips of actors so that they match a translated voice track."""

import os

__version__ = "0.8.0"

# Libraries that report usage unless told otherwise. Footage before its release is confidential,
# and so is that somebody works on it. Here, because nothing of ours runs before this line, in
# workers too; who wants a report sent sets the variable beforehand.
for _variable, _silent in (
    ("PYANNOTE_METRICS_ENABLED", "false"),  # voice activity, through whisperx
    ("RAY_USAGE_STATS_ENABLED", "0"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
):
    os.environ.setdefault(_variable, _silent)
