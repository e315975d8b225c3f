"""Phonetic word aligners: the languages that have one, which are cached, and their download.

They are wav2vec2 models that whisperx loads from the caches of torch and of the model hub. Their
publishers state no checksums; loading them runs no code from the files.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.errors import BadInputError, ModelError, Reason
from mytalk_core.speech.languages import recogniser_code

_TORCH_URL = "https://download.pytorch.org/torchaudio/models"
_HUB_URL = "https://huggingface.co"
_NON_COMMERCIAL = "CC-BY-NC-4.0"
_TIMEOUT = 3600  # seconds for the 0.4 to 4 GB of a model

# From the hub: the model and what its tokenizer needs, of several formats of weights the first.
_HUB_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_HUB_DOWNLOAD = """
import sys
from huggingface_hub import list_repo_files, snapshot_download
files = list_repo_files(sys.argv[1])
weights = next(name for name in sys.argv[2:] if name in files)
snapshot_download(sys.argv[1], allow_patterns=[weights, "*.json", "*.txt"])
"""
_TORCH_DOWNLOAD = """
import sys
import torch.hub
torch.hub.download_url_to_file(sys.argv[1], sys.argv[2], progress=False)
"""
_SPLITTER_DOWNLOAD = """
import nltk
nltk.download("punkt_tab", quiet=True, raise_on_error=True)
"""
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True)
class AlignerSpec:
    """The phonetic aligner of a language."""

    language: str  # the recogniser's code
    source: str  # file of torchaudio, or repository on the model hub
    licence: str  # SPDX expression; "see source" where the repository states it

    @property
    def is_of_torchaudio(self) -> bool:
        """Whether torchaudio publishes it as one file."""
        return "/" not in self.source

    @property
    def url(self) -> str:
        """The publisher's address."""
        return f"{_TORCH_URL if self.is_of_torchaudio else _HUB_URL}/{self.source}"


def _of_torchaudio(language: str, file: str, licence: str = _NON_COMMERCIAL) -> AlignerSpec:
    return AlignerSpec(language, file, licence)


def _of_hub(language: str, repository: str) -> AlignerSpec:
    return AlignerSpec(language, repository, "see source")


_XLSR = "jonatasgrosman/wav2vec2-large-xlsr-53"

ALIGNERS: Mapping[str, AlignerSpec] = {
    spec.language: spec
    for spec in (
        _of_torchaudio("en", "wav2vec2_fairseq_base_ls960_asr_ls960.pth", "MIT"),
        _of_torchaudio("fr", "wav2vec2_voxpopuli_base_10k_asr_fr.pt"),
        _of_torchaudio("de", "wav2vec2_voxpopuli_base_10k_asr_de.pt"),
        _of_torchaudio("es", "wav2vec2_voxpopuli_base_10k_asr_es.pt"),
        _of_torchaudio("it", "wav2vec2_voxpopuli_base_10k_asr_it.pt"),
        _of_hub("ja", f"{_XLSR}-japanese"),
        _of_hub("zh", f"{_XLSR}-chinese-zh-cn"),
        _of_hub("nl", f"{_XLSR}-dutch"),
        _of_hub("uk", "Yehor/wav2vec2-xls-r-300m-uk-with-small-lm"),
        _of_hub("pt", f"{_XLSR}-portuguese"),
        _of_hub("ar", f"{_XLSR}-arabic"),
        _of_hub("cs", "comodoro/wav2vec2-xls-r-300m-cs-250"),
        _of_hub("ru", f"{_XLSR}-russian"),
        _of_hub("pl", f"{_XLSR}-polish"),
        _of_hub("hu", f"{_XLSR}-hungarian"),
        _of_hub("fi", f"{_XLSR}-finnish"),
        _of_hub("fa", f"{_XLSR}-persian"),
        _of_hub("el", f"{_XLSR}-greek"),
        _of_hub("tr", "mpoyraz/wav2vec2-xls-r-300m-cv7-turkish"),
        _of_hub("da", "saattrupdan/wav2vec2-xls-r-300m-ftspeech"),
        _of_hub("he", "imvladikon/wav2vec2-xls-r-300m-hebrew"),
        _of_hub("vi", "nguyenvulebinh/wav2vec2-base-vi-vlsp2020"),
        _of_hub("ko", "kresnik/wav2vec2-large-xlsr-korean"),
        _of_hub("ur", "kingabzpro/wav2vec2-large-xls-r-300m-Urdu"),
        _of_hub("te", "anuragshas/wav2vec2-large-xlsr-53-telugu"),
        _of_hub("hi", "theainerd/Wav2Vec2-large-xlsr-hindi"),
        _of_hub("ca", "softcatala/wav2vec2-large-xlsr-catala"),
        _of_hub("ml", "gvs/wav2vec2-large-xlsr-malayalam"),
        _of_hub("no", "NbAiLab/nb-wav2vec2-1b-bokmaal-v2"),
        _of_hub("sk", "comodoro/wav2vec2-xls-r-300m-sk-cv8"),
        _of_hub("sl", "anton-l/wav2vec2-large-xlsr-53-slovenian"),
        _of_hub("hr", "classla/wav2vec2-xls-r-parlaspeech-hr"),
        _of_hub("ro", "gigant/romanian-wav2vec2"),
        _of_hub("eu", "stefan-it/wav2vec2-large-xlsr-53-basque"),
        _of_hub("gl", "ifrz/wav2vec2-large-xlsr-galician"),
        _of_hub("ka", "xsway/wav2vec2-large-xlsr-georgian"),
        _of_hub("lv", "jimregan/wav2vec2-large-xlsr-latvian-cv"),
        _of_hub("tl", "Khalsuu/filipino-wav2vec2-l-xls-r-300m-official"),
        _of_hub("sv", "KBLab/wav2vec2-large-voxrex-swedish"),
        _of_hub("id", "cahya/wav2vec2-large-xlsr-indonesian"),
    )
}


