"""Secrets in addresses are removed, and other text is unchanged."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.errors import BadInputError, Reason, error_from_json, error_to_json
from mytalk_core.redaction import redacted

SECRET = "S3cr3tS3cr3t"


@pytest.mark.parametrize(
    ("given_text", "left"),
    [
        (
            f"https://b.s3.amazonaws.com/a.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=2026"
            f"&X-Amz-Credential=AKIA%2F{SECRET}&X-Amz-Expires=60&X-Amz-Security-Token={SECRET}"
            f"&X-Amz-Signature={SECRET}&versionId=3",
            "https://b.s3.amazonaws.com/a.mp4?versionId=3",
        ),
        (f"https://h/a.mp4?AWSAccessKeyId=A&Expires=1&Signature={SECRET}", "https://h/a.mp4"),
        (f"https://h/a.mp4?X%2DAmz%2DSignature={SECRET}", "https://h/a.mp4"),
        (f"https://h/a.mp4?sv=2024&se=1&sp=r&sr=b&sig={SECRET}%3D", "https://h/a.mp4"),
        (f"https://h/a.mp4?Policy=p&Key-Pair-Id=k&Signature={SECRET}", "https://h/a.mp4"),
        (f"https://h/a.mp4?GoogleAccessId=a&Signature={SECRET}", "https://h/a.mp4"),
        (f"https://h/a.mp4?id=5&token={SECRET}&t=3", "https://h/a.mp4?id=5&t=3"),
        (f"https://h/a.mp4?access_token={SECRET}#t=3", "https://h/a.mp4#t=3"),
        (f"https://h/a.mp4#access_token={SECRET}", "https://h/a.mp4"),
        (f"https://user:{SECRET}@h:8080/a.mp4", "https://h:8080/a.mp4"),
        (f"ftp://{SECRET}@h/a.mp4", "ftp://h/a.mp4"),
        (f"s3://key:{SECRET}@bucket/a.mp4", "s3://bucket/a.mp4"),
        (f"/lists/https:/user:{SECRET}@h/a.mp4", "/lists/https:/h/a.mp4"),
        (
            f"see https://u:{SECRET}@h/a and https://h/b?sig={SECRET}.",
            "see https://h/a and https://h/b",
        ),
        (f"url='https://h/b c?X-Amz-Signature={SECRET}'", "url='https://h/b c'"),
        (
            f"https://h/x?url=https%3A%2F%2Fi%2Fy%3Fsig%3D{SECRET}",
            "https://h/x?url=https%3A%2F%2Fi%2Fy",
        ),
        (
            f"<AWSAccessKeyId>{SECRET}</AWSAccessKeyId>",
            "<AWSAccessKeyId>[removed]</AWSAccessKeyId>",
        ),
        (f"Authorization: Bearer {SECRET}", "Authorization: [removed]"),
        (f"AccountName=a;AccountKey={SECRET}==;x=1", "AccountName=a;AccountKey=[removed];x=1"),
    ],
)
def test_secrets_are_removed(given_text: str, left: str) -> None:
    assert redacted(given_text) == left
    assert redacted(left) == left


@pytest.mark.parametrize(
    "text",
    [
        "/films/a=b/take?.mp4",
        "/films/who@home/x.mp4",
        "s3://bucket/films/a@b.mp4",
        "abfss://container@account.dfs.core.windows.net/a.mp4",
        "https://h/watch?v=5&t=3",
        "its video /films/one.mp4 does not exist: 3 = 4?",
    ],
)
def test_text_without_secrets_is_unchanged(text: str) -> None:
    assert redacted(text) == text


@given(st.text())
def test_redaction_is_idempotent(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


def test_errors_contain_no_secrets_after_pickling_and_json() -> None:
    url = f"https://u:{SECRET}@h/a.mp4?X-Amz-Signature={SECRET}"
    error = BadInputError(f"at {url}", reason=Reason.NOT_FOUND, where=url, remedy=url)
    again = error_from_json(error_to_json(pickle.loads(pickle.dumps(error))))
    for each in (error, again):
        assert SECRET not in str(each)
        assert each.where == "https://h/a.mp4"
    assert SECRET not in str(error_to_json(OSError(url)))
