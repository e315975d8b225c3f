"""Networks are loaded once for all titles, and no title changes them for the next."""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mytalk_core.catalogue.title_dubber import TitleDubber
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing import tools
from mytalk_core.dubbing.models import DubModels, NamedModels
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.speech import recognition
from tests.catalogue_titles import catalogue_title, inline_link

# The renderer of a small film is loaded once, and each of the networks that look and listen.
NAMES = (
    "MeshLandmarker",
    "SpeechEncoder",
    "VoiceEmbedder",
    "LightExpert",
    "load_model",
    "load_renderer",
)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each network is loaded."""
    count: Counter[str] = Counter()

    def counted(module: object, name: str) -> None:
        real = getattr(module, name)

        def load(*arguments: object, **options: object) -> object:
            count[name] += 1
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, load)

    for name in NAMES:
        counted(tools, name)
    counted(recognition, "Whisper")
    return count


def test_two_titles_load_each_network_once_and_do_not_change_it(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    dub_models: NamedModels,
    loads: Counter[str],
    tmp_path: Path,
) -> None:
    """Each has a store of its own, so that nothing is reused."""
    clip = sample_clips["jwp_intro"].path
    film = run_ffmpeg(tmp_path / "film.mp4", "-ss", "2", "-i", clip, "-t", "0.9", "-c:a", "aac")
    speech = run_ffmpeg(tmp_path / "speech.wav", "-ss", "3", "-i", clip, "-t", "0.9", "-vn")
    dubber, networks = TitleDubber(dub_models), DubTools(dub_models.here())
    digests = set()
    for title in ("one", "two"):
        row = catalogue_title(title, film, speech)
        link = inline_link(Artifacts(tmp_path / title), networks)
        dubbed = dubber(row, tmp_path / f"{title}.mp4", link)
        digests.add(hashlib.sha256(dubbed.film.read_bytes()).hexdigest())
    assert loads == dict.fromkeys((*NAMES, "Whisper"), 1)
    assert len(digests) == 1


def test_tools_load_nothing_before_it_is_needed(loads: Counter[str], tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with DubTools(DubModels(*6 * (missing,))) as none:
        assert none.files.motion == missing
    assert not loads
