"""A title whose files are identified and checked: what the graph starts from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.film_sound import SoundRequest
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.title_spec import TitleSpec
from mytalk_core.films.cast_map import CastMap
from mytalk_core.speech.lines import ScriptLine
from mytalk_core.speech.script import ScriptFault
from mytalk_core.speech.transcript import Interval


@dataclass(frozen=True)
class Stem:
    """Speech of the dub, timed to the picture."""

    name: str  # of a member or character; empty for the only stem
    sound: SoundRequest


@dataclass(frozen=True)
class Title:
    """A title in one language."""

    id: str
    film: FilmSource
    stems: tuple[Stem, ...]
    language: str = ""  # BCP 47; empty where unknown
    music_and_effects: SoundRequest | None = None  # mixed with the dub
    mix: SoundRequest | None = None  # the finished sound, used as it is
    script: tuple[ScriptLine, ...] = ()
    script_faults: tuple[ScriptFault, ...] = ()
    cast: CastMap = field(default_factory=CastMap)
    span: Interval | None = None  # seconds of the film that are dubbed; None: all of it
    member: str = ""  # who says every line; empty: as recognised
    style: MediaFile | None = None  # another clip of everybody; None: the film itself
    styles: Mapping[str, MediaFile] = field(default_factory=dict)  # of single members, by id
    replace_audio: bool = False  # whether the dub replaces the sound of the film
    spec: TitleSpec | None = None  # with the consents; None: a film and a speech alone
    notes: tuple[str, ...] = ()  # messages: what the dub cannot keep, what was decided

    def style_clips(self, members: Iterable[str]) -> dict[str, MediaFile]:
        """The clips from which is learned how members speak; the others are learned in the film."""
        clips = {member: self.styles.get(member, self.style) for member in members}
        return {member: clip for member, clip in clips.items() if clip is not None}
