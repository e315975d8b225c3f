"""Options of a specification are the configuration of its dub, with the same defaults."""

from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.speaking_plan import SilencePolicy
from mytalk_core.dubbing.title_configuration import title_config
from mytalk_core.dubbing.title_spec import TitleOptions


def test_a_title_without_options_is_dubbed_by_default() -> None:
    assert title_config(TitleOptions()) == DubConfig()


def test_the_options_of_a_title_are_its_configuration() -> None:
    config = title_config(TitleOptions(keep_silent_mouths=True, seed=7, adapt_seconds=3.0))
    assert config.silence == SilencePolicy(keep=True)
    assert (config.seed, config.adapt_seconds, config.articulation) == (7, 3.0, 1.1)
