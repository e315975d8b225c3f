"""What a person should look at in a line of a dub."""

from collections.abc import Iterator

from mytalk_core.dubbing.title_report.values import Finding, LineSync, ReportedLine, Severity
from mytalk_core.films.speaking import Speaking
from mytalk_core.media.clock import MOTION_FPS

UNSURE = 0.8
"""Confidence of a speaker below which a person should look at the line."""

IN_STEP = 2
"""Frames at 25 fps that lips may be ahead of the sound or behind it.

Of lips that are in step, one in 36 is measured two frames off in two seconds of speech.
"""


def line_findings(line: ReportedLine) -> Iterator[Finding]:
    """Yield what is to be said of a line, the most important first."""
    start, decision = line.interval.start, line.decision
    if line.fit is not None and line.fit.excess > 0:
        missing = float(line.fit.excess)
        text = f"Line {line.number} is {missing:.2f} s too long for its slot."
        yield Finding(Severity.WARNING, text, start, line.number)
    if decision.speaking is Speaking.UNDECIDED:
        text = f"Nothing is drawn for line {line.number}: {decision.why}"
        yield Finding(Severity.WARNING, text, start, line.number)
    elif decision.confidence < UNSURE:
        text = f"The speaker of line {line.number} is not certain: {decision.why}"
        yield Finding(Severity.NOTE, text, start, line.number)
    if line.skipped and decision.speaking is Speaking.ON_SCREEN:
        text = f"No lips follow line {line.number}: {line.skipped}."
        yield Finding(Severity.WARNING, text, start, line.number)
    if line.sync is not None and abs(line.sync.offset) > IN_STEP:
        yield Finding(Severity.WARNING, _sync_text(line.number, line.sync), start, line.number)


def _sync_text(number: int, sync: LineSync) -> str:
    frames = abs(sync.offset)
    seconds = float(frames / MOTION_FPS)
    where = "ahead of" if sync.offset > 0 else "behind"
    return f"The lips of line {number} are {seconds:.2f} s {where} its sound."
