"""Connection to a Ray cluster: a named one, one that runs on this machine, or a private one.

`ray.init` by itself joins any cluster that an earlier program recorded on this machine, and waits
for minutes where that has ended. Here a cluster is joined only where it is named, and only after it
has answered.
"""

import fcntl
import logging
import math
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import ray
from ray._private import ray_constants, services
from ray._private.authentication import authentication_token_setup
from ray._private.grpc_utils import init_grpc_channel

from mytalk_core.errors import BadInputError, ErrorClass, MytalkError, OutputError, Reason
from pipelines.resources import Machine

ADDRESS_VARIABLE = "RAY_ADDRESS"
LOCAL, RUNNING_HERE = "local", "auto"
_CLIENT = "ray://"

# Time within which a cluster must answer.
ANSWER_SECONDS = 10.0

# Ray puts sockets into its folder, at paths up to 64 bytes longer than the folder's own; the system
# allows 107 bytes.
_LONGEST_FOLDER = 43
_FOLDER_PREFIX = "mytalk-ray-"
_TOKEN_VARIABLE = "RAY_AUTH_TOKEN_PATH"
_OWNER_FILE = "owner"  # locked as long as the process that owns the folder lives
_YOUNG_SECONDS = 60.0  # age up to which a folder may not be locked yet


class ClusterError(MytalkError):
    """The cluster cannot be reached, or has no machine that can do the work."""

    error_class = ErrorClass.TRANSIENT


@contextmanager
def connected(address: str = "") -> Iterator[None]:
    """Connect to a cluster for the duration of the block.

    An existing connection of this process is used and kept. Otherwise `address` decides, or
    `RAY_ADDRESS` where it is empty: "host:port" or "ray://host:port" is the cluster there, "auto"
    one that runs on this machine, "local" or nothing a private one that ends with the block.

    Raises:
        BadInputError: BAD_CONFIGURATION where `address` is not an address.
        ClusterError: NO_CLUSTER where no cluster answers there within half a minute.
        OutputError: OUTPUT_NOT_WRITABLE where no folder can hold the sockets of a private one.
    """
    if ray.is_initialized():
        yield
        return
    target = address or os.environ.get(ADDRESS_VARIABLE, "")
    with _private_folder() if target in ("", LOCAL) else _reached(target) as options:
        try:
            _init(options, target or "this machine")
            yield
        finally:
            ray.shutdown()


@contextmanager
def _reached(target: str) -> Iterator[dict[str, Any]]:
    """Yield the arguments of `ray.init` for a cluster that has answered."""
    if target == RUNNING_HERE:
        address = _running_here()
    else:
        address = target
        probe(address)
    yield {"address": address}


def probe(address: str, seconds: float = ANSWER_SECONDS) -> None:
    """Check that a cluster answers at `address`, "host:port" or "ray://host:port".

    Raises:
        BadInputError: BAD_CONFIGURATION where `address` is not an address.
        ClusterError: NO_CLUSTER where no gRPC server answers in time.
    """
    place = address.removeprefix(_CLIENT)
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16 or "/" in place:
        raise BadInputError(
            "is not an address of a Ray cluster.",
            reason=Reason.BAD_CONFIGURATION,
            where=address,
            remedy=f"Give host:port, ray://host:port, {RUNNING_HERE} or {LOCAL}.",
        )
    # Without HTTP proxies, as Ray's own calls: a proxy would answer for a host that does not.
    channel = init_grpc_channel(place, options=ray_constants.GLOBAL_GRPC_OPTIONS)
    try:
        grpc.channel_ready_future(channel).result(timeout=seconds)
    except grpc.FutureTimeoutError:
        raise _no_answer(address, f"no Ray cluster answered within {seconds:g} s.") from None
    finally:
        channel.close()


def _no_answer(address: str, what: str) -> ClusterError:
    return ClusterError(
        what,
        reason=Reason.NO_CLUSTER,
        where=address,
        remedy=f"Check that the cluster runs and that --address or {ADDRESS_VARIABLE} names its"
        f" head, or give --address {LOCAL} to work on this machine alone.",
    )


