import os

import pytest

from mytalk_core.speech.offline_whisperx import quiet, whisperx_module


def test_whisperx_is_loaded_offline_and_without_usage_metrics() -> None:
    whisperx_module("vads")
    metrics = pytest.importorskip("pyannote.audio.telemetry.metrics")
    assert not metrics.is_metrics_enabled()
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_quiet_suppresses_output(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("loading ...")  # noqa: T201
    assert capsys.readouterr().out == ""
