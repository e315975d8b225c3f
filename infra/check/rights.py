"""Rights and needs of pods: no root, no writable root file system, limits, no secret in a value."""

import re
from collections.abc import Iterator
from typing import Any

from infra.check.documents import Document, Pod, pods

# Every pod has it, so that the network policy covers it.
LABEL = "app.kubernetes.io/name"

_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL", re.IGNORECASE)
_IMAGE = re.compile(r"[^:@]+(:\d+)?[^:@]*(:(?P<tag>[\w.-]+)|@sha256:[0-9a-f]{64})")


def rights_problems(document: Document) -> Iterator[str]:
    """Yield what the pods of a document may do and should not, or need and do not say."""
    for pod in pods(document):
        for problem in (*_of_pod(pod), *_of_containers(pod)):
            yield f"{pod.where}: {problem}"
    if document.kind == "RayJob":
        yield from _of_cluster(document)
    if document.kind == "CronJob" and document.content["spec"]["concurrencyPolicy"] != "Forbid":
        yield f"{document}: nights may overlap"


def _of_pod(pod: Pod) -> Iterator[str]:
    context = pod.spec.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield "may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "may make any system call"
    if "automountServiceAccountToken" not in pod.spec:
        yield "does not say whether it receives the token of its service account"
    if LABEL not in pod.template.get("metadata", {}).get("labels", {}):
        yield f"has no label {LABEL}, so that no network policy allows what it needs"
    for volume in pod.spec.get("volumes", ()):
        if "hostPath" in volume:
            yield f"volume {volume['name']} is a folder of the node"
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield f"volume {volume['name']} has no limit"


def _of_containers(pod: Pod) -> Iterator[str]:
    volumes = {each["name"] for each in pod.spec.get("volumes", ())}
    for container in pod.containers:
        problems = [
            *rights_of(container.get("securityContext", {})),
            *_limits(container.get("resources", {})),
            *_image(container.get("image", "")),
        ]
        for each in container.get("env", ()):
            if _SECRET.search(each["name"]) and "value" in each:
                problems.append(f"{each['name']} is written out; refer to a secret")
        mounts = container.get("volumeMounts", ())
        if not any(each["mountPath"] == "/tmp" for each in mounts):
            problems.append("/tmp cannot be written")
        problems += [
            f"volume {each['name']} does not exist"
            for each in mounts
            if each["name"] not in volumes
        ]
        for problem in problems:
            yield f"container {container.get('name')}: {problem}"


def rights_of(context: dict[str, Any]) -> Iterator[str]:
    """Yield what a container may do and should not."""
    if context.get("readOnlyRootFilesystem") is not True:
        yield "its root file system can be written"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "it may gain rights"
    if context.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "it keeps capabilities"


def _limits(resources: dict[str, Any]) -> Iterator[str]:
    for kind in ("requests", "limits"):
        for name in ("cpu", "memory"):
            if name not in resources.get(kind, {}):
                yield f"it has no {kind} of {name}"


def _image(image: str) -> Iterator[str]:
    match = _IMAGE.fullmatch(image)
    if match is None or match["tag"] == "latest":
        yield f"the image {image!r} has no fixed version"


def _of_cluster(document: Document) -> Iterator[str]:
    cluster = document.content["spec"]["rayClusterSpec"]
    head = cluster["headGroupSpec"]["rayStartParams"]
    if head.get("num-cpus") != "0":
        yield f"{document}: its head computes; one title could take the memory that the run needs"
    if cluster.get("authOptions", {}).get("mode") != "token":
        yield f"{document}: everything that reaches the cluster may run programs on it"
    autoscaler = cluster.get("autoscalerOptions", {})
    rights = rights_of(autoscaler.get("securityContext", {}))
    for problem in (*rights, *_limits(autoscaler.get("resources", {}))):
        yield f"{document}, autoscaler: {problem}"
