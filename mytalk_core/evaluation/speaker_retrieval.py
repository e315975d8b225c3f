"""Retrieval of held-out speakers by the identity vector of stage 1."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.evaluation.cases import MotionClip
from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable
from mytalk_core.motion.known_face import identity_shapes
from mytalk_core.motion.model import SpeechToMotion

RETRIEVAL = Metric("retrieval", "nearest other clip is of the same person", "higher")

IDENTITY_VECTOR = "identity vector"
MEAN_SHAPE = "mean shape"
CHANCE = "chance"


def retrieval_table(model: SpeechToMotion, clips: Sequence[MotionClip]) -> MetricTable:
    """Measure rank-1 retrieval of speakers by the identity vector.

    The query is the first half of a clip, the gallery the second halves of all other clips, by
    cosine. Baselines: the mean shape of the same points, by Euclidean distance, and chance.
    Speakers with a single clip are in the gallery only.
    """
    shapes = [clip.shape.reshape(len(clip.shape), -1) for clip in clips]
    halves = [(shape[: len(shape) // 2], shape[len(shape) // 2 :]) for shape in shapes]
    vectors = [np.stack([_vector(model, half[side]) for half in halves]) for side in (0, 1)]
    means = [np.stack([half[side].mean(axis=0) for half in halves]) for side in (0, 1)]
    similarity = {
        IDENTITY_VECTOR: vectors[0] @ vectors[1].T,
        MEAN_SHAPE: -np.linalg.norm(means[0][:, None] - means[1][None], axis=-1),
    }
    counts = Counter(clip.speaker for clip in clips)
    rows: list[Measurement] = []
    for index, clip in enumerate(clips):
        own = counts[clip.speaker] - 1
        if not own:
            continue
        for method, similarities in similarity.items():
            others = similarities[index].copy()
            others[index] = -np.inf
            found = clips[int(np.argmax(others))].speaker == clip.speaker
            rows.append(Measurement(method, clip.speaker, RETRIEVAL.name, float(found), clip.key))
        chance = own / (len(clips) - 1)
        rows.append(Measurement(CHANCE, clip.speaker, RETRIEVAL.name, chance, clip.key))
    return MetricTable((RETRIEVAL,), rows, frozenset({CHANCE}))


@torch.inference_mode()
def _vector(model: SpeechToMotion, shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the identity vector (D,) of moving points (T, 3 M)."""
    frames = torch.from_numpy(identity_shapes(shapes))[None].to(model.speech_mean.device)
    _, vector = model.identity(frames)
    found: NDArray[np.float32] = vector[0].cpu().numpy()
    return found
