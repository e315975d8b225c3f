"""Normalise and compare names in any script, and convert them to safe ASCII names."""

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")
_DIGEST_BYTES = 6
_NEAR = 0.6  # smallest similarity, 0..1, of a suggested name
_COMPARED = 2_000  # names compared for similarity; more would take minutes
# Invisible characters of copied text: writing direction controls, zero-width spaces and byte order
# marks. The joiners U+200C and U+200D are kept, because Persian words and emoji need them.
_UNSEEN = frozenset(map(chr, (0x61C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F)))) | frozenset(
    map(chr, (0x2060, *range(0x2066, 0x206A), 0xFEFF))
)


def normal_name(text: str) -> str:
    """Return a name in its normal form for storage and comparison; may be empty.

    Unicode NFC without invisible characters, trimmed, runs of whitespace as single spaces. Case is
    kept.
    """
    if not (text.isascii() and text.isprintable()):
        kept = (each for each in printable(text) if each not in _UNSEEN)
        text = "".join(" " if unicodedata.category(each) == "Cc" else each for each in kept)
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def printable(text: str) -> str:
    """Replace characters that UTF-8 cannot encode, such as undecodable bytes of file names."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # an unpaired UTF-16 surrogate, as in JSON
        return text.encode("utf-8", "backslashreplace").decode()


def slug(text: str) -> str:
    """Return `text` as a safe name for keys and paths: ASCII letters, digits and underscores.

    Non-ASCII letters lose their marks or are dropped, and a digest of the text is appended, so that
    two names in another script have different slugs. Dots are dropped, because WebDataset separates
    a key from the member's kind at the first dot.
    """
    if text.isascii():
        return ascii_part(text) or "unnamed"
    text = normal_name(text)
    return f"{ascii_part(text) or 'name'}_{_digest(text)}"


def ascii_part(text: str) -> str:
    """Return the ASCII part of a name as letters, digits and underscores; may be empty."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("_", text).strip("_")


def short_slug(text: str, most: int) -> str:
    """Return the slug of `text`, shortened to at most `most` characters with a digest."""
    whole = slug(text)
    if len(whole) <= most:
        return whole
    ending = f"_{_digest(text)}"
    return whole[: most - len(ending)].rstrip("_") + ending


def near_names(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return the known names most similar to `name`, best first, ignoring case."""
    folded: dict[str, str] = {}
    for each in sorted(known):
        folded.setdefault(_folded(each), each)
        if len(folded) == _COMPARED:
            break
    near = difflib.get_close_matches(_folded(name), folded, most, _NEAR)
    return [folded[each] for each in near]


def case_clashes(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return sorted groups of names that differ only by case or character width."""
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
