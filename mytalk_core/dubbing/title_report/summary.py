"""A report as a few lines of text, for a terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mytalk_core.dubbing.title_report.document import Document
from mytalk_core.dubbing.title_report.values import LineState, Severity

_FINDINGS = 10  # shown at most, the worst first
_STATES = {
    LineState.DRAWN: "with lips drawn",
    LineState.OFF_SCREEN: "off-screen",
    LineState.UNDECIDED: "undecided",
    LineState.SKIPPED: "not drawn",
}


def summary_text(document: Document) -> str:
    """The summary of a report, from `report_document` or `read_document`."""
    return "\n".join(_rows(document))


def _rows(document: Document) -> Iterator[str]:
    title, lines = document["title"], document["lines"]
    name = f"{title['id']}: {title['film']}" if title["id"] else title["film"]
    yield f"{name}, {title['duration']['seconds']:.1f} s, dub in {title['language']}"
    yield f"{document['frames']['drawn']:,} of {title['frames']:,} frames have new lips"
    if lines:
        states = Counter(LineState(line["state"]) for line in lines)
        parts = [f"{states[state]:,} {text}" for state, text in _STATES.items() if states[state]]
        yield f"{_counted(len(lines), 'line')}: {', '.join(parts)}"
        yield from _fit_rows(lines)
    segments = document["segments"]
    if segments:
        reused = sum(segment["reused"] for segment in segments)
        yield f"{_counted(len(segments), 'segment')}, {reused:,} reused"
    yield from _check_rows(document)
    yield from _finding_rows(document["findings"])


def _fit_rows(lines: list[dict[str, Any]]) -> Iterator[str]:
    over = [line["fit"]["excess"]["seconds"] for line in lines if line["fit"]]
    long = [seconds for seconds in over if seconds > 0]
    if long:
        yield f"{_counted(len(long), 'line')} too long for the slot, by up to {max(long):.2f} s"


def _check_rows(document: Document) -> Iterator[str]:
    checks = document["checks"]
    failed = [f"{name} ({check['text']})" for name, check in checks.items() if not check["ok"]]
    if failed:
        yield f"{len(failed)} of {len(checks)} checks failed: {'; '.join(failed)}"
    elif checks:
        yield f"all {len(checks)} checks hold"


def _finding_rows(findings: list[dict[str, Any]]) -> Iterator[str]:
    ranks = list(Severity)
    ordered = sorted(findings, key=lambda each: ranks.index(Severity(each["severity"])))
    for each in ordered[:_FINDINGS]:
        where = [each["time"]["timecode"]] if each["time"] else []
        where += [f"line {each['line']}"] if each["line"] is not None else []
        place = f" {', '.join(where)}:" if where else ""
        yield f"{each['severity']}:{place} {each['text']}"
    if len(ordered) > _FINDINGS:
        yield f"and {len(ordered) - _FINDINGS:,} more findings, in the report"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
