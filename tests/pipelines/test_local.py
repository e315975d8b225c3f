"""Processes of one machine make the artifacts of a graph, whatever happens to them."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.media_file import MediaFile
from mytalk_core.data.stage_rates import StageRates
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.stage import Pending
from mytalk_core.errors import BadInputError, OutputError, Reason, StorageError
from pipelines.local import LocalRunner
from pipelines.local_worker import StageBugError
from tests.programs import Programs, ended, waited
from tests.small_graph import (
    ARENAS,
    BACKGROUND,
    BUG,
    CRASH,
    CRASH_ONCE,
    CYCLES,
    PART,
    PARTS,
    PRIORITY,
    PROCESS,
    REFUSE,
    SLEEP,
    SLEEP_BEHIND,
    THREADS,
    PartRequest,
    no_tools,
    run_graph,
)

Reports = list[tuple[str, int, int]]
StartRun = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "work")


@pytest.fixture
def reports() -> Reports:
    return []


@pytest.fixture
def runner(artifacts: Artifacts, reports: Reports) -> Iterator[LocalRunner]:
    with LocalRunner(artifacts, no_tools, lambda *report: reports.append(report), 2) as runner:
        yield runner


@pytest.fixture
def start_run(tmp_path: Path, programs: Programs) -> StartRun:
    """Function (environment): start the program that runs the graph in the folder of the test."""
    run = ("-m", "tests.small_graph_run", tmp_path / "work", tmp_path / "out", "2")
    return partial(programs.start, *run)


@pytest.fixture
def undisturbed(tmp_path: Path) -> bytes:
    other = Artifacts(tmp_path / "other")
    return run_graph(InlineRunner(other, no_tools(), lambda *report: None))


def runs(process: int) -> bool:
    try:
        return not re.search(r"\) [ZX] ", Path(f"/proc/{process}/stat").read_text())
    except OSError:
        return False


def unfinished(artifacts: Artifacts) -> list[Path]:
    return list((artifacts.root / "unfinished").iterdir())


def parts_made(artifacts: Artifacts, count: int) -> bool:
    """Whether more parts than this are stored."""
    return len(list(artifacts.root.glob("part/*/*"))) > count


def crash_once(folder: Path) -> PartRequest:
    return PartRequest(7, MediaFile(folder / "crashed", "0" * 64))


def test_workers_make_what_one_process_makes(
    artifacts: Artifacts, runner: LocalRunner, reports: Reports, undisturbed: bytes
) -> None:
    assert run_graph(runner) == undisturbed
    assert reports[-1] == ("making parts", 4 * PARTS, 4 * PARTS)
    assert all(done <= total for _, done, total in reports)
    reports.clear()
    assert run_graph(runner) == undisturbed
    assert runner.is_stored(PART, PartRequest(1)) and not reports
    assert [(each.made, each.reused) for each in runner.work()] == [(PARTS, 0), (1, 0)]
    assert (runner.seconds(PART, PartRequest(1)) or 0) > 0
    processes = [runner.start(PROCESS, PartRequest(number)) for number in range(4)]
    assert len({each.result() for each in processes} - {os.getpid()}) == 2


def test_equal_requests_are_made_once(artifacts: Artifacts, runner: LocalRunner) -> None:
    same = [runner.start(PROCESS, PartRequest(1)) for _ in range(4)]
    assert len({each.result() for each in same}) == 1


def test_background_stages_leave_the_processor_and_the_workers_to_others(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    with LocalRunner(artifacts, no_tools, lambda *report: None, 1) as runner:
        assert runner.start(BACKGROUND, PartRequest(1)).result() == 19
        asleep = tmp_path / "pid"
        runner.start(SLEEP_BEHIND, PartRequest(1, MediaFile(asleep, "")))
        assert waited(lambda: asleep.exists() and asleep.read_text())
        assert runner.start(PRIORITY, PartRequest(1)).result() == os.nice(0)
    # It is killed; at the least priority its end may take a moment.
    assert waited(lambda: not runs(int(asleep.read_text())))


def test_a_worker_uses_one_thread_of_each_library(
    runner: LocalRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert runner.start(THREADS, PartRequest(1)).result() == ("1", 1)
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_the_threads_of_a_worker_share_their_memory(runner: LocalRunner) -> None:
    """By default each of its 16 threads takes an arena, as in another process."""
    assert runner.start(ARENAS, PartRequest(1)).result() <= 1
    program = "from tests.small_graph import ARENAS; print(ARENAS.run(None, None))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    alone = subprocess.check_output([sys.executable, "-c", program], env=environment)
    assert int(alone) > 2


def test_a_worker_keeps_no_cycles_of_objects_of_what_it_has_made(artifacts: Artifacts) -> None:
    """They held the encoders of dozens of pieces."""
    with LocalRunner(artifacts, no_tools, lambda *report: None, 1) as runner:
        made = [runner.start(CYCLES, PartRequest(number)) for number in range(3)]
        assert [each.result() for each in made] == [0, 0, 0]


def test_the_parent_imports_no_network_library() -> None:
    program = "import sys, pipelines.local; print({'torch', 'mediapipe', 'cv2'} & {*sys.modules})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.check_output([sys.executable, "-c", program], env=environment)
    assert found == b"set()\n"


def test_rates_are_kept(artifacts: Artifacts) -> None:
    with LocalRunner(artifacts, no_tools, lambda *report: None, 1) as runner:
        runner.start(PART, PartRequest(1)).result()
    assert (StageRates(artifacts.root).estimate("part", 4) or 0.0) >= 0.04


def test_an_error_arrives_as_it_was_and_cancels_what_has_not_begun(
    artifacts: Artifacts, runner: LocalRunner
) -> None:
    begun: list[Pending[object]] = [runner.start(REFUSE, PartRequest(1))]
    begun += [runner.start(PROCESS, PartRequest(number)) for number in range(30)]
    with pytest.raises(BadInputError, match=r"^script\.vtt: this part is wrong\. Mend it\.$") as it:
        begun[0].result()
    assert it.value.reason is Reason.BAD_SCRIPT
    with pytest.raises(BadInputError):
        begun[-1].result()
    assert runner.start(PART, PartRequest(1)).result().rows.shape == (100, 3)  # and goes on


def test_an_unexpected_error_keeps_its_traceback(runner: LocalRunner) -> None:
    with pytest.raises(StageBugError, match="IndexError") as caught:
        runner.start(BUG, PartRequest(1)).result()
    assert "return [0][request.number]" in caught.value.__notes__[0]


def test_a_worker_that_dies_is_replaced(
    artifacts: Artifacts, runner: LocalRunner, tmp_path: Path
) -> None:
    once, twice = runner.start(CRASH_ONCE, crash_once(tmp_path)), runner.start(PART, PartRequest(1))
    assert once.result() == 7 and twice.result()
    film = MediaFile(Path("film.mov"), "0" * 64)
    with pytest.raises(StorageError, match=r"^crash of film\.mov: .* died 2 times \(SIGKILL") as it:
        runner.start(CRASH, PartRequest(1, film)).result()
    assert it.value.reason is Reason.WORKER_LOST
    assert runner.start(PART, PartRequest(2)).result()


def test_a_progress_that_fails_ends_the_run(artifacts: Artifacts) -> None:
    def fail(*report: object) -> None:
        raise OutputError("no terminal.", reason=Reason.INTERNAL)

    with LocalRunner(artifacts, no_tools, fail, 1) as runner:
        with pytest.raises(OutputError, match="no terminal"):
            runner.start(PART, PartRequest(1)).result()
        with pytest.raises(OutputError, match="no terminal"):
            runner.start(PART, PartRequest(2))


def test_leaving_ends_workers_and_their_unfinished_work(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    with LocalRunner(artifacts, no_tools, lambda *report: None, 1) as runner:
        runner.start(SLEEP, PartRequest(1, MediaFile(tmp_path / "pid", "")))
        assert waited(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        assert len(unfinished(artifacts)) == 1
    assert waited(lambda: not runs(int((tmp_path / "pid").read_text())))
    assert not unfinished(artifacts)


def test_a_run_that_is_killed_goes_on(
    artifacts: Artifacts, tmp_path: Path, start_run: StartRun, undisturbed: bytes
) -> None:
    chance = random.Random(1)
    for killed in range(3):
        process = start_run()
        # It has begun when the store has more; then at any moment.
        waited(partial(parts_made, artifacts, 2 * killed), 20.0)
        time.sleep(chance.uniform(0.0, 0.1))
        process.kill()
        process.wait()
        assert not (tmp_path / "out").exists() or (tmp_path / "out").read_bytes() == undisturbed
    assert ended(start_run()) == (0, "")
    assert (tmp_path / "out").read_bytes() == undisturbed
    assert not unfinished(artifacts) and not list((artifacts.root / "runs").iterdir())


def test_two_runs_at_once_share_their_work(
    artifacts: Artifacts, tmp_path: Path, start_run: StartRun, undisturbed: bytes
) -> None:
    both = [start_run(), start_run()]
    assert [ended(process) for process in both] == [(0, ""), (0, "")]
    assert (tmp_path / "out").read_bytes() == undisturbed
    assert len(list(artifacts.root.glob("part/*/*"))) == PARTS and not unfinished(artifacts)


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_workers_end_with_their_parent(
    artifacts: Artifacts, tmp_path: Path, start_run: StartRun, sent: signal.Signals, code: int
) -> None:
    process = start_run(THEN_SLEEP="1")
    assert waited(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    worker = int((tmp_path / "pid").read_text())
    process.send_signal(sent)
    found, messages = ended(process)
    assert found == code
    assert "Traceback" not in messages
    assert waited(lambda: not runs(worker))
    if sent is not signal.SIGKILL:
        assert not unfinished(artifacts)
