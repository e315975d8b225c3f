"""Every hostile file is refused with the expected reason, or passed on to face detection."""

import socket
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.manifest import Status
from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames_at
from mytalk_core.media.ffmpeg_program import FfmpegFailed, local_input, running
from mytalk_core.media.limits import MediaLimits, check_limits
from mytalk_core.media.probe import probe_audio, probe_video
from tests.hostile_media import HostileFile, hostile_files

FPS = Fraction(25)


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A server that must not receive connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory,
    run_ffmpeg: Callable[..., Path],
    sample_clips: dict[str, SampleClip],
    listener: socket.socket,
) -> list[HostileFile]:
    return hostile_files(
        tmp_path_factory.mktemp("hostile"),
        run_ffmpeg,
        sample_clips["jwp_intro"].path,
        listener.getsockname()[1],
    )


def answer(path: Path) -> Reason | None:
    """Return the reason for which a file is refused, reading it as preprocessing does."""
    try:
        check_limits(path, MediaLimits())
        info = probe_video(path)
        probe_audio(path)
        shapes = {frame.image.shape for frame in iter_frames_at(path, FPS, threads=1)}
        sound = read_audio(path)
    except BadInputError as error:
        assert error.where == str(path)
        return error.reason
    assert shapes == {(info.height, info.width, 3)}
    assert np.isfinite(sound).all()
    return None


def test_every_file_gets_the_expected_result(
    hostile: list[HostileFile], listener: socket.socket
) -> None:
    assert len(hostile) >= 40
    assert len({file.path for file in hostile}) == len(hostile)
    expected = {
        # Whether a film has usable faces is decided elsewhere.
        file.path.name: file.reason if file.status is Status.FAILED else None
        for file in hostile
    }
    assert {file.path.name: answer(file.path) for file in hostile} == expected
    # No connection was made, and no file name was executed.
    listener.settimeout(0.2)
    with pytest.raises(TimeoutError):
        listener.accept()
    folder = hostile[0].path.parent
    assert {path.name for path in folder.iterdir()} == {file.path.name for file in hostile}
    assert not Path("owned").exists()


def test_the_ffmpeg_program_is_restricted_likewise(
    hostile: list[HostileFile], listener: socket.socket, tmp_path: Path
) -> None:
    for file in hostile:
        if file.reason in (Reason.FORBIDDEN_FORMAT, Reason.NOT_MEDIA):
            copy = local_input(file.path).output(str(tmp_path / "copy.nut"), c="copy")
            with pytest.raises(FfmpegFailed), running(copy):
                pass
    listener.settimeout(0.2)
    with pytest.raises(TimeoutError):
        listener.accept()


def test_reading_a_part_gives_the_same_result(hostile: list[HostileFile]) -> None:
    for file in hostile:
        if file.status is not Status.OK:
            continue
        whole = [frame.image for frame in iter_frames_at(file.path, FPS)]
        part = [frame.image for frame in iter_frames_at(file.path, FPS, 12, 22)]
        assert len(part) == 10, file.path.name
        assert all(map(np.array_equal, part, whole[12:22])), file.path.name
