"""The appearance section of an evaluation (stage 2): tables, notes and pictures."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mytalk_core.appearance.perceptual import perceptual_lpips
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.appearance_cases import AppearanceCases
from mytalk_core.evaluation.appearance_notes import appearance_notes
from mytalk_core.evaluation.appearance_pictures import (
    EXAMPLES_NOTE,
    FAILURES_NOTE,
    AppearancePictures,
)
from mytalk_core.evaluation.appearance_scores import Judges
from mytalk_core.evaluation.appearance_table import AppearanceTables
from mytalk_core.evaluation.independent_judge import independent_judge
from mytalk_core.evaluation.lip_fidelity import LipReader
from mytalk_core.evaluation.pasting import PASTING
from mytalk_core.evaluation.redrawing import APART, OURS, Drawer, renderer_drawer
from mytalk_core.evaluation.sections import Section
from mytalk_core.faces.embedding import FaceEmbedder
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.prefetch import prefetched

Advance = Callable[[int, int], None]
"""Called with the number of clips measured since the last call and the total number of clips."""


@contextmanager
def stored_judges(lpips: Path, landmarker: Path, embedding: Path) -> Iterator[Judges]:
    """Load all judges; they are closed when the context ends.

    Args:
        lpips, landmarker, embedding: files of the model store, `perceptual-alexnet`,
            `face-landmarker` and `face-embedding`. face-alignment joins them where its weights are
            installed.
    """
    with MeshLandmarker(landmarker) as finder:
        yield Judges(
            lpips=perceptual_lpips(lpips),
            lips=LipReader(finder),
            embedder=FaceEmbedder(embedding, MESH478),
            independent=independent_judge(),
        )


def evaluate_appearance(
    data: Sequence[str | Path],
    split: Split,
    renderer: Renderer,
    judges: Judges,
    advance: Advance,
    others: Mapping[str, Drawer] | None = None,
) -> Section:
    """Measure `renderer` and the copying baselines on a split of one or more data sets.

    Args:
        data: folders (paths or URLs) that `mytalk curate` or `mytalk preprocess` wrote. Their crops
            may be of different sizes; each is drawn at its own.
        judges: metrics of an absent judge are left out of the tables.
        others: further methods by name.

    Raises:
        BadInputError: where a data set holds no clips of the split.
    """
    cases = AppearanceCases(data, split)
    drawers = {
        OURS: renderer_drawer(renderer),
        APART: renderer_drawer(renderer, apart=True),
        **(others or {}),
        **PASTING,
    }
    tables = AppearanceTables(drawers, judges)
    pictures = AppearancePictures()
    keys: dict[str, list[str]] = defaultdict(list)
    crop_sizes = set()
    for clip in prefetched(cases, 1):
        for case in clip:
            drawn, scores = tables.add(case)
            pictures.add(case, drawn[OURS], scores)
        keys[clip[0].speaker].append(clip[0].source)
        crop_sizes.add(clip[0].pictures.shape[1])
        advance(1, len(cases))
    return Section(
        "appearance",
        "Motion to appearance",
        appearance_notes(keys, split, judges, renderer.config, crop_sizes),
        tables.tables(),
        pictures.failures(),
        FAILURES_NOTE,
        pictures.examples(),
        EXAMPLES_NOTE,
    )
