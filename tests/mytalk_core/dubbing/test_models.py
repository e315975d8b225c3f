"""Models of a dub are identified by their content, and named where one is missing."""

from pathlib import Path

import pytest

from mytalk_core.dubbing.models import NamedModels, model_digests, named_models
from mytalk_core.errors import ModelError, Reason


@pytest.fixture
def weights(tmp_path: Path) -> tuple[Path, Path]:
    """Files of own weights."""
    paths = (tmp_path / "motion.safetensors", tmp_path / "renderer.safetensors")
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def test_every_role_of_a_stage_has_a_digest_of_its_own() -> None:
    digests = model_digests(named_models(None, None))
    roles = ("landmarker", "speech_encoder", "motion", "renderer", "faces", "voices", "sync")
    assert {*roles, "judge", "lip_judge"} == {*digests}
    assert len({*digests.values()}) == len(digests)


def test_weights_count_by_content_and_not_by_place(
    weights: tuple[Path, Path], tmp_path: Path
) -> None:
    before = model_digests(NamedModels(*weights))
    moved = weights[0].rename(tmp_path / "moved.safetensors")
    assert model_digests(NamedModels(moved, weights[1])) == before
    moved.write_bytes(b"other weights")
    after = model_digests(NamedModels(moved, weights[1]))
    assert {role for role in after if after[role] != before[role]} == {"motion"}


def test_models_of_the_store_are_identified_where_they_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = model_digests(named_models(None, None))
    monkeypatch.setenv("MYTALK_CACHE", str(tmp_path / "empty"))
    assert model_digests(named_models(None, None)) == present


def test_own_weights_replace_the_shipped_ones(weights: tuple[Path, Path]) -> None:
    models = named_models(weights[0], None)
    assert models.motion == weights[0]
    assert models.renderer == named_models(None, None).renderer


@pytest.mark.usefixtures("dub_models")
def test_missing_weights_are_named(weights: tuple[Path, Path]) -> None:
    weights[1].unlink()
    with pytest.raises(ModelError, match="no weights") as refusal:
        NamedModels(*weights).here()
    assert refusal.value.reason is Reason.MODEL_MISSING
    assert refusal.value.where == str(weights[1])
