"""Commands, options, files and links named in the documentation exist; pages are short enough."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from jobs.app import app
from jobs.default_command import DEFAULT_COMMAND, DefaultCommandGroup

ROOT = Path(__file__).parents[2]
CARDS = sorted((ROOT / "mytalk_core" / "weights").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *CARDS]
LONGEST_README, LONGEST_CARD = 150, 80  # lines

_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")
_MAP_ENTRY = re.compile(r"(?:^|\s{2,})([a-z_]+/)\s{2,}", re.MULTILINE)
_FOLDERS = ("mytalk_core/", "pipelines/", "jobs/", "infra/", "tests/", "docs/", ".ci/")


@cache
def command_line() -> Any:
    """Return the `mytalk` command as a click group, from Typer's own copy of click or another."""
    return typer.main.get_command(app)


@cache
def all_flags() -> frozenset[str]:
    """Return the options of `mytalk` and of all of its commands."""
    commands = [command_line()]
    for command in commands:
        commands += subcommands(command).values()
    return frozenset().union(*(flags_of(each) for each in commands))


def subcommands(command: Any) -> dict[str, Any]:
    """Return the commands of a group by name; none of a plain command."""
    return getattr(command, "commands", {})


def flags_of(command: Any) -> set[str]:
    """Return the options of one command, `--help` included."""
    return {"--help", "-h"} | {
        flag for each in command.params for flag in (*each.opts, *each.secondary_opts)
    }


def fault(line: str) -> str | None:
    """Return the first word of a `mytalk ...` command line that does not exist, or None.

    Arguments, other than names of commands, are not checked.
    """
    command = command_line()
    known = flags_of(command)
    for word in shlex.split(line, comments=True)[1:]:
        flag, _, _ = word.partition("=")
        if flag.startswith("-"):
            if flag not in known:
                return flag
        elif subcommands(command):
            if word not in subcommands(command) and not isinstance(command, DefaultCommandGroup):
                return word
            command = subcommands(command).get(word) or subcommands(command)[DEFAULT_COMMAND]
            known |= flags_of(command)
    return None


def code(page: Path) -> tuple[list[str], list[str]]:
    """Return the lines of code blocks (continued lines joined) and the code spans of a page."""
    text = page.read_text(encoding="utf-8")
    blocks = [block.replace("\\\n", " ") for block in _BLOCK.findall(text)]
    lines = [line for block in blocks for line in block.splitlines()]
    return lines, _SPAN.findall(_BLOCK.sub("", text))


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page."""
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def name_of(page: Path) -> str:
    """Return the path of a page below the root, to name its test."""
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


@pytest.mark.parametrize("card", CARDS, ids=name_of)
def test_model_cards_are_short(card: Path) -> None:
    assert len(card.read_text(encoding="utf-8").splitlines()) <= LONGEST_CARD


def test_every_shipped_model_has_a_card() -> None:
    text = "\n".join(card.read_text(encoding="utf-8").splitlines()[0] for card in CARDS)
    assert {each.stem for each in CARDS[0].parent.glob("*.safetensors")} <= set(
        re.findall(r"\w+", text)
    )


@each_page
def test_commands_and_options_exist(page: Path) -> None:
    lines, spans = code(page)
    commands = [each for each in (*lines, *spans) if re.match(r"mytalk [a-z-]", each)]
    assert {line: fault(line) for line in commands if fault(line)} == {}
    flags = {span.split()[0].partition("=")[0] for span in spans if span.startswith("--")}
    assert flags - all_flags() == set()


@each_page
def test_make_targets_and_benchmarks_exist(page: Path) -> None:
    lines, spans = code(page)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in (*lines, *spans):
        if not line.startswith("make "):
            continue
        words = shlex.split(line, comments=True)
        assert words[1] in targets, line
        given = dict(word.split("=", 1) for word in words[2:])
        if words[1] == "bench":
            name = given.get("BENCH", "dub_speed")
            assert (ROOT / "tests" / "benchmarks" / f"{name}.py").is_file(), line
        if words[1] == "test":
            paths = [word for word in given.get("ARGS", "").split() if "/" in word]
            assert all((ROOT / path).exists() for path in paths), line


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_page
def test_files_of_the_repository_exist(page: Path) -> None:
    """A code span is such a file where it starts with a folder of the root or ends in `.py`.

    Modules of the core may be named without `mytalk_core/`.
    """
    _, spans = code(page)
    for span in spans:
        if not _PATH.fullmatch(span) or not (span.startswith(_FOLDERS) or span.endswith(".py")):
            continue
        assert any(any(base.glob(span)) for base in (ROOT, ROOT / "mytalk_core")), span


def test_the_map_of_the_readme_is_complete() -> None:
    blocks = _BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    (house,) = (block for block in blocks if "mytalk_core/ " in block)
    named = set(_MAP_ENTRY.findall(house))
    rooms = {f"{each.parent.name}/" for each in (ROOT / "mytalk_core").glob("*/__init__.py")}
    assert rooms | {"weights/"} <= named
    assert all((ROOT / each).is_dir() or (ROOT / "mytalk_core" / each).is_dir() for each in named)
