"""How a title is dubbed, from its specification.

Apart from `opening`, which checks files before the libraries of networks are imported.
"""

from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.speaking_plan import SilencePolicy
from mytalk_core.dubbing.title_spec import TitleOptions


def title_config(options: TitleOptions) -> DubConfig:
    """How a title is dubbed, as its specification says."""
    return DubConfig(
        seed=options.seed,
        articulation=options.articulation,
        guidance=options.guidance,
        adapt_seconds=options.adapt_seconds,
        strict=options.strict,
        even_size=options.even_size,
        silence=SilencePolicy(options.keep_silent_mouths),
    )
