"""Histograms of the measurements of clips, with fixed bins, so that parts can be summed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mytalk_core.curation.filters import measured
from mytalk_core.data.manifest import Kind


@dataclass(frozen=True)
class Measurement:
    """A column of the manifest and its bins."""

    column: str
    title: str  # with the unit
    low: float  # lower edge of the first bin
    high: float  # upper edge of the last bin
    bins: int

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins, (bins + 1,)."""
        return np.linspace(self.low, self.high, self.bins + 1)


MEASUREMENTS = (
    Measurement("duration_seconds", "duration, seconds", 0, 12, 48),
    Measurement("face_height", "face height, pixels", 0, 640, 40),
    Measurement("yaw_degrees", "head turn, degrees", 0, 90, 45),
    Measurement("sharpness", "sharpness", 0, 0.15, 50),
    Measurement("jitter", "landmark jitter, inter-ocular units", 0, 0.005, 40),
    Measurement("sync_offset", "sync offset, frames", -15.5, 15.5, 31),
    Measurement("sync_confidence", "sync confidence", 0, 1, 40),
    Measurement("speech_share", "share of speech", 0, 1, 40),
    Measurement("faces", "faces at once", 0.5, 10.5, 10),
)


@dataclass(frozen=True)
class Histogram:
    """Counts of clips by the bins of a measurement."""

    measurement: Measurement
    given: NDArray[np.int64]  # (bins + 2,) clips; the first and last are below and above all bins
    kept: NDArray[np.int64]  # (bins + 2,) kept clips
    unmeasured: int  # clips without this measurement


Counts = NDArray[np.int64]
"""(measurements, 2, most bins + 3): given and kept clips; the last column counts missing values."""

_WIDTH = max(each.bins for each in MEASUREMENTS) + 3
COUNTS_SHAPE = (len(MEASUREMENTS), 2, _WIDTH)


def count_values(rows: pa.Table) -> Counts:
    """Count the clips among decided rows by measurement and bin; counts of tables can be added."""
    clips = rows.filter(pc.equal(rows["kind"], Kind.CLIP))
    kept = clips["losses"].to_numpy() == 0
    counts = np.zeros(COUNTS_SHAPE, np.int64)
    for number, each in enumerate(MEASUREMENTS):
        values = measured(clips, each.column)
        bins = np.searchsorted(each.edges, values, side="right")
        bins[values == each.high] = each.bins  # the last bin includes its upper edge
        bins[np.isnan(values)] = _WIDTH - 1
        counts[number, 0] = np.bincount(bins, minlength=_WIDTH)
        counts[number, 1] = np.bincount(bins[kept], minlength=_WIDTH)
    return counts


def histograms(counts: Counts) -> Iterable[Histogram]:
    """Yield the histogram of each measurement that any clip has."""
    for each, (given, kept) in zip(MEASUREMENTS, counts, strict=True):
        if given[:-1].any():
            inside = slice(0, each.bins + 2)
            yield Histogram(each, given[inside], kept[inside], int(given[-1]))
