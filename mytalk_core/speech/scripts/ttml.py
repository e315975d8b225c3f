"""Read TTML, IMSC and DAPT: exact times, the characters, and whether they are in the picture.

DAPT (W3C, Dubbing and Audio description Profiles of TTML2) has a `div` per script event with its
character (`ttm:agent`) and a `p` per text; a translated script has the original beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from lxml import etree
from ttconv.imsc import attributes

from mytalk_core.speech.lines import Presence
from mytalk_core.speech.scripts.rows import ScriptRow, ScriptRows, UnreadableScriptError
from mytalk_core.speech.scripts.times import read_time

_PRESENCE = {"ON": Presence.ON_SCREEN, "OFF": Presence.OFF_SCREEN}  # others change within the line
_CONTENT = ("div", "p", "span")
_NOT_TEXT = ("metadata", "desc", "title", "audio", "animate", "set")


@dataclass(frozen=True)
class _Context:
    """What an element takes from those around it."""

    begin: Fraction | None = Fraction(0)  # seconds; None where it is malformed
    end: Fraction | None = None  # seconds; None where it is open or malformed
    agents: str = ""
    presence: Presence = Presence.UNKNOWN
    language: str = ""


def read_ttml(data: bytes) -> ScriptRows:
    """Parse TTML, IMSC or DAPT: a row per paragraph.

    Of a DAPT event with an original and a translation the translation is read. Events that
    represent text in the picture or sounds other than dialogue are left out.

    Raises:
        UnreadableScriptError: where it is no TTML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableScriptError(f"this is not a readable script: {error.msg}.") from error
    body = next((child for child in root if _name(child) == "body"), None)
    if _name(root) != "tt" or body is None:
        raise UnreadableScriptError("this is XML, but no TTML with a body.")
    try:
        times = _time_context(root)
    except ValueError as error:
        raise UnreadableScriptError(f"its timecode is not supported: {error}.") from error
    reader = _Reader(times, _agent_names(root))
    rows = reader.rows(body, _Context(language=_attribute(root, "lang")))
    numbered = tuple(replace(row, number=number) for number, row in enumerate(rows, 1))
    is_timecode = times.time_base is attributes.TimeBase.smpte
    notes = (
        ("originals stand beside their translations: the translations were read",)
        if reader.left_originals
        else ()
    )
    return ScriptRows(numbered, notes, times.frame_rate if is_timecode else None)


class _Reader:
    """Reads the paragraphs of one document."""

    def __init__(self, times: Any, agents: Mapping[str, str]) -> None:
        self._times = times  # ttconv's context of time expressions
        self._agents = agents  # names by id
        self.left_originals = False

    def rows(self, element: Any, around: _Context) -> Iterator[ScriptRow]:
        """Yield the rows of an element; all have the number 0."""
        context = self._context(element, around)
        if _name(element) == "p":
            yield self._row(element, context)
            return
        children = [child for child in element if _name(child) in _CONTENT]
        chained = _attribute(element, "timeContainer") == "seq"
        for child in self._wanted(children):
            yield from self.rows(child, context)
            if chained:
                context = replace(context, begin=self._context(child, context).end)

    def _context(self, element: Any, around: _Context) -> _Context:
        begin, end, duration = (element.get(name) for name in ("begin", "end", "dur"))
        start = around.begin if begin is None else _sum(around.begin, self._seconds(begin))
        ends = []
        if end is not None:
            ends.append(_sum(around.begin, self._seconds(end)))
        if duration is not None:
            ends.append(_sum(start, self._seconds(duration)))
        known = [each for each in ends if each is not None]
        until = around.end if not ends else min(known) if len(known) == len(ends) else None
        return _Context(
            start,
            until,
            _attribute(element, "agent") or around.agents,
            _PRESENCE.get(_attribute(element, "onScreen").upper(), around.presence),
            _attribute(element, "lang") or around.language,
        )

    def _row(self, paragraph: Any, context: _Context) -> ScriptRow:
        spans = [span for span in paragraph.iter() if _name(span) == "span"]
        inner = [self._context(span, context) for span in spans]
        start, end = context.begin, context.end
        timed = [each for each, span in zip(inner, spans, strict=True) if span.get("begin")]
        if timed and paragraph.get("begin") is None:
            starts = [each.begin for each in timed if each.begin is not None]
            ends = [each.end for each in timed if each.end is not None]
            start, end = min(starts, default=None), max(ends, default=None)
        agents = [context.agents, *(each.agents for each in inner)]
        named = dict.fromkeys(" ".join(agents).split())
        character = ", ".join(self._agents.get(agent, agent) for agent in named)
        return ScriptRow(0, start, end, _text(paragraph).strip(), character, context.presence)

    def _wanted(self, children: Sequence[Any]) -> list[Any]:
        """Return the spoken children, of an original and its translations the translations."""
        spoken = [child for child in children if _is_spoken(child)]
        originals = [
            child for child in spoken if _name(child) == "p" and not _attribute(child, "langSrc")
        ]
        if not originals or not any(_attribute(child, "langSrc") for child in spoken):
            return spoken
        self.left_originals = True
        return [child for child in spoken if _name(child) != "p" or _attribute(child, "langSrc")]

    def _seconds(self, expression: str) -> Fraction | None:
        try:
            found = attributes.parse_time_expression(self._times, expression.strip())
        except (ValueError, ZeroDivisionError):
            clock = read_time(expression)
            return clock if isinstance(clock, Fraction) else None
        return Fraction(found)


def _time_context(root: Any) -> Any:
    return attributes.TemporalAttributeParsingContext(
        attributes.FrameRateAttribute.extract(root),
        attributes.TickRateAttribute.extract(root),
        attributes.TimeBaseAttribute.extract(root),
        attributes.DropModeAttribute.extract(root),
    )


def _agent_names(root: Any) -> dict[str, str]:
    """Return the name of each agent by its id: of several the alias, as DAPT names characters."""
    found = {}
    for agent in root.iter():
        if _name(agent) != "agent":
            continue
        names = [child for child in agent if _name(child) == "name"]
        names.sort(key=lambda name: name.get("type") != "alias")
        words = " ".join("".join(names[0].itertext()).split()) if names else ""
        found[_attribute(agent, "id")] = words or _attribute(agent, "id")
    return found


def _is_spoken(element: Any) -> bool:
    """Whether a DAPT event represents dialogue, which one that states nothing does."""
    represents = _attribute(element, "represents").split()
    return not represents or any(
        kind == "audio" or kind.startswith("audio.dialogue") for kind in represents
    )


def _text(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        if _name(child) == "br":
            parts.append("\n")
        elif _name(child) not in _NOT_TEXT:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _name(element: Any) -> str:
    """Return the local name: drafts of TTML have other namespaces."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _attribute(element: Any, name: str) -> str:
    """Return the attribute of this local name, or the empty string."""
    for key, value in element.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return ""


def _sum(a: Fraction | None, b: Fraction | None) -> Fraction | None:
    return None if a is None or b is None else a + b
