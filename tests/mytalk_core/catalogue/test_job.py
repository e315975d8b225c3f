"""Batch jobs: a catalogue with its defaults, and what is wrong with one."""

from pathlib import Path

import fsspec
import pytest

from mytalk_core.catalogue.job import batch_job
from mytalk_core.catalogue.quality.groups import GroupKind
from mytalk_core.errors import BadInputError, Reason

JOB = """
catalogue: lists/catalogue.csv
out: ../dubbed
defaults:
  require_consent: true
  options: {articulation: 1.2}
allow_roots: [films, "s3://studio/films"]
"""


def written(folder: Path, text: str) -> str:
    (folder / "films").mkdir(exist_ok=True)
    path = folder / "job.yaml"
    path.write_text(text)
    return str(path)


def test_paths_of_a_job_are_relative_to_it(tmp_path: Path) -> None:
    job = batch_job(written(tmp_path, JOB), "", [], False)
    assert job.source.url == f"{tmp_path}/lists/catalogue.csv"
    assert job.out == f"{tmp_path.parent}/dubbed"
    assert job.source.defaults == {"require_consent": True, "options": {"articulation": 1.2}}
    assert job.source.base == f"{tmp_path}/job.yaml"
    assert job.source.access.roots == (f"{tmp_path}/films",)
    assert job.source.access.prefixes == ("s3://studio/films",)


def test_limits_of_a_job_are_shares_of_titles_and_lines(tmp_path: Path) -> None:
    text = "catalogue: a.csv\nquality: {lines_failed: 0.05, titles_failed: 0, by: [language]}\n"
    limits = batch_job(written(tmp_path, text), "", [], False).limits
    assert limits.shares == {"lines_failed": 0.05, "titles_failed": 0.0}
    assert limits.by == (GroupKind.LANGUAGE,)
    text = "catalogue: a.csv\nquality: {lines_faild: 1, lines_too_long: 5, by: [member]}\n"
    with pytest.raises(BadInputError) as refused:
        batch_job(written(tmp_path, text), "", [], False)
    for part in ("Did you mean `lines_failed`", "lines_too_long is 5", "at most 1", '"member"'):
        assert part in refused.value.what


def test_options_win_over_the_job_and_add_to_its_roots(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    job = batch_job(written(tmp_path, JOB), str(tmp_path / "here/"), [str(tmp_path / "more")], True)
    assert job.out == f"{tmp_path}/here"
    assert job.source.access.roots == (f"{tmp_path}/films", f"{tmp_path}/more")
    assert job.source.access.private_addresses


def test_a_list_is_a_job_without_defaults(tmp_path: Path) -> None:
    job = batch_job(str(tmp_path / "catalogue.csv"), "s3://studio/out/", [], False)
    assert (job.source.url, job.out) == (f"{tmp_path}/catalogue.csv", "s3://studio/out")
    assert job.source.defaults == {}


def test_every_problem_of_a_job_is_named(tmp_path: Path) -> None:
    text = "catalog: a.csv\ndefaults: {film: a.mp4, options: {sed: 1}}\nallow_roots: 3\n"
    with pytest.raises(BadInputError) as refused:
        batch_job(written(tmp_path, text), "", [], False)
    assert refused.value.reason is Reason.BAD_CONFIGURATION
    for part in ("catalogue is missing", "Did you mean `catalogue`", "defaults.film", "`seed`"):
        assert part in refused.value.what
    assert "allow_roots" in refused.value.what


def test_a_job_in_an_object_store_names_nothing_of_this_machine(
    s3_url: str, tmp_path: Path
) -> None:
    place = f"{s3_url}/jobs/job.yaml"
    files = fsspec.filesystem("s3")
    files.pipe_file(place, b"catalogue: catalogue.csv\nout: dubbed\n")
    job = batch_job(place, "", [], False)
    assert (job.source.url, job.out) == (f"{s3_url}/jobs/catalogue.csv", f"{s3_url}/jobs/dubbed")
    for text in ("catalogue: /etc/passwd", "catalogue: ../up.csv", "catalogue: file:///a.csv"):
        files.pipe_file(place, text.encode())
        with pytest.raises(BadInputError) as refused:
            batch_job(place, "", [], False)
        assert refused.value.reason is Reason.NOT_ALLOWED
