"""Scripts of every format give the same rows; formats are recognised by content."""

import io
import json
from datetime import time, timedelta
from fractions import Fraction
from pathlib import Path
from zipfile import ZipFile

import pytest
from docx import Document

from mytalk_core.speech.lines import Presence
from mytalk_core.speech.scripts.formats import read_rows
from mytalk_core.speech.scripts.rows import ScriptRow, UnreadableScriptError

SECONDS = Fraction(1001, 24_000) * 12  # of 12 frames at 24000/1001

VTT = """WEBVTT - with voices

NOTE a comment
--> is none

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v Anna>Salt &amp; pepper</v>

00:03.000 --> 00:05.000
<v.loud Anna>Hey!</v>
<v Bob>Who, me?</v>
"""
DAPT = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"
  xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xml:lang="fr" ttp:frameRate="24"
  ttp:frameRateMultiplier="1000 1001" ttp:tickRate="10000000"
  xmlns:daptm="http://www.w3.org/ns/ttml/profile/dapt#metadata"
  daptm:scriptRepresents="audio.dialogue" daptm:scriptType="translatedTranscript">
  <head><metadata>
    <ttm:agent type="person" xml:id="actor"><ttm:name type="full">Ann Actor</ttm:name></ttm:agent>
    <ttm:agent type="character" xml:id="c1">
      <ttm:name type="full">Anna Smith</ttm:name><ttm:name type="alias">ANNA</ttm:name>
    </ttm:agent>
  </metadata></head>
  <body>
    <div begin="10s" end="00:00:10:12" ttm:agent="c1" daptm:onScreen="OFF">
      <metadata><ttm:desc>a remark</ttm:desc></metadata>
      <p xml:lang="en">Hello.</p>
      <p xml:lang="fr" daptm:langSrc="en"><span>Bon<br/>jour.</span></p>
    </div>
    <div begin="20s" end="25s" daptm:represents="visual.text"><p>EXIT</p></div>
    <div begin="30s" dur="20000000t" daptm:onScreen="ON">
      <p begin="1s" xml:lang="fr" daptm:langSrc="en">Oui.</p>
    </div>
  </body>
</tt>"""
SSA = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.50,Default,Anna,0,0,0,,{\\i1}Salt{\\i0} & pepper
"""


def times(row: ScriptRow) -> tuple[object, object]:
    return row.start, row.end


def workbook(*rows: tuple[object, ...]) -> bytes:
    """A workbook of one sheet with text, numbers and times."""

    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        if isinstance(value, time):
            seconds = 3600 * value.hour + 60 * value.minute + value.second
            return f'<c s="1"><v>{seconds / 86_400 + value.microsecond / 86_400e6}</v></c>'
        if isinstance(value, timedelta):
            return f'<c s="2"><v>{value.total_seconds() / 86_400}</v></c>'
        return f"<c><v>{value}</v></c>"

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet '
        'name="Dialogue" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
        f'Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="3"><xf numFmtId="0"/>'
        '<xf numFmtId="21"/><xf numFmtId="46"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData>'
        "</worksheet>",
    }
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()


def test_webvtt_gives_a_row_per_voice() -> None:
    found = read_rows(VTT.encode())
    assert [(row.number, row.character, row.text) for row in found.rows] == [
        (1, "Anna", "Salt & pepper"),
        (2, "Anna", "Hey!"),
        (2, "Bob", "Who, me?"),
    ]
    assert [times(row) for row in found.rows] == [
        (1, Fraction(5, 2)),
        (3, Fraction(11, 3)),
        (Fraction(11, 3), 5),
    ]
    assert "1 cue of several voices" in found.notes[0]


def test_dapt_gives_characters_presence_and_exact_times() -> None:
    found = read_rows(b"\xef\xbb\xbf" + DAPT.encode())
    assert found.rows == (
        ScriptRow(1, Fraction(10), 10 + SECONDS, "Bon\njour.", "ANNA", Presence.OFF_SCREEN),
        ScriptRow(2, Fraction(31), Fraction(32), "Oui.", "", Presence.ON_SCREEN),
    )
    assert "the translations were read" in found.notes[0]


