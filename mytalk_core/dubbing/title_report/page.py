"""The page of a report: one HTML file that opens from disk and sends no request."""

import json
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from mytalk_core.data.page import page_policy, page_script, page_style, page_template
from mytalk_core.dubbing.title_report.packed import packed
from mytalk_core.dubbing.title_report.values import LineState, Severity, TitleReport
from mytalk_core.media.clock import frame_at
from mytalk_core.media.damage import damage_text
from mytalk_core.media.output import atomic_path

_PACKAGE = "mytalk_core.dubbing.title_report"
_PARTS = ("data", "scale", "lanes", "mouth", "timeline", "panel", "tables", "main")
_SCRIPTS = tuple(f"page/{name}.js" for name in _PARTS)
_CARDS = 24  # members that are shown at once
_SIMPLE_LINES = 8  # a film of one person with at most as many lines needs no filter


def write_page(path: Path, report: TitleReport) -> None:
    """Write the page, complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    text = page_text(report)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page_text(report: TitleReport) -> str:
    """The page as HTML."""
    script = page_script(_PACKAGE, _SCRIPTS)
    counts = Counter(finding.severity for finding in report.findings)
    states = Counter(line.state for line in report.lines)
    template = page_template(_PACKAGE, "page/report.html.j2", {"clock": clock, "rate": rate})
    return template.render(
        report=report,
        facts=report.facts,
        policy=page_policy(script),
        style=page_style(_PACKAGE, "page/page.css"),
        script=script,
        payload=packed(report),
        simple=is_simple(report),
        failed=report.failed_checks,
        counts={each.value: counts[each] for each in Severity},
        counted=counts_text(counts),
        states={each.value: states[each] for each in LineState},
        openings=report.curves.mean_openings,
        tables=_tables(report),
        cards=_CARDS,
        total_seconds=max(sum(step.seconds for step in report.steps), 1e-9),
        damage=damage_text(report.damage),
        track_pictures=[(track.id, track.picture) for track in report.tracks if track.picture],
        line_media=list(_line_media(report)),
    )


def is_simple(report: TitleReport) -> bool:
    """Whether one person says a few lines, so that the page needs neither cast nor filter."""
    return len(report.members) <= 1 and len(report.lines) <= _SIMPLE_LINES


def counts_text(counts: Counter[Severity]) -> str:
    """Findings by severity as a clause, such as `2 errors, 1 warning`; empty for none."""
    parts = [
        f"{counts[each]:,} {each.value}{'s' if counts[each] > 1 else ''}"
        for each in Severity
        if counts[each]
    ]
    return ", ".join(parts)


def clock(time: Fraction) -> str:
    """Seconds as people read them, `m:ss.cc` or `h:mm:ss.cc`, cut off and not rounded up."""
    seconds, rest = divmod(int(time * 100), 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    lead = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{lead}:{seconds:02d}.{rest:02d}"


def rate(fps: Fraction) -> str:
    """A frame rate to three decimals, as people know it."""
    return f"{float(fps):.3f}".rstrip("0").rstrip(".")


def _tables(report: TitleReport) -> list[tuple[str, str, int]]:
    """Name, label and number of rows of the tables that the page has."""
    faces_matter = len(report.tracks) > 1
    segments_matter = len(report.segments) > 1
    tables = [
        ("lines", "Lines", len(report.lines), True),
        ("findings", "Findings", len(report.findings), bool(report.findings)),
        ("tracks", "Faces", len(report.tracks), faces_matter),
        ("segments", "Segments", len(report.segments), segments_matter),
        ("left", "Left alone", len(report.left_alone), bool(report.left_alone)),
    ]
    return [(name, label, count) for name, label, count, shown in tables if shown]


def _line_media(report: TitleReport) -> Iterator[tuple[int, str]]:
    """Clip and pictures of each line that has some, as JSON that a script element can hold."""
    fps = report.facts.fps
    for line in report.lines:
        if line.strip or line.player:
            media = {
                "player": line.player,
                "strip": [
                    (frame_at(each.time, fps), each.source, each.dubbed) for each in line.strip
                ],
            }
            yield line.number, json.dumps(media).replace("<", "\\u003c")
