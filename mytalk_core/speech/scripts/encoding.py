"""Decode text files that do not state their encoding."""

import codecs

from charset_normalizer import from_bytes

# The longer marks first: that of UTF-32 starts with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(data: bytes) -> tuple[str, str]:
    """Return the text of a file, and a note where its encoding had to be guessed.

    A byte order mark decides, then whether it is valid UTF-8, then the statistics of its letters.

    Raises:
        ValueError: where it is no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding), ""
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        best = from_bytes(data).best()
        if best is None or "\0" in str(best):
            raise ValueError("it is no text") from error
        sure = (1 - best.chaos) * max(best.coherence, 0.5)
        return str(best), (
            f"the file is not UTF-8; it was read as {best.encoding} (confidence {sure:.2f}): check"
            " the accented letters, or save it as UTF-8"
        )
