"""Where the artifacts of a run over a catalogue are kept."""

from mytalk_core.data.artifact_shelf import ArtifactShelf
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.storage import is_local, local_file, open_store
from mytalk_core.dubbing.work_store import work_store
from mytalk_core.errors import BadInputError, Reason


def work_address(out: str) -> str:
    """Return where the artifacts of a run are kept, unless it says something else.

    It lies beside the folder of the results, which every run lists.

    Raises:
        BadInputError: BAD_CONFIGURATION where the results are a whole bucket.
    """
    if not is_local(out) and "/" not in out.partition("://")[2].rstrip("/"):
        raise BadInputError(
            "the results are a whole bucket, so there is no place beside them.",
            reason=Reason.BAD_CONFIGURATION,
            where="--work",
            remedy="Name a folder for intermediate results, or a prefix as --out.",
        )
    return f"{out.rstrip('/')}.work"


def run_artifacts(work: str) -> Artifacts:
    """Open the artifacts of a run on this machine.

    Those in a folder are used in place. Of those on an object store, this machine keeps copies.

    Raises:
        OutputError: as `work_store`.
    """
    if is_local(work):
        return work_store(local_file(work))
    return Artifacts(work_store(None).root, shelf=ArtifactShelf(open_store(work)))
