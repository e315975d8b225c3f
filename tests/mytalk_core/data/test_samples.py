import hashlib

import pytest

from mytalk_core.data import samples
from mytalk_core.data.checked_file import CheckedFile
from mytalk_core.data.samples import sample_footage, samples_download_size
from mytalk_core.errors import ModelError


@pytest.fixture
def footage(cache, make_wheel, carried, monkeypatch):
    make_wheel("carrier", {"carrier/clip.mp4": b"film"})
    member = carried("carrier", "carrier/clip.mp4")
    digest = hashlib.sha256(b"film").hexdigest()
    monkeypatch.setattr(samples, "_FILES", (CheckedFile("clip.mp4", digest, 4, (member,)),))


def test_clips_have_source_and_licence(footage):
    (clip,) = sample_footage()

    assert clip.name == "clip"
    assert clip.path.read_bytes() == b"film"
    assert "carrier/clip.mp4" in clip.source
    assert clip.licence == "GPL-3.0-or-later"


def test_clips_are_downloaded_once(footage, index):
    assert samples_download_size() > 0
    sample_footage()
    assert samples_download_size() == 0
    next(index.iterdir()).unlink()

    assert sample_footage()[0].path.is_file()


def test_without_network_and_cache_the_error_names_the_package(cache, index):
    with pytest.raises(ModelError, match="psychopy"):
        sample_footage()


def test_the_published_clips_are_mp4_files(sample_clips):
    assert set(sample_clips) == {"jwp_intro", "test_movie"}
    for clip in sample_clips.values():
        assert clip.path.read_bytes()[4:8] == b"ftyp"
