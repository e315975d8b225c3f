"""The files for clusters have no problem, and every kind of problem is found."""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from infra.check import names
from infra.check.__main__ import problems
from infra.check.command_lines import manifest_problems, mytalk_problem, script_problems
from infra.check.documents import INFRA, Document, documents
from infra.check.names import board_queries, metrics_of, object_problems, version_problems
from infra.check.permissions import permission_problems
from infra.check.rights import rights_problems
from infra.check.shapes import shape_problems
from infra.check.slurm import option_problems
from infra.check.strict_schema import strict_schema
from mytalk_core.dubbing.models import JUDGE, named_models

NIGHT = INFRA / "slurm" / "night.sh"


def test_the_files_have_no_problem() -> None:
    assert list(problems()) == []


def document(kind: str) -> Document:
    """A copy of the document of a kind, to be changed."""
    found = next(each for each in documents() if each.kind == kind)
    return copy.deepcopy(found)


def checked(changed: Document) -> list[str]:
    """The problems of one document among the others."""
    if misshapen := list(shape_problems(changed)):
        return misshapen
    others = [
        each for each in documents() if (each.kind, each.name) != (changed.kind, changed.name)
    ]
    return [
        *rights_problems(changed),
        *manifest_problems(changed),
        *object_problems([*others, changed]),
        *version_problems([changed]),
    ]


def head(night: dict[str, Any]) -> dict[str, Any]:
    return night["spec"]["rayClusterSpec"]["headGroupSpec"]


def head_container(night: dict[str, Any]) -> dict[str, Any]:
    return head(night)["template"]["spec"]["containers"][0]


def starter(schedule: dict[str, Any]) -> dict[str, Any]:
    return schedule["spec"]["jobTemplate"]["spec"]["template"]["spec"]


Change = Callable[[dict[str, Any]], Any]

NIGHT_CHANGES: dict[str, tuple[Change, str]] = {
    "unknown field": (
        lambda it: it["spec"].update(shutdownAfterJobFinish=True),
        "shutdownAfterJobFinish",
    ),
    "unknown field of a pod": (
        lambda it: head(it)["template"]["spec"].update(serviceAcountName="x"),
        "serviceAcountName",
    ),
    "wrong type": (lambda it: head(it)["rayStartParams"].update({"num-cpus": 0}), "0 is not of"),
    "no such option": (
        lambda it: it["spec"].update(entrypoint="mytalk batch run a.csv --dead-line 8h"),
        "--dead-line",
    ),
    "bad value": (
        lambda it: it["spec"].update(entrypoint="mytalk batch run a.csv --retry never"),
        "never",
    ),
    "no argument": (lambda it: it["spec"].update(entrypoint="mytalk batch run"), "JOB"),
    "no such option of Ray": (
        lambda it: head(it)["rayStartParams"].update({"no-dashboard": "true"}),
        "--no-dashboard",
    ),
    "a head that computes": (
        lambda it: head(it)["rayStartParams"].update({"num-cpus": "4"}),
        "its head computes",
    ),
    "no token": (lambda it: it["spec"]["rayClusterSpec"].pop("authOptions"), "run programs"),
    "another Ray": (lambda it: it["spec"]["rayClusterSpec"].update(rayVersion="2.9.0"), "2.9.0"),
    "latest": (lambda it: head_container(it).update(image="mytalk:latest"), "no fixed version"),
    "no version": (
        lambda it: head_container(it).update(image="registry:5000/mytalk"),
        "no fixed version",
    ),
    "root": (
        lambda it: head(it)["template"]["spec"].update(securityContext={"runAsNonRoot": False}),
        "may run as root",
    ),
    "writable root": (
        lambda it: head_container(it)["securityContext"].update(readOnlyRootFilesystem=False),
        "can be written",
    ),
    "no limit": (lambda it: head_container(it)["resources"].pop("limits"), "no limits of memory"),
    "written secret": (
        lambda it: head_container(it)["env"].append({"name": "AWS_SESSION_TOKEN", "value": "x"}),
        "refer to a secret",
    ),
    "unknown secret": (
        lambda it: head_container(it).update(envFrom=[{"secretRef": {"name": "keys"}}]),
        "no Secret keys",
    ),
    "unknown account": (
        lambda it: head(it)["template"]["spec"].update(serviceAccountName="admin"),
        "no ServiceAccount admin",
    ),
    "outside of the network policy": (
        lambda it: head(it)["template"]["metadata"].update(labels={}),
        "no network policy",
    ),
}


@pytest.mark.parametrize("name", NIGHT_CHANGES)
def test_problems_of_a_night_are_found(name: str) -> None:
    change, expected = NIGHT_CHANGES[name]
    night = document("RayJob")
    change(night.content)
    assert any(expected in problem for problem in checked(night))


def test_problems_of_a_schedule_are_found() -> None:
    for change, expected in (
        (lambda it: it["spec"].update(concurencyPolicy="Forbid"), "concurencyPolicy"),
        (lambda it: it["spec"].update(concurrencyPolicy="Allow"), "may overlap"),
        (lambda it: it["spec"].update(schedule="0 20 * *"), "does not match"),
        (lambda it: starter(it)["volumes"][0]["configMap"].update(name="x"), "no ConfigMap x"),
        (lambda it: starter(it)["volumes"].pop(), "volume temporary does not exist"),
    ):
        schedule = document("CronJob")
        change(schedule.content)
        assert any(expected in problem for problem in checked(schedule)), expected