def aligner_spec(tag: str) -> AlignerSpec:
    """Return the aligner of a BCP 47 tag; region and script are ignored.

    Raises:
        BadInputError: NOT_FOUND where the language has none.
    """
    spec = ALIGNERS.get(recogniser_code(tag))
    if spec is None:
        raise BadInputError(
            f"there is no phonetic aligner for the language {tag!r}.",
            remedy=f"Known languages: {', '.join(sorted(ALIGNERS))}.",
            reason=Reason.NOT_FOUND,
        )
    return spec


def aligner_path(spec: AlignerSpec) -> Path | None:
    """Return the aligner's file or folder in the cache; None where it is not cached."""
    if spec.is_of_torchaudio:
        file = _torch_checkpoints() / spec.source
        return file if file.is_file() else None
    folder = _hub_cache() / f"models--{spec.source.replace('/', '--')}" / "snapshots"
    weights = [file for name in _HUB_WEIGHTS for file in sorted(folder.glob(f"*/{name}"))]
    return weights[0].parent if weights else None


def pull_aligner(spec: AlignerSpec) -> Path:
    """Download an aligner and the sentence splitter it needs, unless they are cached.

    Returns:
        Its file or folder in the cache.

    Raises:
        ModelError: MODEL_MISSING where a publisher cannot be reached or does not have it.
    """
    if not _has_splitter():
        _download("the sentence splitter punkt_tab of nltk", _SPLITTER_DOWNLOAD)
    path = aligner_path(spec)
    if path is None:
        if spec.is_of_torchaudio:
            target = _torch_checkpoints() / spec.source
            target.parent.mkdir(parents=True, exist_ok=True)
            _download(spec.url, _TORCH_DOWNLOAD, spec.url, str(target))
        else:
            _download(spec.url, _HUB_DOWNLOAD, spec.source, *_HUB_WEIGHTS)
        path = aligner_path(spec)
    if path is None:
        raise _missing(spec.url, "it was downloaded, but is not in the cache")
    return path


def _download(what: str, code: str, *arguments: str) -> None:
    """Run a download in a process of its own: recognition switches model hubs off in this one."""
    environment = {name: value for name, value in os.environ.items() if name not in _OFFLINE}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise _missing(what, f"no answer within {_TIMEOUT} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise _missing(what, lines[-1].strip() if lines else f"exit code {done.returncode}")


def _missing(what: str, why: str) -> ModelError:
    return ModelError(
        f"{what} cannot be downloaded: {why}.",
        reason=Reason.MODEL_MISSING,
        remedy=(
            "Connect this machine to the network, or copy the caches of torch, huggingface and nltk"
            " from a machine that has the aligner. Without it, words are aligned by Whisper."
        ),
    )


def _has_splitter() -> bool:
    import nltk

    try:
        nltk.data.find("tokenizers/punkt_tab/")
    except LookupError:
        return False
    return True


def _torch_checkpoints() -> Path:
    """Return torch's folder of downloads; importing torch for its name would take seconds."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser()
    return home / "hub" / "checkpoints"


def _hub_cache() -> Path:
    """Return the cache of the model hub, as its library finds it."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{cache}/huggingface")
    return Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()
