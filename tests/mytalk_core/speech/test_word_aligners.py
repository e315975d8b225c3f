import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from faster_whisper import WhisperModel

from mytalk_core.speech.offline_whisperx import whisperx_module
from mytalk_core.speech.transcript import Word
from mytalk_core.speech.word_aligners import (
    AttentionAligner,
    PhoneticAligner,
    cached_phonetic_aligner,
    join_pieces,
)


def pieces(*texts: str) -> list[Word]:
    """Return tokenizer pieces as words of one second each."""
    return [
        Word(text, Fraction(index), Fraction(index + 1), score=1 / (index + 1))
        for index, text in enumerate(texts)
    ]


def test_pieces_without_a_space_continue_the_word_before() -> None:
    joined = join_pieces(pieces(" well", "-", "known", " fact"), spaced=True)
    assert [(word.text, word.start, word.end) for word in joined] == [
        ("well-known", 0, 3),
        ("fact", 3, 4),
    ]
    assert joined[0].score == pytest.approx(1 / 3)


def test_punctuation_joins_its_word_and_takes_no_time() -> None:
    joined = join_pieces(pieces(" -", " ¿", "Sí", ",", " señor", "..."), spaced=True)
    assert [(word.text, word.start, word.end) for word in joined] == [
        ("- ¿Sí,", 2, 3),
        ("señor...", 4, 5),
    ]


def test_marks_after_a_space_still_close_the_word() -> None:
    joined = join_pieces(pieces(" «", " Ça", " va", " ?", " »"), spaced=True)
    assert [word.text for word in joined] == ["« Ça", "va ? »"]


def test_japanese_pieces_are_words() -> None:
    joined = join_pieces(pieces("私", "は", "。", "「", "猫", "」"), spaced=False)
    assert [word.text for word in joined] == ["私", "は。", "「猫」"]


def test_blank_text_gives_no_words() -> None:
    assert join_pieces([], spaced=True) == ()
    assert join_pieces(pieces(" "), spaced=True) == ()


def test_a_sound_that_cannot_be_aligned_gives_no_words(
    whisper_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whisper may find no path through a sound without speech."""
    whisper = WhisperModel(str(whisper_dir), cpu_threads=1)
    aligner = AttentionAligner(whisper, "en")
    monkeypatch.setattr(
        whisper, "find_alignment", WhisperModel.find_alignment.__get__(_WithoutPath(whisper))
    )
    assert aligner(np.zeros(16_000, np.float32), "Bin blue.") == ()


class _WithoutPath:
    """A Whisper whose decoder attends to nothing."""

    def __init__(self, whisper: WhisperModel) -> None:
        self.tokens_per_second = whisper.tokens_per_second
        self.model = self

    def align(self, *_: object, **__: object) -> list[object]:
        return [SimpleNamespace(text_token_probs=[], alignments=[])]


@pytest.fixture
def sentence_splitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An English sentence splitter without abbreviations."""
    folder = tmp_path / "nltk" / "tokenizers" / "punkt_tab" / "english"
    folder.mkdir(parents=True)
    for name in ("collocations.tab", "sent_starters.txt", "abbrev_types.txt", "ortho_context.tab"):
        (folder / name).touch()
    monkeypatch.setattr(whisperx_module("alignment").nltk.data, "path", [str(tmp_path / "nltk")])


@pytest.fixture
def untrained_wav2vec2(tmp_path: Path) -> Path:
    """The folder of a tiny untrained wav2vec2."""
    transformers = pytest.importorskip("transformers")
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]
    (tmp_path / "vocab.json").write_text(
        json.dumps({letter: index for index, letter in enumerate(letters)})
    )
    transformers.Wav2Vec2Processor(
        feature_extractor=transformers.Wav2Vec2FeatureExtractor(),
        tokenizer=transformers.Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json")),
    ).save_pretrained(tmp_path)
    torch.manual_seed(0)
    transformers.Wav2Vec2ForCTC(
        transformers.Wav2Vec2Config(
            vocab_size=len(letters),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            conv_dim=(8,) * 7,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=2,
        )
    ).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("sentence_splitter")
def test_a_cached_wav2vec2_aligns_every_word_in_order(untrained_wav2vec2: Path) -> None:
    model, metadata = whisperx_module("alignment").load_align_model(
        "en", "cpu", model_name=str(untrained_wav2vec2), model_cache_only=True
    )
    audio = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    words = PhoneticAligner(model, metadata, "cpu")(audio, "Hello, I am 42 — ok. Yes.")
    assert [word.text for word in words] == ["Hello,", "I", "am", "42", "—", "ok.", "Yes."]
    starts = [word.start for word in words if word.start is not None]
    assert starts == sorted(starts) and all(0 <= start <= 2 for start in starts)


@pytest.mark.usefixtures("sentence_splitter")
@pytest.mark.parametrize("language", ["en", "pt", "sw"])
def test_without_a_cached_model_there_is_no_phonetic_aligner(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert cached_phonetic_aligner(language, "cpu") is None
