"""The document of an evaluation: sections of tables with the notes that define them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mytalk_core.evaluation.shown_case import ShownCase
from mytalk_core.evaluation.tables import MetricTable, counted

INTERVAL_NOTE = (
    " In brackets: 95 % confidence interval of the mean for other clips of the same speakers; other"
    " speakers may differ by more."
)


@dataclass(frozen=True)
class Section:
    """The measurements of one model."""

    name: str  # "motion" or "appearance"
    title: str  # shown to the user
    notes: tuple[str, ...]  # unit, clips, definitions; one paragraph each
    tables: Mapping[str, MetricTable]  # by title
    failures: Sequence[ShownCase] = ()  # the worst cases
    failures_note: str = ""  # explains their pictures
    examples: Sequence[ShownCase] = ()  # typical cases
    examples_note: str = ""  # how they were chosen


def footage_note(keys_by_speaker: Mapping[str, Sequence[str]], split: str) -> str:
    """Describe the clips measured: speakers and number of clips of each."""
    each = ", ".join(f"{name} ({len(keys)})" for name, keys in sorted(keys_by_speaker.items()))
    clips = counted(sum(len(keys) for keys in keys_by_speaker.values()), "clip")
    return f"Split {split}: {clips} of {counted(len(keys_by_speaker), 'speaker')}: {each}."


def to_markdown(sections: Sequence[Section], about: Mapping[str, str]) -> str:
    """Return the document as Markdown; `about` names weights and data."""
    lines = ["# Evaluation", ""]
    lines += [f"- {name}: {value}" for name, value in about.items()]
    for section in sections:
        lines += ["", f"## {section.title}", ""]
        lines += [f"{note}\n" for note in section.notes]
        for title, table in section.tables.items():
            grids = table.to_markdown().replace("\n### ", f"\n### {title}: ")
            lines.append(f"### {title}: {grids.removeprefix('### ')}")
        if section.failures:
            lines += ["### where it fails", ""]
            lines += [f"- {failure.text}" for failure in section.failures]
    return "\n".join(lines) + "\n"


def to_json(sections: Sequence[Section], about: Mapping[str, str]) -> str:
    """Return the document as JSON: `about`, then tables by section and title."""
    return json.dumps({"about": dict(about), **as_dict(sections)}, indent=2) + "\n"


def as_dict(sections: Sequence[Section]) -> dict[str, object]:
    """Return notes, tables and failures by section, of JSON types only."""
    return {
        section.name: {
            "notes": list(section.notes),
            "tables": {title: table.to_dict() for title, table in section.tables.items()},
            "failures": [
                {
                    "speaker": failure.speaker,
                    "source": failure.source,
                    "target": failure.target,
                    "faults": list(failure.faults),
                }
                for failure in section.failures
            ],
        }
        for section in sections
    }
