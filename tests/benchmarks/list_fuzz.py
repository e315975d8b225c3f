"""Read damaged lists: `make bench BENCH=list_fuzz`.

Lists of footage and catalogues, in every format and encoding, are truncated at 20 positions, and
one bit is flipped at 200. Each must raise a typed error, or give rows with errors for the damaged
ones. A row with the speaker or speech of another file is wrong. A damaged value (truncated, or with
a changed letter) cannot be detected; such rows are counted separately.
"""

import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.catalogue.reading import CatalogueSource, read_catalogue
from mytalk_core.errors import MytalkError
from mytalk_core.footage.listing import ListingConfig, list_sources

_ROWS = 8
_CUTS, _FLIPS = 20, 200
_TABLE = "{:<28} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6}"

Row = tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of list: its columns, its rows, and how a command reads it."""

    name: str
    columns: Row
    rows: list[Row]
    read: Callable[[Path], list[Row | None]]  # values of usable rows; None for those that fail


def _footage(path: Path) -> list[Row | None]:
    sources = list_sources([str(path)], ListingConfig())
    return [
        None
        if source.problem or not Path(source.url).is_file()
        else (Path(source.url).name, source.speaker)
        for source in sources
    ]


def _catalogue(path: Path) -> list[Row | None]:
    entries = read_catalogue(CatalogueSource(str(path)), str(path.parent / "out"), date.today())
    return [
        (Path(each.document["film"]).name, Path(each.document["dub"]).name, each.language)
        if isinstance(each, CatalogueTitle)
        else None
        for each in entries
    ]


def kinds(folder: Path) -> list[Kind]:
    """Return the lists; their files are created in `folder`."""
    people = ("王伟", "Иван", "محمد", "Zoë", "Doe, Jane", "s 4", "ann", "bo")
    # Names that differ by more than one flipped bit.
    films = [f"film {letter * 3}é.mp4" for letter in "abcdefgh"]
    speeches = [f"speech-{letter * 3}.wav" for letter in "abcdefgh"]
    for name in films + speeches:
        (folder / name).write_text(name)
    languages = ("en", "pt-BR", "zh", "ar", "ru", "fr", "de", "ja")
    return [
        Kind("footage", ("source", "speaker"), list(zip(films, people, strict=True)), _footage),
        Kind(
            "catalogue",
            ("film", "dub", "language"),
            list(zip(films, speeches, languages, strict=True)),
            _catalogue,
        ),
    ]


def written(kind: Kind) -> Iterator[tuple[str, str, bytes]]:
    """Yield (description, suffix, content) of a list in every format."""
    for name, separator in ((",", ","), (";", ";"), ("tab", "\t"), ("|", "|")):
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
            lines = (
                separator.join(f'"{value}"' if "," in value else value for value in row)
                for row in (kind.columns, *kind.rows)
            )
            yield f"{name} {encoding}", ".csv", "\r\n".join([*lines, ""]).encode(encoding)
    records = [dict(zip(kind.columns, row, strict=True)) for row in kind.rows]
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    yield "JSON Lines", ".jsonl", text.encode()
    sink = pa.BufferOutputStream()
    # Without checksums a flipped bit of Parquet cannot be detected.
    pq.write_table(pa.Table.from_pylist(records), sink, write_page_checksum=True)
    yield "Parquet", ".parquet", sink.getvalue().to_pybytes()


def damaged(content: bytes, seed: int) -> Iterator[bytes]:
    """Yield the content truncated, and with flipped bits."""
    for number in range(_CUTS):
        yield content[: len(content) * number // _CUTS]
    chance = random.Random(seed)
    for _ in range(_FLIPS):
        hit = bytearray(content)
        hit[chance.randrange(len(hit))] ^= 1 << chance.randrange(8)
        yield bytes(hit)


def outcome(kind: Kind, path: Path) -> Counter[str]:
    """Read a list and count its rows by result."""
    try:
        rows = kind.read(path)
    except MytalkError:
        return Counter(refused=1)
    except Exception as error:
        _say(f"{type(error).__name__}: {error}")
        return Counter(traceback=1)
    truth = {row[0]: row for row in kind.rows}
    counts: Counter[str] = Counter(read=1)
    for row in rows:
        if row is None:
            counts["failed"] += 1
        elif row == truth.get(row[0]):
            counts["ok"] += 1
        else:
            others = {value for other in kind.rows if other[0] != row[0] for value in other}
            wrong = bool(set(row[1:]) & others)
            if wrong:
                _say(f"wrong: {row} in {path.read_bytes()!r}")
            counts["wrong" if wrong else "hit"] += 1
    return counts


def main() -> None:
    """Print the table; exit with 1 after a traceback or a wrong row."""
    heads = ("list", "lists", "refused", "read", "rows ok", "failed", "value hit", "wrong")
    _say(_TABLE.format(*heads))
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds(Path(folder)):
            for number, (name, ending, content) in enumerate(written(kind)):
                path = Path(folder) / f"list{ending}"
                path.write_bytes(content)
                whole = outcome(kind, path)
                assert whole == Counter(read=1, ok=_ROWS), (name, whole)
                counts: Counter[str] = Counter()
                for each in damaged(content, number):
                    path.write_bytes(each)
                    counts += outcome(kind, path)
                total += counts
                _line(f"{kind.name}, {name}", counts)
    _line("all", total)
    sys.exit(bool(total["wrong"] or total["traceback"]))


def _line(name: str, counts: Counter[str]) -> None:
    shown = [counts[each] for each in ("refused", "read", "ok", "failed", "hit")]
    wrong = counts["wrong"] + counts["traceback"]
    _say(_TABLE.format(name, counts["refused"] + counts["read"], *shown, wrong))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
