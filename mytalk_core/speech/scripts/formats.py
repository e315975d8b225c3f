"""Recognise the format of a script by its content and read its rows."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

from mytalk_core.speech.scripts.encoding import decoded
from mytalk_core.speech.scripts.rows import ScriptRows, UnreadableScriptError
from mytalk_core.speech.scripts.subtitles import read_subtitles
from mytalk_core.speech.scripts.table_files import read_csv, read_document, read_workbook
from mytalk_core.speech.scripts.ttal import read_ttal
from mytalk_core.speech.scripts.ttml import read_ttml
from mytalk_core.speech.scripts.web_vtt import read_web_vtt

FORMATS = "SRT, WebVTT, TTML, DAPT, SSA, TTAL, CSV, XLSX or DOCX"

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"  # XLS
_LARGEST = 200_000_000  # bytes of an unpacked document; a script of a film has a few


def read_rows(data: bytes) -> ScriptRows:
    """Read the rows of a script; its format is recognised by its content.

    Raises:
        UnreadableScriptError: where it is no script of a known format.
    """
    if data.startswith((_ZIP, _OLE)):
        return _packed(data)
    try:
        text, note = decoded(data)
    except ValueError as error:
        raise UnreadableScriptError("this is not a readable script: it is no text.") from error
    start = text.lstrip()
    if start.startswith("<"):
        # XML declares its encoding; the parser rejects a declaration in a decoded text.
        return read_ttml(data.lstrip())
    rows = _reader(start)(start)
    return replace(rows, notes=(*rows.notes, note)) if note else rows


def _reader(text: str) -> Callable[[str], ScriptRows]:
    if text.startswith("WEBVTT"):
        return read_web_vtt
    if text.startswith(("{", "[")) and _is_json(text):
        return read_ttal
    subtitles = "-->" in text or text.startswith(("[", "{"))
    separated = any(mark in text.partition("\n")[0] for mark in ";,\t|") or "\n" in text.strip()
    return read_csv if separated and not subtitles else read_subtitles


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _packed(data: bytes) -> ScriptRows:
    if data.startswith(_OLE):
        return read_workbook(data)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise UnreadableScriptError(f"this is not a readable document: {error}.") from error
    if sum(member.file_size for member in members) > _LARGEST:
        raise UnreadableScriptError("this document is too large for a script.")
    names = {member.filename for member in members}
    if "word/document.xml" in names:
        return read_document(data)
    if "xl/workbook.xml" in names or "content.xml" in names:
        return read_workbook(data)
    raise UnreadableScriptError("this archive is no workbook and no document.")
