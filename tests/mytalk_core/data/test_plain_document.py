from pathlib import Path

import pytest

from mytalk_core.data.plain_document import LARGEST, read_document
from mytalk_core.errors import BadInputError, Reason


def _read(folder: Path, text: str) -> dict[str, object]:
    path = folder / "document.yaml"
    path.write_bytes(text.encode())
    return read_document(path, Reason.BAD_TITLE)


def test_values_are_those_of_yaml_1_2_and_nothing_is_left_out(tmp_path: Path) -> None:
    text = "a: no\nb: 10:00:00:00\nc: 2027-01-01\nd: 3.0\ne: 010\nf: true\ng:\n7: {x: ~, y: on}"
    assert _read(tmp_path, text) == {
        "a": "no",
        "b": "10:00:00:00",
        "c": "2027-01-01",
        "d": 3.0,
        "e": 10,
        "f": True,
        "7": {"y": "on"},
    }


def test_json_may_be_indented_with_tabs(tmp_path: Path) -> None:
    assert _read(tmp_path, '\ufeff{"a": [1, {"b": null}],\n\t"c": "x"}') == {
        "a": [1, {}],
        "c": "x",
    }


BOMB = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BOMB, "line 2, column 8: aliases"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' stands twice"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ('{"a": NaN}', "NaN is not a number"),
        ("a: [1", "line 1, column 6"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: " + "[" * 5000, "neither YAML nor JSON"),
        ("a: " + "[" * 25 + "]" * 25, "nested more than 20 levels"),
        ("a: 1\n---\nb: 2", "another document"),
        ("- a", "no keys"),
        ("", "no keys"),
        ("a: \x00", "neither YAML nor JSON"),
    ],
)
def test_what_is_no_document_is_refused_with_one_sentence(
    tmp_path: Path, text: str, what: str
) -> None:
    with pytest.raises(BadInputError, match=what) as caught:
        _read(tmp_path, text)
    assert caught.value.reason is Reason.BAD_TITLE
    assert "\n" not in str(caught.value)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("who: Müller".encode("latin-1"))
    with pytest.raises(BadInputError, match="not UTF-8") as caught:
        read_document(path, Reason.BAD_TITLE)
    assert caught.value.reason is Reason.BAD_TITLE


def test_a_large_file_is_refused_and_a_missing_one_named(tmp_path: Path) -> None:
    large = tmp_path / "film.mp4"
    large.write_bytes(bytes(LARGEST + 1))
    for path, reason in (
        (large, Reason.OVER_LIMIT),
        (tmp_path / "none.yaml", Reason.NOT_FOUND),
        (tmp_path, Reason.UNREADABLE),
    ):
        with pytest.raises(BadInputError) as caught:
            read_document(path, Reason.BAD_TITLE)
        assert caught.value.reason is reason
