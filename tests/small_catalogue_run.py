"""`mytalk` with untrained networks in place of those that dub catalogues.

python -m tests.small_catalogue_run MOTION RENDERER ARGUMENTS...
"""

import sys
from functools import partial
from pathlib import Path

from jobs import app
from mytalk_core.catalogue import stored_models
from mytalk_core.catalogue.title_dubber import TitleDubber
from mytalk_core.dubbing.models import NamedModels, named_models


def small_tools(models: NamedModels):
    """The networks, in a process that makes artifacts."""
    from mytalk_core.dubbing.tools import DubTools

    return DubTools(models.here(), threads=1)


if __name__ == "__main__":
    models = named_models(Path(sys.argv[1]), Path(sys.argv[2]))
    stored_models.stored_dubber = partial(TitleDubber, models)
    stored_models.stored_tools = partial(small_tools, models)
    sys.argv = ["mytalk", *sys.argv[3:]]
    app.main()
