"""Read TTAL and similar JSON: lists of events with times, characters and texts.

TTAL is Netflix's JSON of timed text for dubbing. No public sample of it was found, so this reader
accepts the spellings that tools are known to use, and is not proven on files of a studio.
"""

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from mytalk_core.speech.lines import Presence
from mytalk_core.speech.scripts.rows import (
    RowTime,
    ScriptRow,
    ScriptRows,
    UnreadableScriptError,
)
from mytalk_core.speech.scripts.times import read_time

# Keys without case, `_` and `-`; the first that an event has is used.
_LISTS = ("events", "lines", "dialogues", "dialogue", "cues", "segments", "items", "script")
_START = ("start", "starttime", "begin", "in", "intime", "tcin", "timecodein", "starttimecode")
_END = ("end", "endtime", "out", "outtime", "tcout", "timecodeout", "endtimecode")
_DURATION = ("duration", "dur")
_TEXT = ("translation", "translatedtext", "targettext", "adaptedtext", "text", "dialogue", "line")
_CHARACTER = ("character", "charactername", "speaker", "role", "characterid")
_PRESENCE = ("onscreen", "onoff", "presence", "placement")
_MARKS = ("annotations", "notes", "marks")
_NAMES = ("characters", "characterlist", "speakers")
_DEPTH = 6  # levels of JSON that are searched


def read_ttal(text: str) -> ScriptRows:
    """Parse a JSON document with a list of events.

    Raises:
        UnreadableScriptError: where it is no JSON, or has no list of events with text.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableScriptError(f"this is not readable JSON: {error}.") from error
    events = next((found for found in _lists(document, _DEPTH) if _is_script(found)), None)
    if events is None:
        raise UnreadableScriptError("this is JSON, but no list of lines with text was found.")
    names = _names(document)
    rows = tuple(
        _row(number, _plain_keys(event), names)
        for number, event in enumerate(events, 1)
        if isinstance(event, Mapping)
    )
    return ScriptRows(
        rows, ("TTAL and other JSON are read by the names of their fields: check the lines",)
    )


def _lists(value: Any, depth: int) -> Iterator[list[Any]]:
    """Yield the lists in a document, those with a known name first."""
    if isinstance(value, list):
        yield value
    elif isinstance(value, Mapping) and depth:
        keys = _plain_keys(value)
        known = [keys[key] for key in _LISTS if key in keys]
        for each in (*known, *(item for item in value.values() if item not in known)):
            yield from _lists(each, depth - 1)


def _is_script(events: list[Any]) -> bool:
    keys = [_plain_keys(event) for event in events if isinstance(event, Mapping)]
    return any(
        _first(each, _TEXT) is not None and _first(each, _START) is not None for each in keys
    )


def _row(number: int, event: Mapping[str, Any], names: Mapping[str, str]) -> ScriptRow:
    start = _time(_first(event, _START))
    end = _time(_first(event, _END))
    character = _words(_first(event, _CHARACTER))
    marks = " ".join(_words(event.get(key)) for key in _MARKS)
    return ScriptRow(
        number,
        start,
        end,
        _words(_first(event, _TEXT), "\n"),
        names.get(character, character),
        _presence(_first(event, _PRESENCE)),
        marks.strip(),
        _time(_first(event, _DURATION)),
    )


def _time(value: Any) -> RowTime | None:
    """Numbers are seconds; so are `{"value": 10}`, and texts as `read_time` takes them."""
    if isinstance(value, Mapping):
        value = next(iter(value.values()), None)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return Fraction(str(value)) if value == value and abs(value) < 1e9 else None
    return read_time(str(value))


def _presence(value: Any) -> Presence:
    if isinstance(value, bool):
        return Presence.ON_SCREEN if value else Presence.OFF_SCREEN
    word = str(value or "").casefold().replace("screen", "").strip(" -_")
    return {"on": Presence.ON_SCREEN, "off": Presence.OFF_SCREEN}.get(word, Presence.UNKNOWN)


def _names(document: Any) -> dict[str, str]:
    """Return names by id from a list of characters."""
    keys = _plain_keys(document) if isinstance(document, Mapping) else {}
    listed = _first(keys, _NAMES)
    if not isinstance(listed, list):
        return {}
    found = {}
    for each in listed:
        if isinstance(each, Mapping) and "id" in each:
            found[str(each["id"])] = str(each.get("name", each["id"]))
    return found


def _words(value: Any, separator: str = ", ") -> str:
    """Return the text of a value; of lists and objects, of what they contain."""
    if value is None:
        return ""
    if isinstance(value, list):
        return separator.join(filter(None, (_words(each, separator) for each in value)))
    if isinstance(value, Mapping):
        keys = _plain_keys(value)
        return _words(next((keys[key] for key in ("text", "name", "value") if key in keys), None))
    return str(value)


def _plain_keys(event: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).casefold().translate({45: None, 95: None}): event[key] for key in event}


def _first(event: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((event[key] for key in keys if event.get(key) not in (None, "")), None)
