"""Languages as catalogues write them, and as the recogniser calls them."""

import re

from mytalk_core.errors import BadInputError, Reason

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # BCP 47, such as "pt-BR"

# The recogniser's code of a language where tags use another one: its own names of two Norwegians,
# other codes of the same language, and codes that ISO 639 has given up.
_RECOGNISED_AS = {
    "nb": "no",
    "nn": "no",
    "fil": "tl",
    "jv": "jw",
    "cmn": "zh",
    "in": "id",
    "iw": "he",
    "ji": "yi",
    "mo": "ro",
}


def check_language(tag: str, where: str) -> None:
    """Refuse what cannot be a language tag; `where` says who gave it.

    Raises:
        BadInputError: BAD_CONFIGURATION.
    """
    if not _TAG.fullmatch(tag):
        raise BadInputError(
            f"{tag!r} is no language.",
            reason=Reason.BAD_CONFIGURATION,
            where=where,
            remedy="Write it as in `en` or `pt-BR`.",
        )


def recogniser_code(tag: str) -> str:
    """The recogniser's code of a BCP 47 tag; script and region do not count."""
    primary = tag.split("-")[0].lower()
    return _RECOGNISED_AS.get(primary, primary)
