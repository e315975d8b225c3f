"""Data, model and losses of a training job, for one of its processes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.clip import appearance_clip
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.training import AppearanceClips, AppearanceObjective
from mytalk_core.data.clip_buffer import ClipBuffer
from mytalk_core.data.clip_choice import spread_over_speakers
from mytalk_core.data.clip_index import ClipIndex, clip_index
from mytalk_core.data.clip_order import ClipShare
from mytalk_core.data.clip_reader import Members, read_clip
from mytalk_core.data.model_store import located
from mytalk_core.motion.clip import motion_clip
from mytalk_core.motion.closed_forms import Sounds, fit_closed_form
from mytalk_core.motion.labelled_speech import labelled_speech, spoken_sounds
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.silence import quiet_features
from mytalk_core.motion.training import MotionObjective, voiced_clips
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.training.objective import Objective
from mytalk_core.training.state import TrainingState
from pipelines.training_job import TrainJob, appearance_config, buffer_config

_VALIDATION_CLIPS = 32


@dataclass(frozen=True)
class Process:
    """One of the processes of a data-parallel run."""

    rank: int
    world: int  # number of processes
    device: torch.device
    sum_over_processes: Callable[[Tensor], Tensor]


def training_objective(
    job: TrainJob, process: Process, state: TrainingState
) -> tuple[Objective, Callable[[], int]]:
    """Return what is trained, and a function that counts the clips drawn so far.

    Raises:
        BadInputError: where `job.data` holds no clips.
        ModelError: where this machine lacks a model.
    """
    make = _motion if job.model == "motion" else _appearance
    return make(job, process, state)


def _motion(
    job: TrainJob, process: Process, state: TrainingState
) -> tuple[Objective, Callable[[], int]]:
    encoder = SpeechEncoder(located(job.speech_encoder), threads=1)
    index = clip_index(job.data, "train")
    whole = len(index.shard) <= buffer_config(job).capacity * process.world
    clips = _buffer(job, process, state, index, voiced_clips(encoder, job.motion, whole))
    held_out = [motion_clip(members) for members in _validation_clips(job)]
    quiet = quiet_features(encoder)
    objective = MotionObjective(
        MOTION_SIZES[job.size], job.motion, clips.draw, quiet, held_out, process.device
    )
    if not state.weights:
        sounds = spoken_sounds(job.speech)[process.rank :: process.world] if job.speech else []
        fit_closed_form(
            objective.model,
            clips.clips,
            clips.weights,
            Sounds(quiet, labelled_speech(sounds, encoder)),
            job.motion.reading,
            process.sum_over_processes,
        )
    return objective, lambda: clips.draws


def _appearance(
    job: TrainJob, process: Process, state: TrainingState
) -> tuple[Objective, Callable[[], int]]:
    assert job.judges is not None  # required by TrainJob
    to_clip = partial(appearance_clip, mask=MaskConfig())
    clips = _buffer(job, process, state, clip_index(job.data, "train"), to_clip)
    held_out = [to_clip(members) for members in _validation_clips(job)]
    objective = AppearanceObjective(
        RENDERER_SIZES[job.size],
        appearance_config(job),
        AppearanceClips(clips.draw, held_out),
        job.judges,
        process.device,
        load_renderer(job.initial) if job.initial else None,
    )
    return objective, lambda: clips.draws


def _buffer(
    job: TrainJob, process: Process, state: TrainingState, index: ClipIndex, to_clip: Any
) -> ClipBuffer[Any]:
    """Return the clips of one process, at the place in their order where `state` ended."""
    config = buffer_config(job)
    share = ClipShare(job.seed, process.rank, process.world)
    return ClipBuffer(index, to_clip, config, share, state.draws)


def _validation_clips(job: TrainJob) -> Iterator[Members]:
    index = clip_index(job.data, "val")
    return (read_clip(index, number) for number in spread_over_speakers(index, _VALIDATION_CLIPS))
