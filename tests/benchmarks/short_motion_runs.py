"""Short training runs of the motion model, for ablations."""

from collections.abc import Callable
from pathlib import Path

import torch

from mytalk_core.data.clip_buffer import BufferConfig, ClipBuffer
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.model_store import pull
from mytalk_core.motion.clip import MotionClip, motion_clip
from mytalk_core.motion.closed_forms import Sounds, fit_closed_form
from mytalk_core.motion.model import SIZES, SpeechToMotion
from mytalk_core.motion.silence import quiet_features
from mytalk_core.motion.training import MotionObjective, MotionTrainingConfig, voiced_clips
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.training.loop import LoopConfig, train
from mytalk_core.training.state import TrainingState

USUAL = MotionTrainingConfig(batch=16)
_VALIDATIONS = 10


class ShortMotionRuns:
    """Training runs on clips and closed forms that are computed once."""

    def __init__(self, data: Path, steps: int) -> None:
        """Load curated `data` with the splits train and val; every run takes `steps` steps."""
        encoder = SpeechEncoder(pull("whisper-base"), threads=2)
        convert = voiced_clips(encoder, USUAL, whole=True)
        self._clips: ClipBuffer[MotionClip] = ClipBuffer(
            clip_index(data, "train"), convert, BufferConfig()
        )
        self._held_out = [motion_clip(members) for members in iter_clips(clip_index(data, "val"))]
        self._quiet = quiet_features(encoder)
        self._steps = steps
        model = SpeechToMotion(SIZES["cpu"])
        fit_closed_form(
            model,
            self._clips.clips,
            self._clips.weights,
            Sounds(self._quiet),
            USUAL.reading,
            lambda part: part,
        )
        self._fitted = dict(model.named_buffers())

    def __call__(
        self,
        config: MotionTrainingConfig,
        seed: int,
        change: Callable[[SpeechToMotion], None] = lambda model: None,
    ) -> tuple[SpeechToMotion, dict[str, float]]:
        """Train and return the best model and its metrics; `change` modifies it before training."""
        torch.manual_seed(seed)
        device = torch.device("cpu")
        objective = MotionObjective(
            SIZES["cpu"], config, self._clips.draw, self._quiet, self._held_out, device
        )
        change(objective.model)
        objective.model.load_state_dict(self._fitted, strict=False)
        state = TrainingState()
        every = max(self._steps // _VALIDATIONS, 1)
        loop = LoopConfig(self._steps, learning_rate=5e-4, validate_every=every, seed=seed)
        for _ in train(objective, loop, state, device):
            pass
        objective.model.load_state_dict(state.best)
        best = min(state.history, key=lambda entry: entry["judged_by"])
        return objective.model.eval(), best
