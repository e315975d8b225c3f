"""From the document of a title, of the right shape, to what a person asks for in it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from mytalk_core.dubbing.title_consent import consent_problems
from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.dubbing.title_spec import (
    ONE_STEM,
    Consent,
    FilmTime,
    TitleOptions,
    TitleRange,
    TitleSpec,
)
from mytalk_core.films.cast_map import CastEntry, CastMap, cast_map_problems
from mytalk_core.speech.languages import is_known_language

_FILES = ("film", "music_and_effects", "mix", "script")


def named_files(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files that a document of any shape names, with their places in it."""
    for key in _FILES:
        if isinstance(document.get(key), str):
            yield key, document[key]
    dub = document.get("dub")
    if isinstance(dub, str):
        yield "dub", dub
    elif isinstance(dub, dict):
        yield from ((f"dub.{name}", stem) for name, stem in dub.items() if isinstance(stem, str))
    cast = document.get("cast")
    for number, entry in enumerate(cast if isinstance(cast, list) else ()):
        if isinstance(entry, dict) and isinstance(entry.get("style"), str):
            yield f"cast[{number}].style", entry["style"]


def with_files(document: Mapping[str, Any], place: Callable[[str, str], str]) -> dict[str, Any]:
    """A document of any shape whose files are replaced.

    Args:
        place: gives the new name of a file, from its place in the document and its name.
    """
    found = {where: place(where, name) for where, name in named_files(document)}
    changed = {**document, **{key: found[key] for key in _FILES if key in found}}
    if "dub" in found:
        changed["dub"] = found["dub"]
    elif isinstance(document.get("dub"), dict):
        changed["dub"] = {
            name: found.get(f"dub.{name}", stem) for name, stem in document["dub"].items()
        }
    if isinstance(document.get("cast"), list):
        changed["cast"] = [
            {**entry, "style": style} if (style := found.get(f"cast[{number}].style")) else entry
            for number, entry in enumerate(document["cast"])
        ]
    return changed


def specified(
    document: Mapping[str, Any], id: str, output: Path, file: Callable[[str], Path]
) -> tuple[TitleSpec, list[TitleProblem]]:
    """The specification of a document of the right shape, and problems of its dates.

    Args:
        id: of the title.
        output: its film.
        file: gives the path of a file that the document names.
    """
    problems: list[TitleProblem] = []
    consent = []
    for number, given in enumerate(document.get("consent", ())):
        until, wrong = _date(given.get("until"), f"consent[{number}].until")
        problems += wrong
        consent.append(Consent(**{**given, "until": until}))

    def optional(key: str) -> Path | None:
        return file(document[key]) if key in document else None

    dub = document["dub"]
    stems = {ONE_STEM: dub} if isinstance(dub, str) else dub
    entries = document.get("cast", ())
    spec = TitleSpec(
        id=id,
        film=file(document["film"]),
        language=document["language"],
        dub={name: file(stem) for name, stem in stems.items()},
        output=output,
        music_and_effects=optional("music_and_effects"),
        mix=optional("mix"),
        script=optional("script"),
        cast=CastMap(tuple(_cast_entry(entry) for entry in entries)),
        styles={entry["id"]: file(entry["style"]) for entry in entries if "style" in entry},
        consent=tuple(consent),
        require_consent=document.get("require_consent", False),
        range=_range(document.get("range", {})),
        options=_options(document.get("options", {})),
    )
    return spec, problems


def content_problems(spec: TitleSpec, today: date) -> list[TitleProblem]:
    """What is wrong with a specification before its files are opened.

    Args:
        today: decides which consents have expired.
    """
    problems = [
        TitleProblem("cast", f"is wrong: {text.removesuffix('.')}")
        for text in cast_map_problems(spec.cast)
    ]
    if not is_known_language(spec.language):
        remedy = "Write it as in `de` or `pt-BR`."
        what = f"is {spec.language}, which is not the code of a language"
        problems.append(TitleProblem("language", what, remedy))
    if spec.mix and spec.music_and_effects:
        remedy = "Keep mix if it is the finished sound, else music_and_effects."
        problems.append(TitleProblem("mix", "stands beside music_and_effects", remedy))
    names = {"film": spec.film, "mix": spec.mix, "music_and_effects": spec.music_and_effects}
    stems = {f"dub.{name}" if name else "dub": path for name, path in spec.dub.items()}
    styles = {f"the style of {member}": path for member, path in spec.styles.items()}
    read = {**names, "script": spec.script, **stems, **styles}
    for where, file in read.items():
        if file and file.resolve() == spec.output.resolve():
            remedy = "Name another file as output."
            problems.append(TitleProblem("output", f"is the file that {where} names", remedy))
    return problems + consent_problems(spec, today)


def _date(text: str | None, where: str) -> tuple[date | None, list[TitleProblem]]:
    if text is None:
        return None, []
    try:
        return date.fromisoformat(text), []
    except ValueError:
        remedy = "Write it as year, month, day: 2027-12-31."
        return None, [TitleProblem(where, f"is {text!r}, which is not a date", remedy)]


def _cast_entry(entry: Mapping[str, Any]) -> CastEntry:
    lists = ("characters", "tracks", "merged_from")
    given: dict[str, Any] = {
        key: tuple(value) if key in lists else value
        for key, value in entry.items()
        if key != "style"  # it does not decide who is who
    }
    return CastEntry(**given)


def _range(given: Mapping[str, Any]) -> TitleRange:
    times = {
        key: FilmTime(timecode=value)
        if isinstance(value, str)
        else FilmTime(seconds=Fraction(str(value)))
        for key, value in given.items()
    }
    return TitleRange(**times)


def _options(given: Mapping[str, Any]) -> TitleOptions:
    options = replace(TitleOptions(), **given)
    return replace(
        options,
        articulation=float(options.articulation),
        guidance=float(options.guidance),
        seed=int(options.seed),
        adapt_seconds=float(options.adapt_seconds),
    )
