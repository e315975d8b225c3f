"""The stages of a title on this machine, with their progress shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from jobs.console import stages

if TYPE_CHECKING:
    from mytalk_core.data.artifacts import Artifacts
    from mytalk_core.dubbing.config import DubConfig
    from mytalk_core.dubbing.film_source import FilmSource
    from mytalk_core.dubbing.models import NamedModels
    from mytalk_core.dubbing.title_context import TitleContext


@contextmanager
def running_stages(
    film: FilmSource, config: DubConfig, models: NamedModels, artifacts: Artifacts
) -> Iterator[TitleContext]:
    """Run the stages of a film with a process per core."""
    from mytalk_core.dubbing.models import model_digests
    from mytalk_core.dubbing.title_context import TitleContext
    from pipelines.local import LocalRunner
    from pipelines.local_worker import dub_tools

    tools = partial(dub_tools, models.here())
    with stages() as report, LocalRunner(artifacts, tools, report) as runner:
        yield TitleContext(runner, film, config, model_digests(models))