def test_a_model_that_does_not_exist_is_found() -> None:
    models = document("Job")
    models.content["spec"]["template"]["spec"]["containers"][0]["args"].append("whisper-huge")
    assert any("no model whisper-huge" in problem for problem in checked(models))


def test_all_models_of_a_dub_are_on_the_volume() -> None:
    needed = {each for each in asdict(named_models(None, None)).values() if isinstance(each, str)}
    container = document("Job").content["spec"]["template"]["spec"]["containers"][0]
    assert set(container["args"][2:]) == needed | {JUDGE}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mytalk batch run s3://a/job.yaml --deadline 8h --workers 4", ""),
        ("mytalk --json status s3://a/out", ""),
        ("mytalk batch run a.csv --workers none", "--workers"),
        ("mytalk dub-all a.csv", "dub-all"),
    ],
)
def test_command_lines_are_parsed_as_the_program_does(line: str, said: str) -> None:
    problem = mytalk_problem(line.split()[1:])
    assert (said in problem) if said else problem == ""


@pytest.mark.parametrize(
    ("line", "changed", "said"),
    [
        ("#SBATCH --exclusive", "#SBATCH --exclusiv", "--exclusiv"),
        ("#SBATCH --time=10:00:00", "#SBATCH --time=ten", "'ten'"),
        ("set -euo pipefail", "set -euo pipefail\n#SBATCH --nodes=3", "below the first command"),
        ("mytalk batch run", "mytalk batch start --all", "--all"),
        ("ray start --block", "ray start --blocking", "--blocking"),
        ("--include-dashboard=false", "--dashboard=false", "--dashboard"),
    ],
)
def test_problems_of_a_batch_script_are_found(
    line: str, changed: str, said: str, tmp_path: Path
) -> None:
    text = NIGHT.read_text()
    assert line in text
    script = tmp_path / "night.sh"
    script.write_text(text.replace(line, changed))
    assert any(said in each for each in (*option_problems(script), *script_problems(script)))


def test_the_slurm_comment_shows_a_command_that_works() -> None:
    (example,) = [line for line in NIGHT.read_text().splitlines() if line.startswith("#   sbatch")]
    arguments = example.partition("night.sh ")[2].split()
    assert mytalk_problem(["batch", "run", *arguments]) == ""


@pytest.mark.parametrize(
    ("line", "changed", "said"),
    [
        ('"s3:GetObject"', '"s3:GetObject", "s3:*"', "s3:*"),
        ('resource "aws_iam_role" "night"', 'resource "aws_instance" "night"', "aws_instance"),
        ('    actions   = ["s3:ListBucket"]\n', "", "every action"),
    ],
)
def test_rights_that_no_night_needs_are_found(line, changed, said, tmp_path: Path) -> None:
    text = (INFRA / "terraform" / "main.tf").read_text()
    assert line in text
    (tmp_path / "main.tf").write_text(text.replace(line, changed))
    assert any(said in problem for problem in permission_problems(tmp_path))


def test_names_that_do_not_exist_are_found(tmp_path: Path, monkeypatch) -> None:
    page = tmp_path / "clusters.md"
    page.write_text("`MYTALK_LOGS`, `infra/none.yaml`, `ray_mytalk_films_total`")
    monkeypatch.setattr(names, "PAGE", page)
    monkeypatch.setattr(names, "board_queries", lambda: ["sum(ray_mytalk_title)", "vector(0)"])
    found = [*names.variable_problems(), *names.file_problems([]), *names.metric_problems()]
    expected = ("MYTALK_LOGS", "infra/none.yaml", "ray_mytalk_films_total", "ray_mytalk_title")
    for name in (*expected, "names no metric"):
        assert any(name in problem for problem in found), name


def test_the_board_shows_every_metric() -> None:
    shown = set().union(*(metrics_of(query) for query in board_queries()))
    assert shown == names.exported_metrics()


def test_a_strict_schema_refuses_what_the_definition_does_not_have(tmp_path: Path) -> None:
    port = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}], "description": "d"}
    group = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 63, "default": "workers"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "port": port,
        },
    }
    groups = {"type": "array", "items": group}
    spec = {"type": "object", "properties": {"head": group, "groups": groups}}
    whole = {"type": "object", "properties": {"spec": spec, "status": {"type": "object"}}}
    version = {"name": "v1", "schema": {"openAPIV3Schema": whole}}
    definition = tmp_path / "definition.yaml"
    definition.write_text(json.dumps({"spec": {"versions": [version]}}))

    schema = strict_schema(definition)
    assert len(schema["$defs"]) == 1  # both groups have the same shape
    assert "status" not in schema["properties"]
    check = jsonschema.Draft202012Validator(schema).is_valid
    assert check({"spec": {"head": {"name": "h", "port": "http"}, "groups": [{"name": "a"}]}})
    assert check({"spec": {"head": {"name": "h", "port": 1, "labels": {"any": "text"}}}})
    for wrong in ({"name": "h", "ports": 1}, {"port": 1}, {"name": ""}, {"name": "h", "port": 1.5}):
        assert not check({"spec": {"head": wrong}}), wrong
        assert not check({"spec": {"groups": [wrong]}}), wrong
