"""Acceptance figures of stage 2, which compare rows of its tables."""

import math
from collections.abc import Iterator

from mytalk_core.evaluation.pasting import PASTED
from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable

_LPIPS = Metric("lpips_over_pasted", "LPIPS mouth over nearest of four's", "lower", 2)
_WORST = Metric("worst_below_mean", "worst speaker's PSNR under the mean (dB)", "lower", 2)


def acceptance_table(own: MetricTable) -> MetricTable:
    """Return LPIPS relative to the nearest of four references, and the worst speaker.

    The difference between the mean PSNR over speakers and the worst speaker's is listed with that
    speaker.

    Args:
        own: the table of reconstruction.
    """
    found = {
        _LPIPS: list(_lpips_over_pasted(own)),
        _WORST: list(_worst_speakers(own)),
    }
    measured = tuple(metric for metric, rows in found.items() if rows)
    return MetricTable(measured, [row for metric in measured for row in found[metric]])


def _lpips_over_pasted(own: MetricTable) -> Iterator[Measurement]:
    """Yield the ratio of every clip; its weight makes a speaker's value the ratio of means."""
    pasted = {
        (m.speaker, m.clip): m.value
        for m in own.measurements
        if (m.method, m.metric) == (PASTED, "lpips_mouth") and m.value > 0
    }
    for m in own.measurements:
        below = pasted.get((m.speaker, m.clip), 0.0)
        if m.metric == "lpips_mouth" and below > 0 and m.method not in own.references:
            yield Measurement(m.method, m.speaker, _LPIPS.name, m.value / below, m.clip, below)


def _worst_speakers(own: MetricTable) -> Iterator[Measurement]:
    for method in own.methods:
        each = {name: own.value(method, "psnr_mouth", name) for name in own.speakers}
        known = {name: value for name, value in each.items() if not math.isnan(value)}
        if known:
            worst = min(known, key=lambda name: known[name])
            below = own.value(method, "psnr_mouth") - known[worst]
            yield Measurement(method, worst, _WORST.name, below)