def _running_here() -> str:
    """Return the address of a live cluster of this machine, the latest of several."""
    noted = services.find_bootstrap_address(None)
    # The recorded address may be that of a cluster that has ended; then no process has it.
    for candidate in sorted(_addresses_here(), key=lambda found: found != noted):
        with suppress(ClusterError):
            probe(candidate, ANSWER_SECONDS / 3)
            # As Ray does where it finds a cluster by itself; the token is in the home directory.
            logging.getLogger(authentication_token_setup.__name__).setLevel(logging.ERROR)
            authentication_token_setup.maybe_enable_token_auth_if_token_available(
                warn_if_disabled=False
            )
            return candidate
    raise _no_answer(RUNNING_HERE, "no Ray cluster runs on this machine.")


def _addresses_here() -> list[str]:
    """Return the addresses of clusters with a process on this machine."""
    services.find_gcs_addresses.cache_clear()  # type: ignore[attr-defined]
    return [str(found) for found in services.find_gcs_addresses()]  # type: ignore[no-untyped-call]


def _init(options: dict[str, Any], target: str) -> None:
    previous = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _no_answer(target, f"Ray could not be started or joined: {lines[0]}.") from error
    finally:
        # Ray's own handler ends the process with a different exit code.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, previous)


@contextmanager
def _private_folder() -> Iterator[dict[str, Any]]:
    """Yield the arguments of `ray.init` for a private cluster, with a folder for its files."""
    folder = _make_short_folder()
    owner = (folder / _OWNER_FILE).open("w")
    try:
        fcntl.flock(owner, fcntl.LOCK_EX)
        if _has_no_home():
            _keep_token_in(folder)
        yield {"address": LOCAL, "_temp_dir": str(folder), "include_dashboard": False}
    finally:
        if os.environ.get(_TOKEN_VARIABLE, "").startswith(str(folder)):
            del os.environ[_TOKEN_VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)
        owner.close()


def _has_no_home() -> bool:
    """Whether Ray cannot write the token of a new cluster to the home directory, its default."""
    if any(name in os.environ for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", _TOKEN_VARIABLE)):
        return False
    return not os.access(os.path.expanduser("~"), os.W_OK)


def _keep_token_in(folder: Path) -> None:
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    os.environ[_TOKEN_VARIABLE] = str(token)


def _make_short_folder() -> Path:
    """Make a folder with a path short enough for sockets, in the temporary folder if possible."""
    named = os.environ.get("RAY_TMPDIR")
    for base in filter(None, (named, tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")):
        _sweep(Path(base))
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX, dir=base))
            if len(os.fsencode(folder)) <= _LONGEST_FOLDER:
                return folder
            folder.rmdir()
    raise OutputError(
        "no folder for temporary files has a short path and is writable.",
        reason=Reason.OUTPUT_NOT_WRITABLE,
        where="RAY_TMPDIR",
        remedy=f"Set it to a folder whose path has at most {_LONGEST_FOLDER - 20} bytes.",
    )


def _sweep(base: Path) -> None:
    """Remove the folders of processes that were killed."""
    for folder in base.glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError), (folder / _OWNER_FILE).open("r+") as owner:
            if time.time() - folder.stat().st_mtime > _YOUNG_SECONDS:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


def machines() -> dict[str, Machine]:
    """Return each live machine that has CPUs, by node id."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    offers = {node["NodeID"]: node["Resources"] for node in nodes if node["Alive"]}
    return {
        name: Machine(offer["CPU"], offer.get("GPU", 0.0), offer.get("memory", math.inf))
        for name, offer in offers.items()
        if offer.get("CPU", 0) > 0
    }


def name_of(machine: str) -> str:
    """Return the host name of a machine, by node id; the node id where it is gone."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return next(
        (node["NodeManagerHostname"] for node in nodes if node["NodeID"] == machine), machine
    )
