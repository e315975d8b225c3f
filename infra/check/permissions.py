"""Rights that Terraform gives: on one bucket, and no more than a night needs."""

import re
from collections.abc import Iterator
from pathlib import Path

_RESOURCE = re.compile(r'^resource "(\w+)" "\w+"', re.MULTILINE)
_STATEMENT = re.compile(r"^  statement \{\n(.*?)^  \}", re.MULTILINE | re.DOTALL)
_ACTIONS = re.compile(r"^    actions\s+= \[(.*?)\]", re.MULTILINE | re.DOTALL)
_KINDS = re.compile(r"aws_s3_bucket(_\w+)?|aws_iam_(role|policy|role_policy_attachment)")
_NEEDED = {
    "s3:ListBucket",
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "sts:AssumeRoleWithWebIdentity",
}


def permission_problems(folder: Path) -> Iterator[str]:
    """Yield resources other than a bucket and its rights, and rights that no night needs."""
    for path in sorted(folder.glob("*.tf")):
        text = path.read_text(encoding="utf-8")
        for kind in _RESOURCE.findall(text):
            if not _KINDS.fullmatch(kind):
                yield f"{path.name}: {kind} is neither a bucket nor a right on it"
        for statement in _STATEMENT.findall(text):
            if '"Deny"' in statement:
                continue
            listed = _ACTIONS.search(statement)
            actions = set(re.findall(r'"([^"]+)"', listed[1])) if listed else {"every action"}
            for action in sorted(actions - _NEEDED):
                yield f"{path.name}: no night needs {action}"
