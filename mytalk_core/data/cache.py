"""Where downloaded models and footage are kept between runs."""

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """`$MYTALK_CACHE`, or the user's cache folder of this program. The folder need not exist."""
    return Path(os.environ.get("MYTALK_CACHE") or platformdirs.user_cache_path("mytalk"))
