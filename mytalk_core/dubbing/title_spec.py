"""What a person asks for when a title is dubbed: the content of a title specification."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path

from mytalk_core.films.cast_map import CastMap

ONE_STEM = ""  # name of the stem of a dub that has only one


@dataclass(frozen=True)
class Consent:
    """A person's agreement to be dubbed."""

    member: str  # id, name or character of the cast
    who: str  # the person's name
    reference: str  # where the agreement is kept, such as the number of a contract
    scope: str = ""  # what it covers, such as "German dub"
    until: date | None = None  # the last day on which it is valid; None: it does not end


@dataclass(frozen=True)
class FilmTime:
    """A time of a film: exactly one of its fields is set."""

    seconds: Fraction | None = None  # after the start of the first frame
    timecode: str = ""  # SMPTE, as the film counts, such as "10:00:00:00"


@dataclass(frozen=True)
class TitleRange:
    """The part of a film that is dubbed; the rest stays as it is."""

    start: FilmTime | None = None  # None: the start of the film
    end: FilmTime | None = None  # None: the end of the film


@dataclass(frozen=True)
class TitleOptions:
    """How a title is dubbed. Defaults are those of `DubConfig`, where it has the same field."""

    # The member who says every line; empty: as recognised. Needed for a film without sound of its
    # own that shows several people.
    member: str = ""
    # Whether a mouth that speaks in the film stays as it is where the dub is silent; else it is
    # shut.
    keep_silent_mouths: bool = False
    # Factor on how far the lips move, 0 to 3.
    articulation: float = 1.1
    # Factor on the influence of the speech on the lips, 0 to 3.
    guidance: float = 1.0
    # Random seed, from 0; small movements depend on it.
    seed: int = 0
    # Time limit in seconds for adapting the renderer to each member; 0: not at all.
    adapt_seconds: float = 0.0
    # Whether the dub replaces the sound of the film; else it is an additional track.
    replace_audio: bool = False
    # Track of the film's picture, from 1; None: as players choose.
    video_track: int | None = None
    # Track of the film's own speech, from 1; None: as players choose.
    audio_track: int | None = None
    # Whether a film with damaged frames is refused; else they are shown as players do.
    strict: bool = False
    # Whether a film of odd size is extended by a column or row that players crop away.
    even_size: bool = False


@dataclass(frozen=True)
class TitleSpec:
    """A title in one language. Paths are absolute."""

    id: str  # a safe name of a file or folder
    film: Path
    language: str  # BCP 47 tag of the dub
    # Stems by the name of a member or of a character of the script; a dub of one stem for everybody
    # has it as `ONE_STEM`. Stems are timed to the picture: their first sample belongs to the first
    # frame of the film.
    dub: Mapping[str, Path]
    output: Path  # the dubbed film
    music_and_effects: Path | None = None  # mixed with the dub; None: the dub stands alone
    mix: Path | None = None  # the finished sound, used as it is; not with `music_and_effects`
    script: Path | None = None  # lines of the dub with their times; None: as recognised
    cast: CastMap = field(default_factory=CastMap)
    # Other films, with sound, from which is learned how a member speaks, by id in the cast.
    styles: Mapping[str, Path] = field(default_factory=dict)
    consent: tuple[Consent, ...] = ()
    require_consent: bool = False  # whether every member who is dubbed needs a valid consent
    range: TitleRange = field(default_factory=TitleRange)
    options: TitleOptions = field(default_factory=TitleOptions)
