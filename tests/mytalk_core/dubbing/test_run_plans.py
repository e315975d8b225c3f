"""Which runs of a film are drawn, and what is counted of the frames of the others."""

from fractions import Fraction

import numpy as np

from mytalk_core.dubbing.film_faces import FilmFaces
from mytalk_core.dubbing.left_alone import RunPlan
from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons, counts_text
from mytalk_core.dubbing.run_plans import drawn_runs

NOTHING = np.zeros((12, 0, 3), np.float32)


def test_a_run_of_which_nothing_is_drawn_is_none_and_keeps_its_reasons() -> None:
    faces = FilmFaces(
        landmarks=NOTHING,
        starts=tuple(Fraction(frame, 25) for frame in range(12)),
        runs=((1, 5), (6, 12)),
        left_alone=(LeftAlone.NO_FACE, *4 * (None,), LeftAlone.NO_FACE, *6 * (None,)),
        samples=np.zeros((12, 0, 4), np.uint8),
        found=NOTHING,
    )
    outside, covered = LeftAlone.OUTSIDE, LeftAlone.COVERED
    plans = [
        RunPlan(np.zeros(4, np.float32), (outside, outside, outside, covered)),
        RunPlan(
            np.array([0, 0, 0.5, 1, 1, 1], np.float32), (covered, covered, None, None, None, None)
        ),
    ]
    first, second = object(), object()
    drawn = drawn_runs(faces, [first, second], plans)  # type: ignore[list-item]
    assert drawn.faces.runs == ((6, 12),)
    assert drawn.people == (second,)
    assert drawn.plans == (plans[1],)

    changed = [False] * 8 + [True, True, False, True]
    reasons = drawn.left_alone(changed)
    assert reasons[:8] == [
        *(LeftAlone.NO_FACE, outside, outside, outside, covered),
        *(LeftAlone.NO_FACE, covered, covered),
    ]
    assert reasons[8:] == [None, None, LeftAlone.UNCHANGED, None]
    counts = count_reasons(reasons)
    assert counts == {outside: 3, covered: 3, LeftAlone.NO_FACE: 2, LeftAlone.UNCHANGED: 1}
    assert counts_text(counts).startswith("the mouth is outside the picture: 3, ")


def test_every_reason_has_words_of_its_own() -> None:
    assert len({reason.text for reason in LeftAlone}) == len(LeftAlone)
