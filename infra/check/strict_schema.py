"""The strict JSON schema of a custom resource of Kubernetes, from its definition.

    python -m infra.check.strict_schema ray.io_rayjobs.yaml >infra/check/rayjob.schema.json

Kubernetes drops fields that it does not know without a word; the strict schema refuses them.
Descriptions, defaults and the status are left out, and what occurs several times is written once.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

_VERSION = "v1"
_KEPT = (
    *("type", "required", "enum", "pattern", "additionalProperties", "anyOf"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
)
_WORTH_SHARING = 120  # characters


def strict_schema(definition: Path) -> dict[str, Any]:
    """Return the schema of the resource that a CustomResourceDefinition defines."""
    content = yaml.load(definition.read_text(encoding="utf-8"), yaml.CSafeLoader)
    version = next(each for each in content["spec"]["versions"] if each["name"] == _VERSION)
    schema = _strict(version["schema"]["openAPIV3Schema"])
    schema["properties"].pop("status", None)
    shared = _Shared(schema)
    return {
        "$comment": f"From {definition.name} of KubeRay, Apache-2.0; see strict_schema.py.",
        **shared.referring(schema),
        "$defs": dict(sorted(shared.definitions.items(), key=lambda each: int(each[0]))),
    }


def _strict(node: dict[str, Any]) -> dict[str, Any]:
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    found = {name: node[name] for name in _KEPT if name in node}
    for name in ("items", "additionalProperties"):
        if isinstance(node.get(name), dict):
            found[name] = _strict(node[name])
    if "properties" in node:
        found["properties"] = {name: _strict(each) for name, each in node["properties"].items()}
        found["additionalProperties"] = False
    return found


class _Shared:
    """Parts of a schema that occur several times."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.definitions: dict[str, dict[str, Any]] = {}
        self._numbers: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._count(schema)

    def referring(self, node: dict[str, Any]) -> dict[str, Any]:
        """Return a part with references to the parts below it."""
        found = dict(node)
        if "properties" in node:
            found["properties"] = {
                name: self._referred(each) for name, each in node["properties"].items()
            }
        for name in ("items", "additionalProperties"):
            if isinstance(node.get(name), dict):
                found[name] = self._referred(node[name])
        return found

    def _referred(self, node: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(node)
        if self._counts[text] < 2 or len(text) < _WORTH_SHARING:
            return self.referring(node)
        if text not in self._numbers:
            self._numbers[text] = number = str(len(self._numbers))
            self.definitions[number] = self.referring(node)
        return {"$ref": f"#/$defs/{self._numbers[text]}"}

    def _count(self, node: dict[str, Any]) -> None:
        self._counts[json.dumps(node)] += 1
        below = [*node.get("properties", {}).values(), node.get("items")]
        for each in (*below, node.get("additionalProperties")):
            if isinstance(each, dict):
                self._count(each)


def main() -> None:
    schema = strict_schema(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(schema, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
