"""The recipe of a title, and what the driver of a catalogue imports for it."""

import json
import subprocess
import sys
from pathlib import Path

from mytalk_core.catalogue.stored_models import recipe
from mytalk_core.dubbing.models import NamedModels
from tests.programs import ROOT

NETWORK_LIBRARIES = {"torch", "onnxruntime", "ctranslate2", "mediapipe"}


def test_the_recipe_changes_with_every_weight(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("motion", "renderer")]
    for path in files:
        path.write_bytes(b"before")
    models = NamedModels(*files)

    seen = {json.dumps(recipe(models))}
    for path in files:
        path.write_bytes(b"after")
        seen.add(json.dumps(recipe(models)))
    other = NamedModels(*files, speech_encoder="face-landmarker")
    seen.add(json.dumps(recipe(other)))
    assert len(seen) == 2 + len(files)
    assert json.dumps(recipe(models)) in seen


def test_the_driver_of_a_catalogue_imports_no_network_library() -> None:
    program = (
        "import sys, pipelines.dub; from mytalk_core.catalogue import stored_models as models;"
        "models.recipe(models.named_models(None, None));"
        f"print({NETWORK_LIBRARIES} & {{*sys.modules}})"
    )
    found = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT)
    assert found == b"set()\n"