def test_paragraphs_in_sequence_follow_each_other() -> None:
    tt = (
        '<tt xmlns="http://www.w3.org/ns/ttml"><body><div timeContainer="seq" begin="5s">'
        '<p dur="2s">a</p><p begin="1s" dur="2s">b</p></div>'
        '<p><span begin="20s" end="21s">c</span> <span begin="22s" end="23s">d</span></p>'
        "</body></tt>"
    )
    rows = read_rows(tt.encode()).rows
    assert [times(row) for row in rows] == [(5, 7), (8, 10), (20, 23)]
    assert rows[2].text == "c d"


def test_smpte_labels_of_ttml_are_counted_at_its_rate() -> None:
    tt = (
        '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:p="http://www.w3.org/ns/ttml#parameter" '
        'p:timeBase="smpte" p:frameRate="30" p:frameRateMultiplier="1000 1001" '
        'p:dropMode="dropNTSC"><body><p begin="00:01:00:02" end="00:10:00:00">a</p></body></tt>'
    )
    found = read_rows(tt.encode())
    assert found.rate == Fraction(30_000, 1001)
    assert times(found.rows[0]) == (1800 / found.rate, 17_982 / found.rate)


def test_entities_of_xml_are_not_expanded() -> None:
    bomb = (
        '<!DOCTYPE tt [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        '<tt xmlns="http://www.w3.org/ns/ttml"><body><p begin="1s" end="2s">x&b;</p></body></tt>'
    )
    assert "aaa" not in read_rows(bomb.encode()).rows[0].text


def test_ssa_names_its_speakers() -> None:
    (row,) = read_rows(SSA.encode()).rows
    assert (row.character, row.text) == ("Anna", "Salt & pepper")
    assert times(row) == (1, Fraction(5, 2))


@pytest.mark.parametrize("text", ["[10][20]Hi\n[30][40]Ho", "{1}{1}25\n{25}{50}Hi"])
def test_other_subtitles_are_read(text: str) -> None:
    assert read_rows(text.encode()).rows[0].text == "Hi"


@pytest.mark.parametrize(
    "document",
    [
        {"events": [{"start": "00:00:01.000", "end": 2.5, "speaker": "Anna", "text": "Hi"}]},
        {
            "title": {"name": "Film", "tags": ["a", "b"]},
            "characters": [{"id": 7, "name": "Anna"}],
            "dialogue-list": {
                "Lines": [
                    {
                        "time_in": "1",
                        "in_time": 1,
                        "duration": 1.5,
                        "character_id": 7,
                        "text": ["Hi"],
                    }
                ]
            },
        },
    ],
)
def test_json_is_read_by_the_names_of_its_fields(document: object) -> None:
    found = read_rows(json.dumps(document).encode())
    (row,) = found.rows
    assert (row.start, row.character, row.text) == (1, "Anna", "Hi")
    assert row.end == Fraction(5, 2) or row.duration == Fraction(3, 2)
    assert "check the lines" in found.notes[0]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_read_below_its_header(separator: str) -> None:
    rows = [
        ["My Film - Episode 1", "", "", "", ""],
        ["", "", "", "", ""],
        ["Nr", "TC In", "TC Out", "Figur", "Dialog (deutsch)"],
        ["1", "10:00:01:00", "10:00:02:12", "ANNA", "Na sowas!"],
        ["", "", "", "", ""],
        ["2", "0:01,5", "75.25", "BOB", "Ja."],
    ]
    text = "\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    found = read_rows(text.encode())
    assert found.rows == (
        ScriptRow(4, "10:00:01:00", "10:00:02:12", "Na sowas!", "ANNA"),
        ScriptRow(6, Fraction(3, 2), Fraction(301, 4), "Ja.", "BOB"),
    )
    assert "text from 'Dialog (deutsch)'" in found.notes[0]


