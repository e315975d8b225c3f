"""The acceptance tables of films: test film 1, dubbed.

    python -m tests.benchmarks.film_dub FILMS WORK [--parts PART...] [--share N] [--lines N...]
        [--base N] [--repeat N] [--long-lines N...]

FILMS has the built test films, WORK keeps titles, dubs and artifacts: the same command goes on
where it was stopped. Parts:

    speakers   members, shots, and who says each line, with the script's names and without
    fit        lengths of the fitted lines
    untouched  samples outside of drawn mouths, before encoding; every `--share`th piece with lips
    lips       delivered lips against the fitted sound, by the evaluation copy of the sync expert
    redraw     one changed line, and characters that change places: what is drawn again
    redub      one changed line of `--base` lines, dubbed
    language   the same film with other sentences of `--base` lines
    cost       time of dubs of `--lines` lines, each in a work folder without other dubs
    long       the film `--repeat` times in a row (24: an hour): time by visible speech of dubs of
               `--long-lines` lines, memory beside that of the film once, and the work folder
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mytalk_core.sync.expert import load_expert
from mytalk_core.sync.expert_file import Purpose
from tests.benchmarks.film_dub_checks import (
    delivered_scores,
    fit_rows,
    lip_rows,
    member_rows,
    own_scores,
    untouched_rows,
)
from tests.benchmarks.film_dub_costs import (
    Dubbed,
    cost_rows,
    dubbed,
    kept_rows,
    line_rows,
    pieces_of,
    redub_rows,
    reuse_rows,
    share_of_film,
    usage_rows,
)
from tests.benchmarks.film_dub_opened import as_people, opened, people_of
from tests.benchmarks.film_dub_titles import (
    TitleFile,
    changed_title,
    other_language,
    other_member,
    short_title,
    unnamed_title,
    whole_title,
)
from tests.benchmarks.speaker_accuracy import report
from tests.films.build import BuildOptions, BuiltFilm, film_one

CHANGED_LINE = 19


@dataclass(frozen=True)
class Bench:
    """A film, and where its dubs are kept."""

    film: BuiltFilm
    work: Path
    share: int
    lines: tuple[int, ...]
    repeat: int
    base: int
    long_lines: tuple[int, ...]

    @property
    def store(self) -> Path:
        """The work folder that all dubs of the film share."""
        return self.work / "store"

    def titles(self, name: str) -> Path:
        """The folder of a title."""
        return self.work / "titles" / name

    @property
    def whole_title(self) -> TitleFile:
        """All lines."""
        return whole_title(self.film, self.titles("whole"))

    @cached_property
    def whole(self) -> Dubbed:
        """The dub of all lines."""
        return dubbed(self.whole_title, self.store)

    @property
    def base_store(self) -> Path:
        """The work folder of the title that is changed or dubbed into another language."""
        if self.base == len(self.film.truth.lines):
            return self.store
        return share_of_film(self.store, self.work / f"store-{self.base}")

    @property
    def first(self) -> Dubbed:
        """The title that is changed or dubbed into another language."""
        title = short_title(self.film, self.titles(f"lines-{self.base}"), self.base)
        return dubbed(title, self.base_store)


def speakers(bench: Bench) -> None:
    """Print members, shots and the speakers of all lines."""
    truth = bench.film.truth
    unnamed = unnamed_title(bench.film, bench.titles("unnamed"))
    for name, path in (("names in the script", bench.whole_title.path), ("no names", unnamed.path)):
        with opened(path, bench.store) as title:
            planned = title.planned()
            people = people_of(planned, truth)
            show(f"members, {name}", member_rows(planned, truth, people))
            report(name, truth, *as_people(planned, people))


def fit(bench: Bench) -> None:
    """Print the lengths of the fitted lines."""
    with opened(bench.whole_title.path, bench.store) as title:
        show("fitted lines", fit_rows(title.planned()))


def untouched(bench: Bench) -> None:
    """Print how many samples of frames and faces that say nothing differ."""
    truth = bench.film.truth
    with opened(bench.whole_title.path, bench.store) as title:
        planned = title.planned()
        prepared = title.prepared(planned)
        people = people_of(planned, truth)
        show(
            "samples before encoding",
            untouched_rows(title, planned, prepared, truth, people, bench.share),
        )


def lips(bench: Bench) -> None:
    """Print the offsets of the delivered lips."""
    truth, expert = bench.film.truth, load_expert(Purpose.EVALUATION)
    with opened(bench.whole_title.path, bench.store) as title:
        planned = title.planned()
        people = people_of(planned, truth)
        film = bench.whole.title.output
        scores = delivered_scores(title, planned, film, truth, people, expert)
        show("lips against the fitted sound", lip_rows("dub", scores))
        show("the film's own", lip_rows("own lips and sound", own_scores(planned, truth, expert)))


def redub(bench: Bench) -> None:
    """Print what a changed line draws again, and what that takes."""
    title = changed_title(bench.film, bench.titles(f"changed-{bench.base}"), bench.base)
    first, store = bench.first, bench.base_store
    before, after = pieces_of(first.title, store), pieces_of(title, store)
    show(f"one changed line of {bench.base}", kept_rows(before, after))
    show("", redub_rows(first, dubbed(title, store)))


def redraw(bench: Bench) -> None:
    """Print what changes of all lines' title would draw again; nothing is drawn."""
    film, whole = bench.film, bench.whole_title
    before = pieces_of(whole, bench.store)
    changed = changed_title(film, bench.titles("changed"), len(film.truth.lines))
    show("one changed line", kept_rows(before, pieces_of(changed, bench.store)))
    with opened(whole.path, bench.store) as each:
        people = people_of(each.planned(), film.truth)
    ids = {person: member for member, person in people.items() if person}
    cast = {"Fay": ids["s31"], "Eva": ids["s33"]}
    swapped = other_member(film, bench.titles("member"), cast)
    show("two characters change places", kept_rows(before, pieces_of(swapped, bench.store)))


