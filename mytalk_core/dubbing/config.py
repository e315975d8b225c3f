"""How a title is dubbed."""

from dataclasses import dataclass, field

from mytalk_core.appearance.drawing_config import DUB_REFERENCES, MaskConfig
from mytalk_core.dubbing.left_alone import LeftAloneConfig
from mytalk_core.dubbing.passages import PassageConfig
from mytalk_core.dubbing.speaking_plan import SilencePolicy
from mytalk_core.dubbing.stage_configs import MotionConfig, OwnStyleConfig, StudyConfig
from mytalk_core.faces.crop import CropConfig
from mytalk_core.speech.fitting import FitConfig


@dataclass(frozen=True)
class DubConfig:
    """How a title is dubbed."""

    # Another seed gives other small movements.
    seed: int = 0
    # Factor on the motion. Without it, the opening of training speakers left out of the fit has
    # 0.96 of its true deviation, that of the man in the sample footage 0.9.
    articulation: float = 1.1
    # Factor on the effect of the speech on the motion: classifier-free guidance. Values other than
    # 1 take the model longer, and need weights that were trained with examples without speech.
    guidance: float = 1.0
    # Reference frames of a track that the renderer is given; each frame is drawn from a few.
    references: int = DUB_REFERENCES
    # x264's quality of the film, 0 (lossless) to 51.
    crf: int = 16
    # Whether a film of odd size is extended to an even one, with the size to show beside it.
    even_size: bool = False
    mask: MaskConfig = field(default_factory=MaskConfig)
    # Its size is replaced by that of the face in the film.
    crop: CropConfig = field(default_factory=CropConfig)
    # Seconds in which the renderer learns the actor from the film, at most; 0: it does not.
    adapt_seconds: float = 0.0
    # Whether a film with damaged frames is refused; else decoders conceal the damage.
    strict: bool = False
    own_style: OwnStyleConfig = field(default_factory=OwnStyleConfig)
    left_alone: LeftAloneConfig = field(default_factory=LeftAloneConfig)
    passages: PassageConfig = field(default_factory=PassageConfig)
    silence: SilencePolicy = field(default_factory=SilencePolicy)
    fit: FitConfig = field(default_factory=FitConfig)

    @property
    def study(self) -> StudyConfig:
        """How faces are studied."""
        return StudyConfig(self.mask, self.crop, self.left_alone)

    @property
    def motion(self) -> MotionConfig:
        """How the lips move."""
        return MotionConfig(self.seed, self.articulation, self.guidance)
