"""Warnings of a title, and the recipe of its film."""

import json
from fractions import Fraction
from pathlib import Path

from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.title import length_warning, recipe
from mytalk_core.speech.transcript import Interval, Transcript


def test_a_speech_longer_than_its_film_is_a_warning():
    speech = Transcript("en", (), (Interval(Fraction(1), Fraction(5, 2)),), "")
    assert length_warning(speech, Fraction(49, 20)) == ""
    assert "0.5 s" in length_warning(speech, Fraction(2))
    assert length_warning(Transcript("und", (), (), ""), Fraction(2)) == ""


def test_the_recipe_changes_with_every_weight_and_setting(tmp_path: Path):
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    files = [encoder / "model.bin", *(tmp_path / name for name in ("faces", "motion", "renderer"))]
    for path in files:
        path.write_bytes(b"before")
    models = DubModels(
        landmarker=files[1], speech_encoder=encoder, motion=files[2], renderer=files[3]
    )

    seen = {json.dumps(recipe(models, DubConfig())), json.dumps(recipe(models, DubConfig(seed=1)))}
    for path in files:
        path.write_bytes(b"after")
        seen.add(json.dumps(recipe(models, DubConfig())))
    assert len(seen) == 2 + len(files)
    assert json.dumps(recipe(models, DubConfig())) in seen
