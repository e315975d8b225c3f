"""The sound of a file as 16 kHz mono on disk, for all stages that listen to it."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.films.stored_array import StoredArray, store_array
from mytalk_core.media.audio import iter_audio
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

_BLOCK = Fraction(30)  # seconds read at a time


@dataclass(frozen=True)
class SoundRequest:
    """A file with sound, and which of its tracks is used."""

    file: MediaFile
    choice: StreamChoice = PLAYERS_CHOICE


def read_sound(request: SoundRequest, context: StageContext) -> StoredArray:
    """Decode a sound, (N,) float32 at 16 kHz; sample 0 is at the first frame of a film.

    Raises:
        BadInputError: as `read_audio`.
    """
    blocks = iter_audio(request.file.path, _BLOCK, choice=request.choice)
    empty = [np.zeros(0, np.float32)]  # a sound without samples is an array too
    return store_array(
        context.folder / "sound", (part for some in (empty, blocks) for part in some)
    )


SOUND = Stage("sound", 1, SoundRequest, StoredArray, read_sound)
