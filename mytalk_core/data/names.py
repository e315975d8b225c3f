"""Names that people give in any script: how they are compared, and how they become safe names."""

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")
_DIGEST_BYTES = 6
_NEAR = 0.6  # similarity, 0..1, from which a name is offered in place of an unknown one
_COMPARED = 2_000  # names that are compared for similarity; more would take minutes
# Controls of writing direction, zero-width spaces and byte order marks. They are not seen and come
# with copied text. The joiners U+200C and U+200D stay: Persian words and emoji need them.
_UNSEEN = frozenset(map(chr, (0x61C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F)))) | frozenset(
    map(chr, (0x2060, *range(0x2066, 0x206A), 0xFEFF))
)


def normal_name(text: str) -> str:
    """A name in the form in which names are kept and compared; empty where nothing is left.

    Unicode NFC, without characters that are not seen, trimmed, inner whitespace as single spaces.
    Letter case stays as given.
    """
    if not (text.isascii() and text.isprintable()):
        kept = (each for each in printable(text) if each not in _UNSEEN)
        text = "".join(" " if unicodedata.category(each) == "Cc" else each for each in kept)
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def printable(text: str) -> str:
    """`text` without what UTF-8 cannot hold, such as names of files that are not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a pair of UTF-16, as JSON may hold
        return text.encode("utf-8", "backslashreplace").decode()


def slug(text: str) -> str:
    """`text` as a name that is safe in keys and paths: ASCII letters, digits and underscores.

    Letters outside of ASCII are written without their marks or left out; a digest of the text then
    follows, so that two names in another script never share a slug. Dots are not kept because
    WebDataset splits a member's key from its kind at the first dot.
    """
    if text.isascii():
        return ascii_part(text) or "unnamed"
    text = normal_name(text)
    return f"{ascii_part(text) or 'name'}_{_digest(text)}"


def ascii_part(text: str) -> str:
    """What of a name is readable in ASCII, as letters, digits and underscores; may be empty."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("_", text).strip("_")


def short_slug(text: str, most: int) -> str:
    """The slug of `text`, of at most `most` characters: a longer one ends in a digest instead."""
    whole = slug(text)
    if len(whole) <= most:
        return whole
    ending = f"_{_digest(text)}"
    return whole[: most - len(ending)].rstrip("_") + ending


def near_names(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that are most like `name`, best first; letter case does not count."""
    folded: dict[str, str] = {}
    for each in sorted(known):
        folded.setdefault(_folded(each), each)
        if len(folded) == _COMPARED:
            break
    near = difflib.get_close_matches(_folded(name), folded, most, _NEAR)
    return [folded[each] for each in near]


def case_clashes(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of different names that differ only by letter case or width, sorted."""
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(_folded(name), set()).add(name)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def _folded(name: str) -> str:
    if name.isascii():
        return name.casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
