"""How the copy for each purpose is made: what it sees and hears, and its own chance."""

from dataclasses import dataclass

from mytalk_core.sync.expert_file import ExpertConfig, LipInput, Purpose, SoundInput
from mytalk_core.sync.training import ExpertTrainingConfig


@dataclass(frozen=True)
class Recipe:
    """A copy of the expert before it is trained."""

    expert: ExpertConfig
    training: ExpertTrainingConfig


RECIPES = {
    # Hears other voices, too: footage comes from any room.
    Purpose.PREPROCESSING: Recipe(ExpertConfig(), ExpertTrainingConfig(seed=1)),
    # Hears what the motion model hears, so that it can stand beside its losses, and hears it
    # through as much noise; the copies that judge hear spectra, which no model is driven by.
    Purpose.TRAINING: Recipe(
        ExpertConfig(sound=SoundInput.SPEECH), ExpertTrainingConfig(speech_noise=0.6, seed=2)
    ),
    Purpose.EVALUATION: Recipe(ExpertConfig(), ExpertTrainingConfig(voices=0, seed=3)),
    Purpose.PIXELS: Recipe(
        ExpertConfig(lips=LipInput.PIXELS), ExpertTrainingConfig(steps=1000, voices=0, seed=4)
    ),
}
