"""Notes on the inputs of a title that a person should read although its dub succeeded."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from mytalk_core.dubbing.opened_title import Title
from mytalk_core.speech.languages import recogniser_code
from mytalk_core.speech.transcript import UNKNOWN_LANGUAGE, Transcript

# Seconds by which a picture may end before the length that its file states.
LEAST_CUT_OFF: Final = Fraction(1, 2)


def cut_off_note(stated: Fraction, found: Fraction) -> str:
    """A note where a film ends before the length that it states; else the empty string.

    Args:
        stated: seconds, by the header of the file.
        found: seconds, up to the end of the last frame that is in it.
    """
    missing = stated - found
    if missing <= LEAST_CUT_OFF:
        return ""
    return (
        f"the film is cut off: of the {float(stated):.2f} s that it states, the last"
        f" {float(missing):.2f} s ({float(missing / stated):.0%}) are not in the file, and not in"
        " the dub"
    )


def language_warning(given: str, detected: str, probability: float | None = None) -> str:
    """A warning where a speech seems not to be in the given language; else the empty string.

    Args:
        given: a BCP 47 tag; region and script are ignored.
        detected: the recogniser's code of the detected language.
        probability: of the detected language, 0..1; None where unknown.
    """
    if detected == UNKNOWN_LANGUAGE:
        return "no speech was detected"
    if recogniser_code(given) == detected:
        return ""
    sure = "" if probability is None else f" (probability {probability:.2f})"
    return f"the speech sounds like {detected}{sure}, the language given is {given}"


def language_notes(given: str, transcript: Transcript) -> list[str]:
    """Notes on the language of a speech; none where `given`, a BCP 47 tag, is empty."""
    if not given:
        return []
    detected = transcript.detected_language or transcript.language
    notes = [language_warning(given, detected, transcript.detected_probability)]
    if transcript.language not in (UNKNOWN_LANGUAGE, recogniser_code(given)):
        notes.append(
            f"words were recognised as {transcript.language}: the recogniser does not know {given}"
        )
    return [note for note in notes if note]


def language_notes_of(title: Title, transcripts: Mapping[str, Transcript]) -> list[str]:
    """Notes on the language of every stem, by their names."""
    return [
        f"{name}: {note}" if name else note
        for name, transcript in transcripts.items()
        for note in language_notes(title.language, transcript)
    ]


def title_notes(title: Title, transcripts: Mapping[str, Transcript]) -> list[str]:
    """Notes on the picture, sound, script and language of a title.

    Args:
        transcripts: of its stems, by their names.
    """
    return [
        *title.notes,
        *(f"script, {fault}" for fault in title.script_faults),
        *language_notes_of(title, transcripts),
    ]
