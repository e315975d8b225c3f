import pytest

from mytalk_core.media.language_codes import bibliographic, iso_639_2


@pytest.mark.parametrize(
    ("tag", "code", "matroska"),
    [
        ("de", "deu", "ger"),
        ("de-AT", "deu", "ger"),
        ("pt-BR", "por", "por"),
        ("zh-Hant-TW", "zho", "chi"),
        ("ger", "deu", "ger"),
        ("fre", "fra", "fre"),
        ("DEU", "deu", "ger"),
        ("en_US", "eng", "eng"),
        ("yue", "yue", "yue"),
        ("no", "nor", "nor"),
        ("", "und", "und"),
        ("xx", "und", "und"),
        ("und", "und", "und"),
    ],
)
def test_tags_have_codes(tag: str, code: str, matroska: str) -> None:
    assert iso_639_2(tag) == code
    assert bibliographic(tag) == matroska
