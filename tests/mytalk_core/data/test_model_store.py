import hashlib
import re
from pathlib import PurePosixPath

import pytest

from mytalk_core.data import model_store
from mytalk_core.data.checked_file import CheckedFile, sha256_of
from mytalk_core.data.model_store import (
    MODELS,
    REQUIRED,
    ModelSpec,
    ModelState,
    download_size,
    model,
    pull,
    state,
    verify,
)
from mytalk_core.errors import BadInputError, ModelError, Reason


@pytest.fixture
def store(cache, make_wheel, carried, monkeypatch):
    """A store of two models, one with two files; both in a carrier."""
    make_wheel("carrier", {"carrier/a": b"aaa", "carrier/b": b"bbbb"})

    def file(name: str, content: bytes) -> CheckedFile:
        digest = hashlib.sha256(content).hexdigest()
        return CheckedFile(name, digest, len(content), (carried("carrier", f"carrier/{name}"),))

    single = ModelSpec("single", "1", "MIT", "one file", (file("a", b"aaa"),))
    pair = ModelSpec("pair", "2", "MIT", "two files", (file("a", b"aaa"), file("b", b"bbbb")))
    monkeypatch.setattr(model_store, "MODELS", (single, pair))
    return single, pair


def test_entries_are_complete():
    assert len({spec.name for spec in MODELS}) == len(MODELS)
    assert set(REQUIRED) <= {spec.name for spec in MODELS}
    for spec in MODELS:
        assert spec.version
        assert spec.licence
        for file in spec.files:
            assert PurePosixPath(file.name).name == file.name
            if file.sha256 is not None:
                assert re.fullmatch("[0-9a-f]{64}", file.sha256)
                assert file.size > 0
                assert file.carriers or file.url


def test_a_model_of_one_file_is_its_path(store, cache):
    path = pull("single")

    assert path == cache / "models" / "single" / "1" / "a"
    assert path.read_bytes() == b"aaa"


def test_a_model_of_several_files_is_their_folder(store):
    folder = pull("pair")

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a": b"aaa",
        "b": b"bbbb",
    }


def test_a_pulled_model_needs_no_source_any_more(store, index):
    first = pull("pair")
    next(index.iterdir()).unlink()

    assert pull("pair") == first
    assert download_size(model("pair")) == 0


def test_the_download_of_a_shared_carrier_counts_once(store):
    assert download_size(model("pair")) == 1000


def test_the_projects_own_weights_come_first(store, tmp_path, monkeypatch):
    own = tmp_path / "weights" / "single"
    own.mkdir(parents=True)
    (own / "a").write_bytes(b"aaa")
    monkeypatch.setattr(model_store, "own_weights", lambda: tmp_path / "weights")

    assert pull("single") == own / "a"


def test_states(store):
    single, pair = store
    assert state(single) is ModelState.ABSENT
    path = pull("single")
    assert verify(single) == (ModelState.PRESENT, "")
    path.write_bytes(b"aab")
    found, problem = verify(single)
    assert found is ModelState.CORRUPT
    assert str(path) in problem
    assert state(pair) is ModelState.ABSENT


def test_a_model_without_a_checksum_is_listed_and_not_pulled(cache):
    spec = model("whisper-base-hub")

    assert state(spec) is ModelState.UNVERIFIABLE
    with pytest.raises(ModelError, match="no verified checksum"):
        pull(spec.name)
    assert not cache.exists()


def test_an_unknown_name_lists_the_known():
    with pytest.raises(BadInputError, match="face-landmarker") as caught:
        pull("face-landmarkr")
    assert caught.value.reason is Reason.NOT_FOUND


def test_the_real_landmarker_is_the_published_one(landmarker_model):
    assert sha256_of(landmarker_model) == model("face-landmarker").files[0].sha256


def test_the_real_whisper_folder_is_what_ctranslate2_loads(whisper_dir):
    assert {path.name for path in whisper_dir.iterdir()} == {
        "model.bin",
        "config.json",
        "tokenizer.json",
        "vocabulary.json",
    }
