"""The dataset card: contents, origin and funnel of a data set as a report.

`dataset_card.html` is one self-contained file. `dataset_card.md` has the same contents, with its
pictures in a folder beside it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jinja2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mytalk_core.curation.card_plots import (
    distribution_chart,
    format_duration,
    funnel_chart,
    speaker_chart,
    split_chart,
)
from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.curation.distributions import Histogram
from mytalk_core.curation.face_groups import is_face_group
from mytalk_core.curation.filters import filters
from mytalk_core.curation.funnel import Funnel, SpeakerLine
from mytalk_core.data.curated import CARD, CARD_PICTURES, CARD_TEXT, write_text
from mytalk_core.data.page import page_template
from mytalk_core.data.storage import Store

_SPEAKERS_LISTED = 30
_OTHER_DISTANCE = 0.72  # smallest distance measured between faces of different people


@dataclass(frozen=True)
class Strip:
    """Frames of a clip as one picture."""

    key: str
    speaker: str  # empty where unknown
    split: str
    jpeg: bytes


@dataclass(frozen=True)
class DatasetCard:
    """Contents of the card."""

    funnel: Funnel
    histograms: Sequence[Histogram]
    faces: pa.Table  # groups of faces, `face_groups.GROUP_SCHEMA`
    strips: Sequence[Strip]
    config: CurateConfig
    versions: Mapping[str, int]  # clips by the software versions that made them (JSON)


@dataclass(frozen=True)
class CardPicture:
    """A picture of the card and its file name."""

    name: str  # of its file, without suffix
    title: str
    kind: str  # "svg" or "jpg"
    data: bytes

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.{self.kind}"

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        kind = {"svg": "image/svg+xml", "jpg": "image/jpeg"}[self.kind]
        return f"data:{kind};base64,{base64.b64encode(self.data).decode()}"


def write_dataset_card(store: Store, card: DatasetCard) -> None:
    """Write the card as HTML and as Markdown, each file atomically.

    Raises:
        OutputError, StorageError: as `Store.publish`.
    """
    pictures = _pictures(card)
    for group in pictures.values():
        for picture in group:
            with store.publish(f"{CARD_PICTURES}/{picture.file}") as temporary:
                temporary.write_bytes(picture.data)
    context = _contents(card) | {"pictures": pictures, "beside": CARD_PICTURES}
    write_text(store, CARD, _template("dataset_card.html.j2", escape=True).render(context))
    write_text(store, CARD_TEXT, _template("dataset_card.md.j2", escape=False).render(context))


def _template(name: str, escape: bool) -> jinja2.Template:
    filters = {
        "time": format_duration,
        "count": lambda number: f"{number:,}",
        "words": lambda text: str(text).replace("_", " "),
    }
    return page_template("mytalk_core.curation", name, filters, escape)


def _pictures(card: DatasetCard) -> dict[str, list[CardPicture]]:
    funnel = card.funnel
    limits = {each.column: each for each in filters(card.config.filters)}
    distributions = [
        CardPicture(
            f"distribution_{each.measurement.column}",
            each.measurement.title,
            "svg",
            distribution_chart(each, limits.get(each.measurement.column)),
        )
        for each in card.histograms
    ]
    strips = [
        CardPicture(f"strip_{number}", strip.key, "jpg", strip.jpeg)
        for number, strip in enumerate(card.strips)
    ]
    return {
        "funnel": [
            CardPicture("funnel", "footage left after each step", "svg", funnel_chart(funnel))
        ],
        "splits": [CardPicture("splits", "kept footage by split", "svg", split_chart(funnel))],
        "speakers": [
            CardPicture(
                "speakers", "kept footage by speaker", "svg", speaker_chart(_kept_speakers(funnel))
            )
        ],
        "distributions": distributions,
        "strips": strips,
    }


def _kept_speakers(funnel: Funnel) -> list[SpeakerLine]:
    """Speakers with kept clips, most footage first."""
    kept = [line for line in funnel.speakers if line.kept.count]
    return sorted(kept, key=lambda line: (-line.kept.milliseconds, line.speaker, line.split))


def _contents(card: DatasetCard) -> dict[str, Any]:
    funnel, kept = card.funnel, _kept_speakers(card.funnel)
    share = funnel.kept.milliseconds / max(funnel.input.milliseconds, 1)
    named = {line.speaker for line in kept if line.speaker}
    faces = {name for name in named if is_face_group(name)}
    return {
        "funnel": funnel,
        "facts": {
            "kept": format_duration(funnel.kept),
            "of the input": f"{share:.0%} of {format_duration(funnel.input)}",
            "clips": f"{funnel.kept.count:,} of {funnel.input.count:,}",
            "speakers": f"{len(named - faces):,} named, {len(faces):,} by face",
            "splits": " · ".join(
                f"{name} {each.milliseconds / max(funnel.kept.milliseconds, 1):.0%}"
                for name, each in funnel.splits.items()
            ),
            "configuration": funnel.configuration_id,
        },
        "dry_run": card.config.dry_run,
        "speakers": kept[:_SPEAKERS_LISTED],
        "more_speakers": len(kept[_SPEAKERS_LISTED:]),
        "faces": _group_quality(card.faces),
        "strips": card.strips,
        "settings": {
            name: _flat(asdict(part))
            for name, part in (
                ("filters", card.config.filters),
                ("near copies", card.config.duplicates),
                ("faces without a name", card.config.faces),
                ("splits", card.config.splits),
                ("packing", card.config.packing),
            )
        }
        | {"held out": {"speakers": ", ".join(sorted(card.config.holdout)) or "none"}},
        "versions": card.versions,
    }


def _flat(fields: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.replace("_", " "): "off"
        if value is None
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
        for name, value in fields.items()
    }


def _group_quality(faces: pa.Table) -> dict[str, str]:
    """Figures by name on how reliable the groups of faces are; empty where there is no group."""
    if not faces.num_rows:
        return {}
    spread, margin = faces["spread"].to_numpy(), faces["margin"].to_numpy()
    close = int((margin < _OTHER_DISTANCE).sum())
    return {
        "groups": f"{faces.num_rows:,}, joined from {pc.sum(faces['titles']).as_py():,} in titles",
        "distance to their centre": f"median {np.median(spread):.2f}, largest {spread.max():.2f}",
        "distance to the nearest other group": f"median {np.median(margin):.2f}, "
        f"smallest {margin.min():.2f}",
        f"groups closer to another than the smallest distance measured between different people"
        f" ({_OTHER_DISTANCE})": f"{close:,}",
    }
