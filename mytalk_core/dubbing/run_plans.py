"""The plans of a film's runs: which of their frames are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.dubbing.geometry import run_pose
from mytalk_core.dubbing.left_alone import LeftAloneConfig, RunPlan, plan_run
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.plausibility import mouth_outside, on_flat_colour
from mytalk_core.faces.square_pixels import square_size
from mytalk_core.media.probe import VideoInfo


@dataclass(frozen=True)
class DrawnRuns:
    """The runs of which at least one frame is drawn."""

    faces: FilmFaces  # its runs are these; frames of the others are left alone for their reasons
    people: tuple[Person, ...]  # of each run
    plans: tuple[RunPlan, ...]  # of each run

    def left_alone(self, drawn: Sequence[bool]) -> list[LeftAlone | None]:
        """Of each frame of the film why it keeps its own mouth; None where it does not.

        Args:
            drawn: of each frame, whether a sample of it was changed.
        """
        reasons = list(self.faces.left_alone)
        for (first, end), plan in zip(self.faces.runs, self.plans, strict=True):
            reasons[first:end] = plan.reasons
        return [
            None if changed else reason or LeftAlone.UNCHANGED
            for reason, changed in zip(reasons, drawn, strict=True)
        ]


def plan_runs(
    video: VideoInfo,
    faces: FilmFaces,
    people: Sequence[Person],
    scheme: LandmarkScheme,
    config: LeftAloneConfig,
) -> list[RunPlan]:
    """Decide for every frame of every run whether it is drawn.

    Args:
        people: of each run.
    """
    plans = []
    size = square_size(video.width, video.height, video.pixel_aspect)
    for (first, end), person in zip(faces.runs, people, strict=True):
        samples, landmarks = faces.samples[first:end], faces.landmarks[first:end]
        outside = mouth_outside(landmarks, *size, scheme)
        plans.append(
            plan_run(
                run_pose(faces, (first, end), person, scheme),
                samples,
                outside | on_flat_colour(samples, scheme),
                float(video.fps),
                scheme,
                config,
            )
        )
    return plans


def drawn_runs(faces: FilmFaces, people: Sequence[Person], plans: Sequence[RunPlan]) -> DrawnRuns:
    """Leave out the runs of which nothing is drawn: no motion and no references are wanted there.

    Args:
        people, plans: of each run.
    """
    left_alone = list(faces.left_alone)
    for (first, end), plan in zip(faces.runs, plans, strict=True):
        if not plan.drawn:
            left_alone[first:end] = plan.reasons
    kept = [
        (run, person, plan)
        for run, person, plan in zip(faces.runs, people, plans, strict=True)
        if plan.drawn
    ]
    return DrawnRuns(
        replace(faces, runs=tuple(run for run, _, _ in kept), left_alone=tuple(left_alone)),
        tuple(person for _, person, _ in kept),
        tuple(plan for _, _, plan in kept),
    )
