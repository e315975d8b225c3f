"""What the files for clusters name exists: objects, files, variables, metrics, versions."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from infra.check.documents import INFRA, ROOT, Document, pods

PAGE = ROOT / "docs" / "clusters.md"
BOARD = INFRA / "grafana" / "catalogues.json"

_VARIABLE = re.compile(r"\bMYTALK_[A-Z_]+\b")
_FILE = re.compile(r"\binfra/[\w./-]*\w")
_METRIC = re.compile(r"\b(?:ray_)?mytalk_[a-z_]+\b")
_DECLARED = re.compile(r'(Counter|Gauge)\(\s*"(\w+)"')


def object_problems(found: Sequence[Document]) -> Iterator[str]:
    """Yield service accounts, claims, config maps and secrets that are used and never made."""
    made = {(each.kind, each.name) for each in found}
    for each in found:
        for generated in each.content.get("configMapGenerator", ()):
            made.add(("ConfigMap", generated["name"]))
    secrets = set(re.findall(r"create secret generic ([\w-]+)", PAGE.read_text(encoding="utf-8")))
    made |= {("Secret", name) for name in secrets}
    for document in found:
        for kind, name in sorted(set(_used(document)) - made):
            yield f"{document}: there is no {kind} {name}"


def _used(document: Document) -> Iterator[tuple[str, str]]:
    for pod in pods(document):
        if account := pod.spec.get("serviceAccountName"):
            yield "ServiceAccount", account
        for volume in pod.spec.get("volumes", ()):
            if "persistentVolumeClaim" in volume:
                yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
            if "configMap" in volume:
                yield "ConfigMap", volume["configMap"]["name"]
            if "secret" in volume:
                yield "Secret", volume["secret"]["secretName"]
        for container in pod.containers:
            sources = [each.get("valueFrom", {}) for each in container.get("env", ())]
            for source in (*sources, *container.get("envFrom", ())):
                for name in ("secretKeyRef", "secretRef"):
                    if name in source:
                        yield "Secret", source[name]["name"]


def file_problems(found: Sequence[Document]) -> Iterator[str]:
    """Yield files that a kustomization, a comment or the page about clusters names in vain."""
    for each in found:
        generated = [
            name for one in each.content.get("configMapGenerator", ()) for name in one["files"]
        ]
        for name in (*each.content.get("resources", ()), *generated):
            if not (each.path.parent / name).is_file():
                yield f"{each}: there is no file {name}"
    for path in texts():
        for name in set(_FILE.findall(path.read_text(encoding="utf-8"))):
            if not (ROOT / name).exists():
                yield f"{path.name}: there is no {name}"


def variable_problems() -> Iterator[str]:
    """Yield variables of the environment that the program does not read."""
    for path in texts():
        for name in sorted(set(_VARIABLE.findall(path.read_text(encoding="utf-8"))) - _read()):
            yield f"{path.name}: the program reads no variable {name}"


@cache
def _read() -> frozenset[str]:
    sources = (ROOT / "mytalk_core").rglob("*.py")
    texts = (source.read_text(encoding="utf-8") for source in sources)
    return frozenset(name for text in texts for name in re.findall(r'"(MYTALK_[A-Z_]+)"', text))


def version_problems(found: Sequence[Document]) -> Iterator[str]:
    """Yield versions of Ray that differ from the one in the image."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (version,) = re.findall(r"^ray==(.+)$", pins, re.MULTILINE)
    for each in found:
        if each.kind == "RayJob":
            stated = each.content["spec"]["rayClusterSpec"].get("rayVersion")
            if stated != version:
                yield f"{each}: rayVersion is {stated}, and the image has {version}"


def exported_metrics() -> frozenset[str]:
    """Return the metrics of a catalogue's run by the names under which Ray exports them."""
    source = (ROOT / "pipelines" / "run_metrics.py").read_text(encoding="utf-8")
    ends = {"Counter": "_total", "Gauge": ""}
    return frozenset(f"ray_{name}{ends[kind]}" for kind, name in _DECLARED.findall(source))


def board_queries(board: Path = BOARD) -> list[str]:
    """Return the queries of all panels of a Grafana board."""
    content = json.loads(board.read_text(encoding="utf-8"))
    return [target["expr"] for panel in content["panels"] for target in panel.get("targets", ())]


def metrics_of(query: str) -> set[str]:
    """Return the metrics of this program that a query names."""
    return set(_METRIC.findall(query))


def metric_problems() -> Iterator[str]:
    """Yield queries of the board without a metric of the program, or with an unknown one."""
    for query in board_queries():
        named = metrics_of(query)
        if not named:
            yield f"{BOARD.name}: {query}: names no metric of the program"
        for name in sorted(named - exported_metrics()):
            yield f"{BOARD.name}: {query}: there is no metric {name}"
    for name in sorted(metrics_of(PAGE.read_text(encoding="utf-8")) - exported_metrics()):
        yield f"{PAGE.name}: there is no metric {name}"


def texts() -> list[Path]:
    """Return the files that operators read and change."""
    ends = {".yaml", ".sh", ".tf", ".md", ".json"}
    below: list[Any] = [path for path in INFRA.rglob("*") if path.suffix in ends]
    here = Path(__file__).parent
    files = [path for path in below if here not in path.parents]
    return [*sorted(files), INFRA / "container" / "Dockerfile", PAGE]
