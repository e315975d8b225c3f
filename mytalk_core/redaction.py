"""Remove secrets from addresses and texts before they reach a file, a terminal or a log.

Secrets in an address are `user:password@` before the host and parameters that sign a request. The
redacted address is the same for every signature, so it also identifies the address.
"""

import re
from urllib.parse import quote, unquote

REMOVED = "[removed]"
"""Replaces a named secret in a text."""

# Names of parameters whose value is a secret, in lower case, with any prefix such as `x-amz-`.
_SECRET = re.compile(
    r"(?:.*[-_])?(?:signature|sig|credential|credentials|security-token|token|password|passwd|pwd"
    r"|secret|api-?key|apikey|access-?key|accesskey|accountkey|accesskeyid|secretkey"
    r"|secretaccesskey|authorization|auth|jwt|awsaccesskeyid|googleaccessid|policy)",
)
# Parameters that belong to a signature and differ each time.
_SIGNED_WITH = re.compile(
    r"x-amz-.*|x-goog-.*|expires|key-pair-id|sv|ss|srt|sp|se|st|spr|sip|sr|si|sdd|ses"
    r"|skoid|sktid|skt|ske|sks|skv|saoid|suoid|scid",
)
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{1,2})([^/?#\s\"'<>]*)@")
_QUERY = re.compile(r"[?#]([^\s\"'<>?#]*=[^\s\"'<>#]*)")
# Named secrets in other texts, such as error messages of stores.
_NAMED = re.compile(
    r"\b(X-Amz-(?:Signature|Credential|Security-Token)|X-Goog-(?:Signature|Credential)"
    r"|AWSAccessKeyId|aws_secret_access_key|aws_session_token|AccountKey|SharedAccessSignature"
    r"|Authorization)(\"?\s*[=:>]\s*\"?)(?!\[removed\])(?:(?:Bearer|Basic|AWS4-HMAC-SHA256)\s+)?"
    r"[^\s\"'<>&;,]+",
    re.IGNORECASE,
)
_CONTAINER_SCHEMES = ("abfs:", "abfss:", "wasb:", "wasbs:", "az:")  # container@account: no secret


def redacted(text: str) -> str:
    """Return `text` without secrets in addresses and without the values of named secrets.

    Paths and other parameters are unchanged.
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
    """Redact a parameter whose value may be a percent-encoded address."""
    if "%" not in field:
        return field
    name, equals, value = field.partition("=")
    plain = unquote(value)
    clean = redacted(plain)
    return field if clean == plain else f"{name}{equals}{quote(clean, safe='')}"
