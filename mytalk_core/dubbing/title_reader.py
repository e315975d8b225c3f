"""Read title specifications; everything that is wrong with one is found at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mytalk_core.data.names import short_slug
from mytalk_core.data.plain_document import read_document
from mytalk_core.dubbing.title_document import content_problems, named_files, specified
from mytalk_core.dubbing.title_problems import TitleProblem, title_error
from mytalk_core.dubbing.title_schema import shape_problems
from mytalk_core.dubbing.title_spec import TitleSpec
from mytalk_core.errors import BadInputError, Reason

_LONGEST_ID = 100
SUFFIXES = (".yaml", ".yml", ".json")  # of specifications


@dataclass(frozen=True)
class ReadTitle:
    """A specification that was read."""

    path: Path
    spec: TitleSpec | None  # None where it has problems
    problems: tuple[TitleProblem, ...] = ()


def read_title(path: Path, today: date) -> TitleSpec:
    """Read a title specification, without opening the files that it names.

    Args:
        path: a YAML or JSON file.
        today: decides which consents have expired.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, OVER_LIMIT, or BAD_TITLE with every problem.
    """
    found = _read(path, today)
    if found.spec is None:
        raise title_error(path, found.problems)
    return found.spec


def read_output(path: Path) -> Path:
    """The film that a title specification makes, whether or not its files and consents are good.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, OVER_LIMIT, or BAD_TITLE where the keys or their
            types are wrong.
    """
    document = read_document(path, Reason.BAD_TITLE)
    if problems := shape_problems(document):
        raise title_error(path, problems)
    return _output(document, path)


def read_titles(paths: Sequence[Path], today: date) -> list[ReadTitle]:
    """Read several specifications; two with one id or one output are problems of the later one."""
    titles = []
    taken: dict[tuple[str, str], Path] = {}
    for path in paths:
        try:
            title = _read(path, today)
        except BadInputError as error:
            title = ReadTitle(path, None, (TitleProblem("", _clause(error), error.remedy),))
        clashes = list(_clashes(title, taken))
        titles.append(ReadTitle(path, None, tuple(clashes)) if clashes else title)
    return titles


def specification_files(paths: Iterable[Path]) -> list[Path]:
    """The specifications among paths: files as given, of folders those that have their suffixes.

    Raises:
        BadInputError: NOT_FOUND where a folder has none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        within = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
        if not within:
            raise BadInputError(
                "has no title specifications.",
                reason=Reason.NOT_FOUND,
                where=str(path),
                remedy=f"They end in {', '.join(SUFFIXES)}.",
            )
        found += within
    return list(dict.fromkeys(found))


def _read(path: Path, today: date) -> ReadTitle:
    document = read_document(path, Reason.BAD_TITLE)
    problems = shape_problems(document)
    if not problems:  # else values may have any type
        spec, problems = _spec(document, path)
        problems += content_problems(spec, today)
        if not problems:
            return ReadTitle(path, spec)
    return ReadTitle(path, None, tuple([*problems, *_early_problems(document, path)]))


def _early_problems(document: Mapping[str, Any], path: Path) -> Iterator[TitleProblem]:
    """Missing files of a document of the wrong shape, so that one look shows them too."""
    if shape_problems(document):
        for where, name in named_files(document):
            yield from _file_problems(where, name, path)


def _spec(document: Mapping[str, Any], path: Path) -> tuple[TitleSpec, list[TitleProblem]]:
    """The specification of a document of the right shape, and problems of its dates and files."""
    folder = path.resolve().parent
    problems: list[TitleProblem] = []
    for where, name in named_files(document):
        problems += _file_problems(where, name, path)
    spec, wrong = specified(
        document, _id(document, path), _output(document, path), lambda name: folder / name
    )
    return spec, problems + wrong


def _id(document: Mapping[str, Any], path: Path) -> str:
    return document.get("id") or short_slug(path.stem, _LONGEST_ID)


def _output(document: Mapping[str, Any], path: Path) -> Path:
    output: str = document.get("output", f"{_id(document, path)}.mp4")
    return path.resolve().parent / output


def _file_problems(where: str, name: str, path: Path) -> Iterator[TitleProblem]:
    file = path.resolve().parent / name
    if "://" in name:
        remedy = "Copy it to this machine and give its path."
        yield TitleProblem(where, f"is the URL {name}, but must be a file of this machine", remedy)
    elif "\0" in name or not file.exists():
        remedy = "Paths are relative to the folder of the specification."
        yield TitleProblem(where, f"names {file}, which does not exist", remedy)
    elif not file.is_file():
        yield TitleProblem(where, f"names {file}, which is not a file")


def _clashes(title: ReadTitle, taken: dict[tuple[str, str], Path]) -> Iterator[TitleProblem]:
    """Ids and outputs that an earlier specification has; those of this one are added."""
    if title.spec is None:
        return
    output = str(title.spec.output.resolve())
    for key, value in (("id", title.spec.id), ("output", output)):
        # File systems may ignore case.
        first = taken.setdefault((key, value.casefold()), title.path)
        if first != title.path:
            remedy = f"Give each title its own {key}."
            yield TitleProblem(key, f"is {value}, as in {first}", remedy)


def _clause(error: BadInputError) -> str:
    return error.what.removesuffix(".")