def language(bench: Bench) -> None:
    """Print what a dub with other sentences reuses, and what it takes."""
    title = other_language(bench.film, bench.titles(f"language-{bench.base}"), bench.base)
    first, store = bench.first, bench.base_store
    before = pieces_of(first.title, store).all_keys
    second = dubbed(title, store)
    show("second language, artifacts", reuse_rows(before, pieces_of(title, store).all_keys))
    show("", redub_rows(first, second))


def cost(bench: Bench) -> None:
    """Print the time of dubs by the seconds of visible speech."""
    runs = []
    for count in bench.lines:
        store = share_of_film(bench.store, bench.work / f"store-{count}")
        runs.append(dubbed(short_title(bench.film, bench.titles(f"lines-{count}"), count), store))
        rows = cost_rows(f"{count} lines", runs[-1])
        show("", {f"{count} lines: visible speech, s": f"{runs[-1].visible_speech:.1f}", **rows})
    if len(runs) > 1:
        show("time of a dub", line_rows(runs))


def long(bench: Bench) -> None:
    """Print time, memory and storage of the repeated film, which the first dub also looks at."""
    film = film_one(bench.film.folder.parent, options=BuildOptions(repeat=bench.repeat))
    store = bench.work / f"store-repeated-{bench.repeat}"
    first = dubbed(short_title(film, bench.titles("repeated-first"), bench.long_lines[0]), store)
    show("memory", {**cost_rows("once", bench.whole), **cost_rows(film.folder.name, first)})
    show("work folder, MB", usage_rows(store))
    runs = []
    for count in bench.long_lines:
        title = short_title(film, bench.titles(f"repeated-{count}"), count)
        runs.append(dubbed(title, share_of_film(store, bench.work / f"store-repeated-{count}")))
        speech = {f"{count} lines: visible speech, s": f"{runs[-1].visible_speech:.1f}"}
        show("", {**speech, **cost_rows(f"{count} lines", runs[-1])})
    if len(runs) > 1:
        show("time of a dub of a film that was looked at", line_rows(runs))


PARTS: Mapping[str, Callable[[Bench], None]] = {
    each.__name__: each
    for each in (speakers, fit, untouched, lips, redraw, redub, language, cost, long)
}


def show(title: str, rows: Mapping[str, str]) -> None:
    """Print a table of two columns."""
    table = Table("measured", "", title=title or None, title_justify="left")
    for row in rows.items():
        table.add_row(*row)
    Console(width=120).print(table)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("films", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS][:-1])
    parser.add_argument("--share", type=int, default=4)
    parser.add_argument("--lines", type=int, nargs="+", default=[6, 12, 24, 48])
    parser.add_argument("--base", type=int, default=48)
    parser.add_argument("--repeat", type=int, default=24)
    parser.add_argument("--long-lines", type=int, nargs="+", default=[12, 48, 96, 192])
    given = parser.parse_args()
    bench = Bench(
        film_one(given.films.absolute()),
        given.work.absolute(),
        given.share,
        tuple(given.lines),
        given.repeat,
        given.base,
        tuple(given.long_lines),
    )
    for part in given.parts:
        PARTS[part](bench)


if __name__ == "__main__":
    main()
