"""Phonetic aligners are found in the caches, and downloaded into them."""

import sys
from pathlib import Path

import pytest
import torch

from mytalk_core.errors import BadInputError, ModelError, Reason
from mytalk_core.speech import aligner_store
from mytalk_core.speech.aligner_store import ALIGNERS, aligner_path, aligner_spec, pull_aligner
from mytalk_core.speech.offline_whisperx import whisperx_module


@pytest.fixture
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches of torch and nltk without anything."""
    import nltk

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nltk"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)  # another test may have set it
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk")])
    return tmp_path


def with_splitter(caches: Path) -> None:
    (caches / "nltk" / "tokenizers" / "punkt_tab").mkdir(parents=True)


def test_the_aligners_are_those_of_whisperx() -> None:
    alignment = whisperx_module("alignment")
    pipelines = alignment.torchaudio.pipelines
    of_torchaudio = {
        language: getattr(pipelines, name)._path
        for language, name in alignment.DEFAULT_ALIGN_MODELS_TORCH.items()
    }
    of_hub = dict(alignment.DEFAULT_ALIGN_MODELS_HF)
    of_hub.pop("nn")  # the recogniser has one code for both kinds of Norwegian
    assert {each.language: each.source for each in ALIGNERS.values()} == of_torchaudio | of_hub


def test_a_language_without_an_aligner_is_refused() -> None:
    assert aligner_spec("de-AT").language == "de"
    with pytest.raises(BadInputError) as caught:
        aligner_spec("tlh")
    assert "'tlh'" in caught.value.what and "de" in caught.value.remedy


def test_downloads_go_where_torch_looks_for_them(empty_caches: Path) -> None:
    spec = aligner_spec("de")
    assert aligner_path(spec) is None
    file = Path(torch.hub.get_dir()) / "checkpoints" / spec.source
    file.parent.mkdir(parents=True)
    file.touch()
    assert aligner_path(spec) == file


def test_an_aligner_of_the_model_hub_is_found_in_its_cache(
    empty_caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(empty_caches / "hub"))
    spec = aligner_spec("pt")
    assert aligner_path(spec) is None
    name = "models--jonatasgrosman--wav2vec2-large-xlsr-53-portuguese"
    snapshot = empty_caches / "hub" / "hub" / name / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot / "pytorch_model.bin").touch()
    assert aligner_path(spec) == snapshot


def test_an_aligner_is_downloaded_once(
    empty_caches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_splitter(empty_caches)
    published = tmp_path / "publisher"
    published.mkdir()
    spec = aligner_spec("de")
    (published / spec.source).write_bytes(b"weights")
    monkeypatch.setattr(aligner_store, "_TORCH_URL", published.as_uri())
    path = pull_aligner(spec)
    assert path.read_bytes() == b"weights"
    (published / spec.source).unlink()
    assert pull_aligner(spec) == path


@pytest.mark.parametrize("language", ["de", "pt"])
def test_without_a_network_there_is_one_clear_error(
    language: str, empty_caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_splitter(empty_caches)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(aligner_store, "_TORCH_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(empty_caches / "hub"))
    with pytest.raises(ModelError) as caught:
        pull_aligner(aligner_spec(language))
    assert caught.value.reason is Reason.MODEL_MISSING
    assert "cannot be downloaded" in caught.value.what
    assert "\n" not in str(caught.value)
    assert not list(empty_caches.rglob("*.pt"))


def test_a_missing_sentence_splitter_is_named(
    empty_caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aligner_store, "_SPLITTER_DOWNLOAD", "raise SystemExit('no network')")
    with pytest.raises(ModelError) as caught:
        pull_aligner(aligner_spec("de"))
    assert "punkt_tab" in caught.value.what and "no network" in caught.value.what
    assert sys.executable not in str(caught.value)
