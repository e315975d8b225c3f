"""What a dub of a title of a catalogue gives, and how it reaches the folder of the results."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mytalk_core.catalogue.entries import CatalogueTitle, written_names
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.portable import FileAddress
from mytalk_core.data.storage import Store
from mytalk_core.dubbing.making import Effort
from mytalk_core.dubbing.stage import Runner
from mytalk_core.dubbing.title_outputs import title_outputs
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.media.output import make_folder, temporary_root, work_folder


@dataclass(frozen=True)
class DubbedTitle:
    """A title that was dubbed on this machine; its other files lie beside the film."""

    film: Path
    frames: int  # of the film
    seconds: float = 0.0  # length of the film
    warning: str = ""  # to be reviewed although the dub succeeded
    rendered_frames: int = 0  # frames with re-rendered lips
    left_alone: Mapping[str, int] = field(default_factory=dict)  # other frames by reason

    @property
    def left_alone_text(self) -> str:
        """Frames left alone by reason, as JSON."""
        return json.dumps(dict(self.left_alone))


MakeRunner = Callable[[Mapping[Path, FileAddress], Callable[[str, str, Effort], None]], Runner]
"""Returns what makes the artifacts of a title.

Takes the addresses of its files, by their paths here, and a function that is called with stage, key
and effort of every artifact that was made.
"""


@dataclass(frozen=True)
class DubLink:
    """What connects the dub of a title with its run."""

    beat: Callable[[], None]  # called whenever there is progress
    artifacts: Artifacts
    runner: MakeRunner
    # Called with the key of every piece of the film that was drawn, the seconds that it took and
    # its frames.
    drawn: Callable[[str, float, int], None] = lambda key, seconds, frames: None
    # Called with the stage of every artifact that was made, and the seconds that it took.
    made: Callable[[str, float], None] = lambda stage, seconds: None


@contextmanager
def film_folder(store: Store, title: CatalogueTitle) -> Iterator[Path]:
    """Provide a path for the film of a title, in a temporary folder.

    It is on the file system of the results, where that is one of this machine.

    Raises:
        OutputError: the folder cannot be written.
    """
    final = store.local_path(title.output)
    near = final or temporary_root() / PurePosixPath(title.output).name
    make_folder(near.parent)
    with work_folder(near) as folder:
        yield folder / near.name


def deliver(dubbed: DubbedTitle, title: CatalogueTitle, store: Store) -> int:
    """Move a film and what lies beside it to the results, the film last; return its bytes.

    Raises:
        OutputError, StorageError: as `Store.publish`.
    """
    size = dubbed.film.stat().st_size
    files = zip(title_outputs(dubbed.film), written_names(title.output), strict=True)
    for path, name in reversed(list(files)):
        if path.exists():
            with store.publish(name) as temporary:
                shutil.move(path, temporary)
        else:  # of an earlier film, which had a script
            store.remove(name)
    return size


def remove_leftovers(title: CatalogueTitle, store: Store) -> None:
    """Remove what killed workers of this machine left of a title in the folder of the results."""
    final = store.local_path(title.output)
    if final is not None:
        sweep_leftovers(final.parent)
        with suppress(OSError):  # it has other files, or was never created
            final.parent.rmdir()
