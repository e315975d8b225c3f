"""The dataset card: what is in a data set, where it came from and what was left out, for people.

`dataset_card.html` is one file that needs nothing but itself; `dataset_card.md` says the same with
its pictures in a folder beside it.
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
    funnel_chart,
    people_time,
    speaker_chart,
    split_chart,
)
from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.curation.distributions import Histogram
from mytalk_core.curation.face_groups import is_face_group
from mytalk_core.curation.filters import filters
from mytalk_core.curation.funnel import Funnel, SpeakerLine
from mytalk_core.data.curated import CuratedFolder, write_text
from mytalk_core.data.page import page_template
from mytalk_core.media.output import atomic_path, make_folder

_SPEAKERS_LISTED = 30
_STRANGERS = 0.72  # smallest distance of strangers' faces that was measured


@dataclass(frozen=True)
class Strip:
    """A clip at a glance."""

    key: str
    speaker: str  # empty where unknown
    split: str
    jpeg: bytes


@dataclass(frozen=True)
class DatasetCard:
    """All that the card says."""

    funnel: Funnel
    histograms: Sequence[Histogram]
    faces: pa.Table  # groups of faces, `face_groups.GROUP_SCHEMA`
    strips: Sequence[Strip]
    config: CurateConfig
    versions: Mapping[str, int]  # of the programs that made the clips (JSON), with clips of each


@dataclass(frozen=True)
class CardPicture:
    """A picture and where it stands."""

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
        """The picture itself, for a page that carries it."""
        kind = {"svg": "image/svg+xml", "jpg": "image/jpeg"}[self.kind]
        return f"data:{kind};base64,{base64.b64encode(self.data).decode()}"


def write_dataset_card(folder: CuratedFolder, card: DatasetCard) -> None:
    """Write the card as page and as text, each complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    pictures = _pictures(card)
    make_folder(folder.card_pictures)
    for group in pictures.values():
        for picture in group:
            with atomic_path(folder.card_pictures / picture.file) as temporary:
                temporary.write_bytes(picture.data)
    said = _contents(card) | {"pictures": pictures, "beside": folder.card_pictures.name}
    write_text(folder.card, _template("dataset_card.html.j2", escape=True).render(said))
    write_text(folder.card_text, _template("dataset_card.md.j2", escape=False).render(said))


def _template(name: str, escape: bool) -> jinja2.Template:
    filters = {
        "time": people_time,
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
            CardPicture("funnel", "what is left after each step", "svg", funnel_chart(funnel))
        ],
        "splits": [CardPicture("splits", "kept footage by split", "svg", split_chart(funnel))],
        "speakers": [
            CardPicture("speakers", "kept footage by speaker", "svg", speaker_chart(_heard(funnel)))
        ],
        "distributions": distributions,
        "strips": strips,
    }


def _heard(funnel: Funnel) -> list[SpeakerLine]:
    """Speakers of whom something is kept, most footage first."""
    kept = [line for line in funnel.speakers if line.kept.count]
    return sorted(kept, key=lambda line: (-line.kept.milliseconds, line.speaker, line.split))


def _contents(card: DatasetCard) -> dict[str, Any]:
    funnel, heard = card.funnel, _heard(card.funnel)
    share = funnel.kept.milliseconds / max(funnel.input.milliseconds, 1)
    named = {line.speaker for line in heard if line.speaker}
    faces = {name for name in named if is_face_group(name)}
    return {
        "funnel": funnel,
        "facts": {
            "kept": people_time(funnel.kept),
            "of the input": f"{share:.0%} of {people_time(funnel.input)}",
            "clips": f"{funnel.kept.count:,} of {funnel.input.count:,}",
            "speakers": f"{len(named - faces):,} named, {len(faces):,} by face",
            "splits": " · ".join(
                f"{name} {each.milliseconds / max(funnel.kept.milliseconds, 1):.0%}"
                for name, each in funnel.splits.items()
            ),
            "configuration": funnel.configuration_id,
        },
        "dry_run": card.config.dry_run,
        "speakers": heard[:_SPEAKERS_LISTED],
        "more_speakers": len(heard[_SPEAKERS_LISTED:]),
        "faces": _sureness(card.faces),
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
        | {"held out": {"speakers": ", ".join(sorted(card.config.holdout)) or "nobody"}},
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


def _sureness(faces: pa.Table) -> dict[str, str]:
    """How sure the groups of faces are, in figures by name; empty where there is no group."""
    if not faces.num_rows:
        return {}
    spread, margin = faces["spread"].to_numpy(), faces["margin"].to_numpy()
    doubtful = int((margin < _STRANGERS).sum())
    return {
        "groups": f"{faces.num_rows:,}, joined from {pc.sum(faces['titles']).as_py():,} in titles",
        "distance to their centre": f"median {np.median(spread):.2f}, largest {spread.max():.2f}",
        "distance to the nearest other group": f"median {np.median(margin):.2f}, "
        f"smallest {margin.min():.2f}",
        f"nearer to another than strangers were measured ({_STRANGERS})": f"{doubtful:,}",
    }
