"""Documents of Kubernetes in the files below `infra/`, and the pods that they describe."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parents[1]
ROOT = INFRA.parent


@dataclass(frozen=True)
class Document:
    """One document of a YAML file."""

    path: Path
    content: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind, such as "RayJob"."""
        return str(self.content.get("kind", ""))

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return str(self.content.get("metadata", {}).get("name", ""))

    def __str__(self) -> str:
        return f"{self.path.name}: {self.kind} {self.name}".rstrip()


@dataclass(frozen=True)
class Pod:
    """The template of a pod."""

    where: str  # for messages
    template: dict[str, Any]
    is_ray: bool = False  # runs `ray start`

    @property
    def spec(self) -> dict[str, Any]:
        """Its specification."""
        spec: dict[str, Any] = self.template.get("spec", {})
        return spec

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All containers, those that run before the others included."""
        return [*self.spec.get("initContainers", ()), *self.spec.get("containers", ())]


def documents(folder: Path = INFRA / "kubernetes") -> list[Document]:
    """Return the documents of all YAML files of a folder."""
    return [
        Document(path, content)
        for path in sorted(folder.glob("*.yaml"))
        for content in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    ]


def pods(document: Document) -> Iterator[Pod]:
    """Yield the pods that a document describes."""
    spec = document.content.get("spec", {})
    if document.kind == "Job":
        yield Pod(str(document), spec.get("template", {}))
    elif document.kind == "CronJob":
        yield Pod(str(document), spec.get("jobTemplate", {}).get("spec", {}).get("template", {}))
    elif document.kind == "RayJob":
        cluster = spec.get("rayClusterSpec", {})
        yield Pod(f"{document}, submitter", spec.get("submitterPodTemplate", {}))
        yield Pod(f"{document}, head", cluster.get("headGroupSpec", {}).get("template", {}), True)
        for group in cluster.get("workerGroupSpecs", ()):
            where = f"{document}, group {group.get('groupName')}"
            yield Pod(where, group.get("template", {}), True)