@pytest.mark.parametrize(
    "header",
    [
        "start,end,character,text",
        "IN,OUT,ROLE,DIALOGUE",
        "Anfang,Ende,Rolle,Übersetzung",
        "TC entrée,TC sortie,Personnage,Texte",
        "Entrada,Salida,Personaje,Texto",
        "Inizio,Fine,Personaggio,Testo",
        "Timecode,End time (hh:mm:ss),Character name,German dialogue",
    ],
)
def test_headers_in_many_languages(header: str) -> None:
    (row,) = read_rows(f"{header}\n0:01,0:02,Anna,Hi".encode()).rows
    assert (row.start, row.end, row.character, row.text) == (1, 2, "Anna", "Hi")


def test_a_translation_is_read_and_the_original_is_not() -> None:
    for header in ("start,end,original,translation", "in,out,dialogue,dub text"):
        (row,) = read_rows(f"{header}\n1,2,Hello,Hallo".encode()).rows
        assert row.text == "Hallo"
    (row,) = read_rows(b"start,end,original\n1,2,Hello").rows
    assert row.text == "Hello"


def test_ambiguous_columns_are_refused_with_the_guess() -> None:
    with pytest.raises(UnreadableScriptError) as caught:
        read_rows(b"start,end,English dialogue,German dialogue\n1,2,Hello,Hallo")
    assert "'English dialogue' and 'German dialogue' could each be the text" in caught.value.what
    with pytest.raises(UnreadableScriptError) as caught:
        read_rows(b"0:01,0:02,Anna,Hello there\n0:03,0:04,Bob,Good morning")
    guess = "column 1 seems to be the start, column 2 the end, column 4 the text"
    assert guess in caught.value.what
    assert "header row" in caught.value.remedy


def test_workbooks_keep_times_as_text_time_and_duration() -> None:
    data = workbook(
        ("My Film",),
        ("In", "Out", "Character", "Text", "On/Off"),
        ("10:00:01:00", "10:00:02:00", "ANNA", "One.", "OFF"),
        (time(10, 0, 3), timedelta(hours=10, seconds=4.5), "BOB", "Two.", ""),
        (5, 6.25, "BOB", "Three.", ""),
    )
    rows = read_rows(data).rows
    assert [times(row) for row in rows] == [
        ("10:00:01:00", "10:00:02:00"),
        (36_003, Fraction(72_009, 2)),
        (5, Fraction(25, 4)),
    ]
    assert [(row.number, row.marks) for row in rows] == [(3, "OFF"), (4, ""), (5, "")]


def test_tables_of_a_document_are_one_list(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("My Film")
    header = ("Timecode", "Rolle", "Text")
    for rows in (
        [header, ("0:01", "ANNA", "One\nmore."), ("0:03", "BOB", "Two.")],
        [header, ("0:05", "ANNA", "Three.")],
    ):
        table = document.add_table(0, 3)
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    document.save(str(tmp_path / "lines.docx"))
    found = read_rows((tmp_path / "lines.docx").read_bytes())
    assert [(row.number, row.start, row.text) for row in found.rows] == [
        (2, 1, "One\nmore."),
        (3, 3, "Two."),
        (5, 5, "Three."),
    ]
    assert not found.has_ends


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (VTT.encode("utf-16"), ""),
        (VTT.encode("utf-8-sig"), ""),
        (VTT.replace("Who", "Où est-il allé, déjà").encode("cp1252"), "cp125"),
    ],
)
def test_encodings_are_found(data: bytes, encoding: str) -> None:
    found = read_rows(data)
    assert found.rows[0].text == "Salt & pepper"
    assert any(encoding in note and "confidence" in note for note in found.notes) == bool(encoding)


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 broken",
        b"\xd0\xcf\x11\xe0 broken",
        b"<html><body>no</body></html>",
        b"<tt>",
        b"\x00\xff\xfe\x01" * 20,
        b'{"events": []}',
        b'{"a": ' * 100_000,
        b"a,b\nc,d",
        b"Once upon a time",
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableScriptError):
        read_rows(data)


def test_a_date_is_no_time() -> None:
    assert read_rows(b"start,text\n2024-01-01,Hi").rows[0].start is None
