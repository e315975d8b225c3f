import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.app import run
from mytalk_core.data.samples import SampleClip
from mytalk_core.media.audio import write_wav
from mytalk_core.speech.recognition import Recogniser
from mytalk_core.speech.transcript import Segment, Transcript, from_json

SCRIPT = """1
00:00:01,000 --> 00:00:02,300
Hi, I'm Jon Peirce.

2
00:00:02,300 --> 00:00:07,000
I'm a lecturer in Psychology at the University of Nottingham.
"""


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    path = tmp_path / "silence.wav"
    write_wav(path, np.zeros(16_000, np.int16), 16_000)
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "lines.srt"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def recognised_once(whisper_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of the test share the transcript of their one speech."""
    found: list[Transcript] = []
    real = Recogniser.transcribe

    def transcribe(
        self: Recogniser,
        samples: NDArray[np.float32],
        script: Sequence[Segment],
        advance: Callable[[float], None],
        language: str,
    ) -> Transcript:
        if not found:
            found.append(real(self, samples, script, advance, language))
        return found[0]

    monkeypatch.setattr(Recogniser, "transcribe", transcribe)


@pytest.mark.usefixtures("whisper_dir")
def test_a_scripted_speech_is_written_and_printed(
    sample_clips: dict[str, SampleClip],
    script: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "speech.json"
    speech = str(sample_clips["test_movie"].path)
    assert run(["--json", "align", speech, "--script", str(script), "--out", str(out)]) == 0
    printed = json.loads(capfd.readouterr().out)  # and nothing else that a library prints
    assert json.loads(out.read_text()) == printed
    transcript: Transcript = from_json(printed)
    assert transcript.language == "en"
    assert transcript.segments[0].text == "Hi, I'm Jon Peirce."
    assert all(word.interval for segment in transcript.segments for word in segment.words[:4])


@pytest.mark.usefixtures("whisper_dir")
def test_silence_is_not_a_failure(silence: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["align", str(silence)]) == 0
    assert "voice: 0.0 s" in capsys.readouterr().out


def test_a_bad_script_is_refused_first_and_leaves_nothing(
    silence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prose, out = tmp_path / "prose.srt", tmp_path / "out.json"
    prose.write_text("Once upon a time")
    assert run(["align", str(silence), "--script", str(prose), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "prose.srt" in error and "Traceback" not in error
    assert sorted(tmp_path.iterdir()) == [prose, silence]


@pytest.mark.parametrize("content", [b"", b"no sound in here"])
def test_a_file_without_audio_is_bad_input(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    speech, out = tmp_path / "speech.wav", tmp_path / "out.json"
    speech.write_bytes(content)
    assert run(["align", str(speech), "--out", str(out)]) == 2
    assert "speech.wav" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.usefixtures("recognised_once")
def test_a_bad_line_of_a_script_is_named_and_the_others_are_used(
    sample_clips: dict[str, SampleClip],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / "lines.srt"
    script.write_text(SCRIPT + "\n3\n00:00:07,000 --> 00:00:07,000\nGoodbye.\n")
    speech = str(sample_clips["test_movie"].path)
    command = ["align", speech, "--script", str(script), "--language", "de"]
    assert run(command) == 0
    message = " ".join(capfd.readouterr().err.split())
    assert "line 3 (0:00:07.000 to 0:00:07.000) 'Goodbye.' has no length: it is skipped" in message
    assert run(["--json", *command]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert [fault["line"] for fault in printed["script_faults"]] == [3]
    assert len(printed["segments"]) == 2
    assert printed["language"] == "de"
    assert printed["heard"]["language"] == "en" and printed["heard"]["probability"] > 0.5


def test_an_invalid_language_tag_is_refused(
    silence: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["align", str(silence), "--language", "English!"]) == 2
    assert "--language" in capsys.readouterr().err


@pytest.mark.usefixtures("recognised_once")
def test_a_speech_is_compared_with_a_script(
    sample_clips: dict[str, SampleClip],
    script: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    speech = str(sample_clips["test_movie"].path)
    assert run(["align", speech, "--against", str(script)]) == 0
    assert "2 lines as in the script; 0 different, 0 missing, 0 extra" in capfd.readouterr().out
    longer = tmp_path / "longer.srt"
    longer.write_text(SCRIPT + "\n3\n00:00:06,900 --> 00:00:07,700\nGoodbye, [sic] everybody.\n")
    assert run(["align", speech, "--against", str(longer)]) == 1
    shown = capfd.readouterr().out
    assert "missing" in shown and "Goodbye, everybody." in " ".join(shown.split())
    assert run(["--json", "align", speech, "--against", str(longer)]) == 1
    check = json.loads(capfd.readouterr().out)["script_check"]
    assert [(line["line"], line["state"]) for line in check] == [
        (1, "said"),
        (2, "said"),
        (3, "missing"),
    ]


def test_a_speech_is_not_aligned_to_the_script_that_it_is_compared_with(
    silence: Path, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["align", str(silence), "--script", str(script), "--against", str(script)]) == 2
    assert "--against" in capsys.readouterr().err
