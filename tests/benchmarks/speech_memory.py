"""Peak memory of processing a dub's audio, from its file to its loudness.

    make bench BENCH=speech_memory ARGS="20 60"

ARGS are minutes of synthetic speech. Prints for each the size of the audio at 16 kHz and the peak
growth of resident memory while it is stored, passed through voice detection, fitted into the film
and measured for loudness. Speech is encoded passage by passage, which needs no memory that grows.
"""

import os
import sys
import tempfile
import wave
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.film_sound import SOUND, SoundRequest
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.models import named_models
from mytalk_core.dubbing.title_lines import FIT, VOICE, FitRequest, VoiceRequest
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.speech.loudness import loudness_dbfs
from mytalk_core.speech.voice_activity import voice_intervals

_RATE = 16_000
_MEGABYTE = 1e6


def write_speech(path: Path, minutes: int) -> None:
    """Write noise bursts at 4 Hz for ten of every twelve seconds."""
    second = np.arange(_RATE) / _RATE
    loud = np.maximum(np.sin(2 * np.pi * 4 * second), 0) * 8000
    random = np.random.default_rng(0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        for number in range(minutes * 60):
            noise = random.normal(0, 0.3, _RATE) * loud * (number % 12 < 10)
            file.writeframes(noise.clip(-32768, 32767).astype("<i2").tobytes())


def peak_growth(speech: Path, folder: Path) -> tuple[float, float]:
    """Return the bytes of the audio and the peak growth of resident memory."""
    voice_intervals(np.zeros(_RATE, np.float32))  # loads the detector
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    artifacts = Artifacts(folder / "work")
    tools = DubTools(named_models(None, None).here(), threads=1)
    runner = InlineRunner(artifacts, tools, lambda *_: None)
    sound = runner.start(SOUND, SoundRequest(artifacts.media_file(speech))).result()
    runner.start(VOICE, VoiceRequest(sound)).result()
    fitted = runner.start(FIT, FitRequest(sound, (), len(sound))).result()
    starts = np.arange(int(Fraction(len(sound), _RATE) * 25)) / 25
    loudness_dbfs(fitted.read(), starts, 1 / 25)
    return 4.0 * len(sound), _resident("VmHWM") - before


def _resident(field: str) -> float:
    """Return a field of this process's status in bytes."""
    for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines():
        if line.startswith(field):
            return float(line.split()[1]) * 1024
    raise LookupError(field)


def measured(minutes: int) -> tuple[float, float]:
    """Return `peak_growth` in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        speech = Path(folder) / "speech.wav"
        write_speech(speech, minutes)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(peak_growth, speech, Path(folder)).result()


def main() -> None:
    """Print the table."""
    table = Table("minutes", "the sound, MB", "peak, MB")
    for minutes in [int(argument) for argument in sys.argv[1:]] or [20, 60]:
        sound, peak = measured(minutes)
        table.add_row(str(minutes), f"{sound / _MEGABYTE:.0f}", f"{peak / _MEGABYTE:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
