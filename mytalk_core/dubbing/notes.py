"""What a person should know of a title's inputs although its dub went well."""

from mytalk_core.dubbing.inputs import Inputs
from mytalk_core.speech.languages import recogniser_code
from mytalk_core.speech.transcript import UNKNOWN_LANGUAGE, Transcript


def language_warning(asked: str, heard: str, probability: float | None = None) -> str:
    """A sentence where a speech seems not to be in its language; else the empty string.

    Args:
        asked: a BCP 47 tag; region and script do not count.
        heard: what the recogniser detects.
        probability: of that, 0..1; None where it is not known.
    """
    if heard == UNKNOWN_LANGUAGE:
        return "nobody was heard to speak"
    if recogniser_code(asked) == heard:
        return ""
    sure = "" if probability is None else f" (probability {probability:.2f})"
    return f"the speech sounds like {heard}{sure}, the language given is {asked}"


def language_notes(asked: str, transcript: Transcript) -> list[str]:
    """What to know of the language of a speech; nothing where `asked`, a BCP 47 tag, is empty."""
    if not asked:
        return []
    heard = transcript.detected_language or transcript.language
    notes = [language_warning(asked, heard, transcript.detected_probability)]
    if transcript.language not in (UNKNOWN_LANGUAGE, recogniser_code(asked)):
        notes.append(f"words were recognised as {transcript.language}: {asked} is not known to it")
    return [note for note in notes if note]


def input_notes(inputs: Inputs, transcript: Transcript) -> list[str]:
    """What to know of a title's picture, sound, script and language."""
    return [
        *inputs.losses,
        *(f"script, {fault}" for fault in inputs.script_faults),
        *language_notes(inputs.language, transcript),
    ]
