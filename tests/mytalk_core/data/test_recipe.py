"""Keys of stored results change with the software and models that determine them."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from mytalk_core.catalogue.stored_models import recipe as title_recipe
from mytalk_core.curation.decisions import CurateConfig, configuration, configuration_id
from mytalk_core.data import recipe as recipes
from mytalk_core.data.recipe import RECIPES, ResultKind, checksums, made_with
from mytalk_core.dubbing.models import NamedModels
from mytalk_core.footage.unit_work import WorkConfig, WorkModels, config_id
from pipelines import training_job
from pipelines.training_job import TrainJob, run_name

ROOT = Path(__file__).parents[3]

# The entry modules of each stage.
ENTRIES = {
    ResultKind.FOOTAGE: ("mytalk_core.footage.unit_work",),
    ResultKind.CURATION: ("pipelines.curate",),
    ResultKind.TRAINING: ("pipelines.train",),
    ResultKind.DUBBING: ("mytalk_core.catalogue.stored_models",),
}
# Packages whose metadata does not list their modules.
DISTRIBUTIONS = {"dlib": "dlib-bin"}


def module_file(name: str) -> Path | None:
    path = ROOT / name.replace(".", "/")
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def imports(file: Path) -> Iterator[str]:
    """Yield the names of modules, and of names imported from them, anywhere in a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_packages(entries: tuple[str, ...]) -> dict[str, str]:
    """Return distribution -> module for all imports of modules, directly or indirectly."""
    distributions = packages_distributions()
    found: dict[str, str] = {}
    pending, seen = list(entries), set()
    while pending:
        module = pending.pop()
        file = module_file(module)
        if module in seen or file is None:
            continue
        seen.add(module)
        for name in imports(file):
            top = name.split(".")[0]
            if top in ("mytalk_core", "pipelines"):
                pending.append(name)
            elif top not in sys.stdlib_module_names:
                provided = distributions.get(top, [DISTRIBUTIONS.get(top, top)])
                found[_normalised(provided[0])] = module
    return found


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("kind", ResultKind)
def test_every_package_that_a_stage_imports_is_in_its_recipe(kind: ResultKind) -> None:
    recipe = RECIPES[kind]
    named = {_normalised(name) for name in (*recipe.packages, *recipe.without_effect)}
    missing = {
        name: by for name, by in imported_packages(ENTRIES[kind]).items() if name not in named
    }
    assert not missing, f"name these packages in RECIPES[{kind}], imported by: {missing}"


@pytest.mark.parametrize("kind", ResultKind)
def test_versions_are_those_of_the_installed_packages(kind: ResultKind) -> None:
    versions = made_with(kind)
    assert set(RECIPES[kind].packages) < set(versions)
    assert all(versions.values())
    assert not set(RECIPES[kind].packages) & set(RECIPES[kind].without_effect)


def test_the_version_of_the_ffmpeg_program_is_included(monkeypatch: pytest.MonkeyPatch) -> None:
    before = made_with(ResultKind.DUBBING)
    monkeypatch.setattr(recipes.imageio_ffmpeg, "get_ffmpeg_version", lambda: "another")
    recipes._versions.cache_clear()
    after = made_with(ResultKind.DUBBING)
    recipes._versions.cache_clear()
    assert {name for name in after if after[name] != before[name]} == {"ffmpeg program"}


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str], Path]:
    """Function (name, content): write a model file."""

    def write(name: str, content: bytes = b"weights") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def keys(
    files: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> dict[ResultKind, Callable[[], object]]:
    """Functions that compute the key of each kind of result.

    Models of the store are identified by their names, see `test_model_store`.
    """
    encoder = files("encoder/model.bin").parent
    landmarker, motion, renderer = map(files, ("landmarker", "motion", "renderer"))
    dub_models = NamedModels(motion, renderer)
    work_models = WorkModels(landmarker, encoder, None, ())
    job = TrainJob("motion", Path("data"), Path("out"), "tiny", 10, encoder, workers=1)

    class Index:
        @staticmethod
        def digest() -> str:
            return "clips"

    monkeypatch.setattr(training_job, "clip_index", lambda *_: Index)
    return {
        ResultKind.FOOTAGE: lambda: config_id(WorkConfig(), work_models),
        ResultKind.CURATION: lambda: configuration_id(configuration(CurateConfig(), ["m"])),
        ResultKind.TRAINING: lambda: run_name(job),
        ResultKind.DUBBING: lambda: title_recipe(dub_models),
    }


@pytest.mark.parametrize("kind", ResultKind)
def test_the_key_changes_with_the_version_of_any_package(
    kind: ResultKind,
    keys: dict[ResultKind, Callable[[], object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = str(keys[kind]())
    real = recipes.version
    seen = {before}
    try:
        for package in RECIPES[kind].packages:
            monkeypatch.setattr(
                recipes,
                "version",
                lambda name, changed=package: "0.0.0" if name == changed else real(name),
            )
            recipes._versions.cache_clear()
            seen.add(str(keys[kind]()))
    finally:
        recipes._versions.cache_clear()
    assert len(seen) == 1 + len(RECIPES[kind].packages)


@pytest.mark.parametrize(
    ("kind", "models"),
    [
        (ResultKind.FOOTAGE, ["landmarker", "encoder/model.bin"]),
        (ResultKind.TRAINING, ["encoder/model.bin"]),
        (ResultKind.DUBBING, ["motion", "renderer"]),
    ],
)
def test_the_key_changes_with_the_bytes_of_any_model(
    kind: ResultKind,
    models: list[str],
    keys: dict[ResultKind, Callable[[], object]],
    files: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = keys[kind]
    seen = {str(key())}
    for number, name in enumerate(models):
        files(name, b"other weights %d" % number)
        seen.add(str(key()))
    assert len(seen) == 1 + len(models)


def test_checksums_depend_on_relative_names_and_not_on_the_folder(
    files: Callable[..., Path], tmp_path: Path
) -> None:
    one, other = files("a/sub/x"), files("b/sub/x")
    assert checksums(tmp_path / "a") == checksums(tmp_path / "b") == {"sub/x": checksums(one)[""]}
    assert checksums(one) == checksums(other) != checksums(files("b/sub/x", b"others"))
    assert checksums(None) == {}
