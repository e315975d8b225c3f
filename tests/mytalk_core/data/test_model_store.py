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
    """A store of two models in one carrier; the second has two files."""
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


def test_pull_returns_the_path_of_a_model_with_one_file(store, cache):
    path = pull("single")

    assert path == cache / "models" / "single" / "1" / "a"
    assert path.read_bytes() == b"aaa"


def test_pull_returns_the_folder_of_a_model_with_several_files(store):
    folder = pull("pair")

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a": b"aaa",
        "b": b"bbbb",
    }


def test_a_pulled_model_is_not_downloaded_again(store, index):
    first = pull("pair")
    next(index.iterdir()).unlink()

    assert pull("pair") == first
    assert download_size(model("pair")) == 0


def test_a_shared_carrier_counts_once_in_the_download_size(store):
    assert download_size(model("pair")) == 1000


def test_weights_shipped_with_the_project_come_first(store, tmp_path, monkeypatch):
    own = tmp_path / "weights" / "single"
    own.mkdir(parents=True)
    (own / "a").write_bytes(b"aaa")
    monkeypatch.setattr(model_store, "own_weights", lambda: tmp_path / "weights")

    assert pull("single") == own / "a"


def test_states_of_absent_present_and_corrupt_models(store):
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


def test_an_unknown_name_is_an_error_that_lists_the_models():
    with pytest.raises(BadInputError, match="face-landmarker") as caught:
        pull("face-landmarkr")
    assert caught.value.reason is Reason.NOT_FOUND


def test_the_landmarker_has_its_published_checksum(landmarker_model):
    assert sha256_of(landmarker_model) == model("face-landmarker").files[0].sha256


def test_the_whisper_folder_has_the_files_that_ctranslate2_loads(whisper_dir):
    assert {path.name for path in whisper_dir.iterdir()} == {
        "model.bin",
        "config.json",
        "tokenizer.json",
        "vocabulary.json",
    }
