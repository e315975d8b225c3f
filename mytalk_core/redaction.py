"""Secrets in addresses and texts: what must not reach a file, a terminal or a log is left out here.

Addresses carry secrets in two places: `user:password@` before the host, and parameters that sign a
request. What is left is the same however often an address is signed, so it also serves as the
address's identity.
"""

import re
from urllib.parse import quote, unquote

REMOVED = "[removed]"
"""Stands for a secret that is named in a text."""

# Parameters whose value is a secret, in lower case; a name also counts behind a prefix such as
# `x-amz-` or `access_`.
_SECRET = re.compile(
    r"(?:.*[-_])?(?:signature|sig|credential|credentials|security-token|token|password|passwd|pwd"
    r"|secret|api-?key|apikey|access-?key|accesskey|accountkey|accesskeyid|secretkey"
    r"|secretaccesskey|authorization|auth|jwt|awsaccesskeyid|googleaccessid|policy)",
)
# What a signature is made of: without the signature useless, and different each time.
_SIGNED_WITH = re.compile(
    r"x-amz-.*|x-goog-.*|expires|key-pair-id|sv|ss|srt|sp|se|st|spr|sip|sr|si|sdd|ses"
    r"|skoid|sktid|skt|ske|sks|skv|saoid|suoid|scid",
)
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{1,2})([^/?#\s\"'<>]*)@")
_QUERY = re.compile(r"[?#]([^\s\"'<>?#]*=[^\s\"'<>#]*)")
# In texts that are no addresses, such as answers of stores.
_NAMED = re.compile(
    r"\b(X-Amz-(?:Signature|Credential|Security-Token)|X-Goog-(?:Signature|Credential)"
    r"|AWSAccessKeyId|aws_secret_access_key|aws_session_token|AccountKey|SharedAccessSignature"
    r"|Authorization)(\"?\s*[=:>]\s*\"?)(?!\[removed\])(?:(?:Bearer|Basic|AWS4-HMAC-SHA256)\s+)?"
    r"[^\s\"'<>&;,]+",
    re.IGNORECASE,
)
_CONTAINER_SCHEMES = ("abfs:", "abfss:", "wasb:", "wasbs:", "az:")  # container@account: no secret


def redacted(text: str) -> str:
    """`text` without the secrets of the addresses in it, and without values that are named secrets.

    Anything else stays as it is: paths, and parameters that choose what an address means.
    """
    if ":/" in text and "@" in text:
        text = _USER.sub(_without_user, text)
    if "=" in text and ("?" in text or "#" in text):
        text = _QUERY.sub(_without_secrets, text)
    return _NAMED.sub(rf"\1\2{REMOVED}", text) if any(each in text for each in "=:>") else text


def _without_user(match: re.Match[str]) -> str:
    scheme, user = match.groups()
    container = ":" not in user and scheme.lower().startswith(_CONTAINER_SCHEMES)
    return match.group() if container else str(scheme)


def _without_secrets(match: re.Match[str]) -> str:
    mark, given = match.group()[0], match.group(1)
    fields = re.split(r"&(?:amp;)?", given)
    names = [unquote(field.partition("=")[0]).lower() for field in fields]
    if any(map(_SECRET.fullmatch, names)):
        fields = [
            field
            for field, name in zip(fields, names, strict=True)
            if not (_SECRET.fullmatch(name) or _SIGNED_WITH.fullmatch(name))
        ]
    kept = "&".join(map(_without_nested, fields))
    return f"{mark}{kept}" if kept else ""


def _without_nested(field: str) -> str:
    """A parameter whose value may be an address of its own, quoted."""
    if "%" not in field:
        return field
    name, equals, value = field.partition("=")
    plain = unquote(value)
    clean = redacted(plain)
    return field if clean == plain else f"{name}{equals}{quote(clean, safe='')}"
