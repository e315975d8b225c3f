"""The cache of downloaded models and footage."""

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """Return `$MYTALK_CACHE`, else the user's cache folder. The folder need not exist."""
    return Path(os.environ.get("MYTALK_CACHE") or platformdirs.user_cache_path("mytalk"))
