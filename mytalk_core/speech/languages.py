"""Map language tags of catalogues to the recogniser's language codes."""

import re

from mytalk_core.errors import BadInputError, Reason

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # BCP 47, such as "pt-BR"

# The recogniser's code where tags use another one: Norwegian variants, synonyms, and codes that
# ISO 639 has withdrawn.
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
    """Check the syntax of a language tag; `where` names its source in the error.

    Raises:
        BadInputError: BAD_CONFIGURATION.
    """
    if not _TAG.fullmatch(tag):
        raise BadInputError(
            f"{tag!r} is not a language tag.",
            reason=Reason.BAD_CONFIGURATION,
            where=where,
            remedy="Write it as in `en` or `pt-BR`.",
        )


def recogniser_code(tag: str) -> str:
    """Return the recogniser's code of a BCP 47 tag; script and region are ignored."""
    primary = tag.split("-")[0].lower()
    return _RECOGNISED_AS.get(primary, primary)
