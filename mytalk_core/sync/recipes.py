"""Configuration and training of the copy for each purpose."""

from dataclasses import dataclass

from mytalk_core.sync.expert_file import ExpertConfig, LipInput, Purpose, SoundInput
from mytalk_core.sync.training import ExpertTrainingConfig


@dataclass(frozen=True)
class Recipe:
    """Configuration and training of one copy."""

    expert: ExpertConfig
    training: ExpertTrainingConfig


RECIPES = {
    # With altered voices, because footage comes from any room.
    Purpose.PREPROCESSING: Recipe(ExpertConfig(), ExpertTrainingConfig(seed=1)),
    # The inputs of the motion model with as much noise. The copies for evaluation use spectra,
    # which are no input of any model.
    Purpose.TRAINING: Recipe(
        ExpertConfig(sound=SoundInput.SPEECH), ExpertTrainingConfig(speech_noise=0.6, seed=2)
    ),
    Purpose.EVALUATION: Recipe(ExpertConfig(), ExpertTrainingConfig(voices=0, seed=3)),
    Purpose.PIXELS: Recipe(
        ExpertConfig(lips=LipInput.PIXELS), ExpertTrainingConfig(steps=1000, voices=0, seed=4)
    ),
}
