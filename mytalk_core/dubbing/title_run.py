"""A title while it is dubbed: what every stage may use."""

from dataclasses import dataclass
from pathlib import Path

from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.inputs import Inputs
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.media.probe import VideoInfo


@dataclass(frozen=True)
class TitleRun:
    """One run of the stages over one title."""

    inputs: Inputs
    film: VideoInfo
    config: DubConfig
    tools: DubTools
    work: Path  # folder for files that exist during the run only
    monitor: Monitor
