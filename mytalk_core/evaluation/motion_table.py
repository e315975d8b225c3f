"""Tables of the methods of stage 1 on speech, other sound and silence."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mytalk_core.evaluation.baselines import still_mouth
from mytalk_core.evaluation.cases import DubCase
from mytalk_core.evaluation.closure import closures, lip_range, shut_vowels
from mytalk_core.evaluation.lip_metrics import (
    lip_leak,
    lmd,
    motion_scores,
    mouth_aspect_ratio,
    pairwise_distance,
    variability,
    velocity_error,
)
from mytalk_core.evaluation.motion_methods import SOURCE, TRUE_MOTION, TRUTH, Method, ModelMotion
from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable, measurements
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.shape import signed_opening
from mytalk_core.sync.clip import lip_motion
from mytalk_core.sync.expert import SyncExpert
from mytalk_core.sync.score import SHORTEST, lse_like

SEEDS = 4  # for the diversity table

SPEAKING_METRICS = (
    Metric("lmd", "LMD", "lower", 4),
    Metric("lmd_over_still", "LMD / still mouth", "lower"),
    Metric("aperture_r", "aperture r", "higher"),
    Metric("aperture_r_in_step", "in step", "higher"),
    Metric("opening_gain", "opening / true", "neither", 2),
    Metric("velocity_error", "velocity error", "lower", 4),
    Metric("lse_distance", "LSE-like distance", "lower"),
    Metric("lse_confidence", "LSE-like confidence", "higher"),
    Metric("lse_abs_offset", "absolute offset", "lower", 2),
    Metric("in_step", "within 1 frame", "higher", 2),
)
CLOSURE_METRICS = (
    Metric("closure", "M B P closed", "higher"),
    Metric("shut_vowels", "open vowels shut", "lower"),
)
CROSS_OVER_OWN = Metric("cross_over_own", "cross-LMD / LMD", "neither", 2)
DIVERSITY_METRICS = (
    Metric("diversity", "distance between seeds", "neither", 5),
    Metric("diversity_share", "of the distance between true frames", "neither"),
)
SILENCE_METRICS = (
    Metric("lip_leak", "LipLeak", "lower"),
    Metric("aspect_ratio", "mouth aspect ratio", "neither"),
    Metric("lmd", "distance from the closed mouth", "neither", 4),
    Metric("velocity_error", "motion per frame", "lower", 4),
)


def speaking_table(
    methods: Mapping[str, Method],
    cases: Sequence[DubCase],
    expert: SyncExpert,
    step: Callable[[], None],
) -> MetricTable:
    """Measure every method on cases with speech; `step` is called after each case."""
    rows: list[Measurement] = []
    for case in cases:
        for name, method in methods.items():
            shape = method(case)
            scores = _speaking_scores(case, shape, expert)
            rows += measurements(name, case.source.speaker, scores.items(), case.target.key)
            rows.append(_over_still(name, case, scores["lmd"]))
            rows += _closure(name, case, shape)
        step()
    # In reconstruction the untouched source is the truth.
    reconstruction = all(case.source is case.target for case in cases)
    references = {TRUTH, SOURCE} if reconstruction else {TRUTH, TRUE_MOTION}
    known = any(case.target.phones for case in cases)
    metrics = SPEAKING_METRICS + (CLOSURE_METRICS if known else ())
    return MetricTable(metrics, rows, frozenset(references))


def closure_table(methods: Mapping[str, Method], cases: Sequence[DubCase]) -> MetricTable:
    """Measure only M, B, P and open vowels, a quick check during development."""
    rows = [
        row
        for case in cases
        for name, method in methods.items()
        for row in _closure(name, case, method(case))
    ]
    return MetricTable(CLOSURE_METRICS, rows, frozenset({TRUTH}))


def _closure(method: str, case: DubCase, shape: Points) -> list[Measurement]:
    """Return one measurement for each M, B, P and open vowel, 1 where the lips are closed."""
    # The truth is the target's face in its own posture; all other methods move the source's.
    face = case.target if method == TRUTH else case.source
    opening = signed_opening(_flat_lips(case, shape), face.scheme)
    most = lip_range(face.shape, face.closed, face.scheme).closed_below
    found = {
        "closure": closures(opening, case.target.phones, most),
        "shut_vowels": shut_vowels(opening, case.target.phones, most),
    }
    return [
        Measurement(method, case.source.speaker, metric, float(shut), case.target.key)
        for metric, each in found.items()
        for shut in each
    ]


def cross_over_own(cross: MetricTable, own: MetricTable) -> MetricTable:
    """Return the ratio of the lip distance in cross to that in reconstruction of the same clips.

    A speaker's value is the ratio of the two means. Methods with zero distance in reconstruction
    have no value.
    """
    below = {(m.method, m.clip): m.value for m in own.measurements if m.metric == "lmd"}
    rows = [
        Measurement(m.method, m.speaker, CROSS_OVER_OWN.name, m.value / distance, m.clip, distance)
        for m in cross.measurements
        if m.metric == "lmd" and (distance := below.get((m.method, m.clip), 0.0)) > 0
    ]
    return MetricTable((CROSS_OVER_OWN,), rows)


def diversity_table(methods: Mapping[str, Method], cases: Sequence[DubCase]) -> MetricTable:
    """Measure the distance between lips of a method that differ only in the seed.

    The second metric is that distance as a share of the mean distance between two frames of the
    truth. Methods without a seed have distance 0.
    """
    rows: list[Measurement] = []
    for case in cases:
        moves = variability(_flat_lips(case, case.truth))
        for name, method in methods.items():
            ways = (
                [method.seeded(seed) for seed in range(SEEDS)]
                if isinstance(method, ModelMotion)
                else [method]
            )
            apart = pairwise_distance(np.stack([_flat_lips(case, way(case)) for way in ways]))
            rows.append(Measurement(name, case.source.speaker, "diversity", apart))
            share = Measurement(
                name, case.source.speaker, "diversity_share", apart / moves, weight=moves
            )
            rows += [share] if moves else []
    return MetricTable(DIVERSITY_METRICS, rows)


def silence_table(
    methods: Mapping[str, Method], cases: Sequence[DubCase], step: Callable[[], None]
) -> MetricTable:
    """Measure every method on cases with silence; `step` is called after each case."""
    rows: list[Measurement] = []
    for case in cases:
        for name, method in methods.items():
            scores = _silence_scores(case, method(case))
            rows += measurements(name, case.source.speaker, scores.items())
        step()
    return MetricTable(SILENCE_METRICS, rows, frozenset({SOURCE}))


def _over_still(method: str, case: DubCase, distance: float) -> Measurement:
    """Return the lip distance as a share of that of the source's mean shape.

    Weighted so that a speaker's value is the ratio of the two means.
    """
    still = lmd(_flat_lips(case, still_mouth(case)), _flat_lips(case, case.truth))
    share = distance / still if still else float("nan")
    return Measurement(
        method, case.source.speaker, "lmd_over_still", share, case.target.key, still or 1.0
    )


def _speaking_scores(case: DubCase, shape: Points, expert: SyncExpert) -> dict[str, float]:
    predicted, true = _flat_lips(case, shape), _flat_lips(case, case.truth)
    scores = motion_scores(predicted, true, case.source.scheme)
    if case.frames >= SHORTEST:
        sync = lse_like(lip_motion(predicted), case.target.audio, expert)
        scores |= {
            "lse_distance": sync.distance,
            "lse_confidence": sync.confidence,
        }
        if np.ptp(predicted, axis=0).any():  # lips that never move have no offset
            late = abs(sync.offset)
            scores |= {"lse_abs_offset": late, "in_step": float(late <= 1)}
    return scores


def _silence_scores(case: DubCase, shape: Points) -> dict[str, float]:
    lips, shut = _flat_lips(case, shape), _flat_lips(case, case.truth)
    return {
        "lip_leak": lip_leak(lips, case.source.scheme),
        "aspect_ratio": float(mouth_aspect_ratio(lips, case.source.scheme).mean()),
        "lmd": lmd(lips, shut),
        "velocity_error": velocity_error(lips, shut),
    }


def _flat_lips(case: DubCase, shape: Points) -> Points:
    """Return the lips (T, L, 2) of moving points (T, M, 3)."""
    return shape[:, : len(case.source.scheme.lips), :2]
