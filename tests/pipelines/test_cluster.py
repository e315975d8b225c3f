"""Connections to a Ray cluster: addresses, clusters that do not answer, private clusters."""

import os
import signal
import socket
import tempfile
from concurrent import futures
from pathlib import Path

import grpc
import pytest
import ray

from mytalk_core.errors import BadInputError, ErrorClass, Reason
from pipelines import cluster
from pipelines.cluster import ClusterError, connected, machines, probe
from pipelines.resources import Machine


@pytest.fixture
def silent_port():
    """A port that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def dead_port(silent_port: int) -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("client", ["", "ray://"])
def test_a_cluster_that_does_not_answer_is_an_error_with_a_remedy(client, dead_port, silent_port):
    for port in (dead_port, silent_port):
        with pytest.raises(ClusterError, match="--address") as failure:
            probe(f"{client}127.0.0.1:{port}", seconds=0.5)
        assert failure.value.reason is Reason.NO_CLUSTER
        assert failure.value.error_class is ErrorClass.TRANSIENT


def test_a_grpc_server_is_reached():
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    probe(f"127.0.0.1:{port}")
    probe(f"ray://127.0.0.1:{port}")
    server.stop(None)


@pytest.mark.parametrize(
    "address", ["head", "head:", ":6379", "head:port", "head:99999", "http://head:6379", "ray://x"]
)
def test_a_malformed_address_is_refused(address):
    with pytest.raises(BadInputError, match="host:port") as refusal:
        probe(address)
    assert refusal.value.reason is Reason.BAD_CONFIGURATION


@pytest.fixture
def calls(monkeypatch) -> list[dict[str, object]]:
    """The options of each call of `ray.init`, which is replaced and starts nothing."""
    found: list[dict[str, object]] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: found.append(options))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0.5)
    tokens = cluster.authentication_token_setup
    monkeypatch.setattr(tokens, "maybe_enable_token_auth_if_token_available", lambda **_: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return found


def test_without_an_address_the_cluster_is_private_despite_notes_of_others(
    calls, monkeypatch, tmp_path, dead_port
):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(f"127.0.0.1:{dead_port}")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with connected():
        assert calls[0]["address"] == "local"
        assert Path(str(calls[0]["_temp_dir"])).is_dir()
    assert not Path(str(calls[0]["_temp_dir"])).exists()


@pytest.mark.parametrize("option", ["", "127.0.0.1:{other}"])
def test_the_option_takes_precedence_over_the_variable(
    calls, monkeypatch, option, silent_port, dead_port
):
    given, variable = option.format(other=dead_port), f"127.0.0.1:{silent_port}"
    monkeypatch.setenv("RAY_ADDRESS", variable)
    monkeypatch.setattr(cluster, "probe", lambda address: None)
    with connected(given):
        assert calls[0]["address"] == (given or variable)


def test_a_cluster_of_this_machine_that_has_ended_is_not_joined(calls, monkeypatch, dead_port):
    monkeypatch.setattr(
        cluster.services, "find_bootstrap_address", lambda folder: f"127.0.0.1:{dead_port}"
    )
    monkeypatch.setattr(cluster, "_addresses_here", lambda: [])
    with (
        pytest.raises(ClusterError, match="no Ray cluster runs on this machine"),
        connected("auto"),
    ):
        pass
    assert calls == []


def test_a_live_cluster_among_several_of_this_machine_is_joined(calls, monkeypatch, dead_port):
    server = grpc.server(futures.ThreadPoolExecutor(1))
    live = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    dead = f"127.0.0.1:{dead_port}"
    monkeypatch.setattr(cluster.services, "find_bootstrap_address", lambda folder: dead)
    monkeypatch.setattr(cluster, "_addresses_here", lambda: [live, dead])
    with connected("auto"):
        assert calls[0]["address"] == live
    server.stop(None)


def test_sockets_have_short_paths_below_a_long_temporary_folder(calls, monkeypatch, tmp_path):
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    with connected():
        folder = str(calls[0]["_temp_dir"])
        # As Ray names the longest of them.
        name = f"{folder}/session_2026-12-31_23-59-59_999999_4194304/sockets/plasma_store"
        assert len(os.fsencode(name)) <= 107
        assert os.stat(folder).st_mode & 0o077 == 0
    assert list(deep.iterdir()) == []


def test_without_a_home_the_token_of_a_private_cluster_is_beside_its_sockets(calls, monkeypatch):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/none")
    with connected():
        token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
        assert token.parent == Path(str(calls[0]["_temp_dir"]))
        assert len(token.read_text()) == 64
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ


def test_folders_of_killed_owners_are_removed_and_no_others(calls, monkeypatch, tmp_path):
    short = Path(tempfile.mkdtemp(prefix="mt", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    foreign, killed = short / "mytalk-ray-notours", short / "mytalk-ray-0000"
    for folder in (foreign, killed):
        folder.mkdir()
    (killed / "owner").touch()
    with connected():
        held = Path(str(calls[0]["_temp_dir"]))
        for folder in (foreign, killed, held):
            os.utime(folder, (0, 0))
        with connected():
            assert held.is_dir()
    assert list(short.iterdir()) == [foreign]
    foreign.rmdir()
    short.rmdir()


def test_a_failed_start_of_ray_is_a_cluster_error(calls, monkeypatch):
    def fail(**options):
        raise RuntimeError("no room\nTraceback")

    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(ClusterError, match="no room") as failure, connected():
        pass
    assert "Traceback" not in str(failure.value)


def test_machines_are_live_nodes_with_cpus(monkeypatch):
    nodes = [
        {"NodeID": "head", "Alive": True, "Resources": {}},
        {"NodeID": "lost", "Alive": False, "Resources": {"CPU": 8.0}},
        {"NodeID": "one", "Alive": True, "Resources": {"CPU": 2.0, "GPU": 1.0, "memory": 8e9}},
        {"NodeID": "two", "Alive": True, "Resources": {"CPU": 4.0}},
    ]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    assert machines() == {"one": Machine(2.0, 1.0, 8e9), "two": Machine(4.0)}


def test_the_signal_handler_of_the_command_is_kept(calls, monkeypatch):
    ours = signal.getsignal(signal.SIGTERM)

    def start(**options):
        """Sets a handler, as Ray does."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    monkeypatch.setattr(ray, "init", start)
    with connected():
        assert signal.getsignal(signal.SIGTERM) is ours
