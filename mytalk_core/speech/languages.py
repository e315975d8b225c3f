"""Map language tags of catalogues to the recogniser's language codes."""

import re

from mytalk_core.errors import BadInputError, Reason

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # BCP 47, such as "pt-BR"

# Languages with a code of two letters (ISO 639-1). Codes of three letters are not listed: there are
# thousands.
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv "
    "cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr "
    "ht hu hy hz ia id ie ig ii ik in io is it iu iw ja ji jv jw ka kg ki kj kk kl km kn ko kr "
    "ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt my na nb nd ne ng "
    "nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk "
    "sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve "
    "vi vo wa wo xh yi yo za zh zu "
)
_TWO_LETTERS = frozenset(_CODES.split())

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


def is_known_language(tag: str) -> bool:
    """Return whether a BCP 47 tag of valid syntax begins with the code of a language.

    Every code of three letters counts as one.
    """
    primary = tag.split("-")[0].lower()
    return len(primary) == 3 or primary in _TWO_LETTERS


def recogniser_code(tag: str) -> str:
    """Return the recogniser's code of a BCP 47 tag; script and region are ignored."""
    primary = tag.split("-")[0].lower()
    return _RECOGNISED_AS.get(primary, primary)
