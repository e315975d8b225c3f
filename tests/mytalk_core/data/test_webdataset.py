"""Shards are plain WebDataset shards: `webdataset` alone reads them, from disk and from S3."""

import io
import sys
import uuid
import wave
from pathlib import Path

import numpy as np
import pytest
import webdataset as wds

from mytalk_core.data.schema import ClipSample
from mytalk_core.data.shards import MEMBERS, encode_sample, write_shard
from mytalk_core.data.storage import open_store
from mytalk_core.media.encode import read_crop_video
from tests.mytalk_core.data.test_shards import sample

FRAMES, POINTS = 12, 478
KEYS = [f"film-{shot:05d}-00-{part:03d}" for shot in range(2) for part in range(2)]
# Copies a file of any fsspec storage to stdout, for the pipe: scheme of webdataset.
CAT = (
    "import fsspec, shutil, sys; "
    "shutil.copyfileobj(fsspec.open(sys.argv[1]).open(), sys.stdout.buffer)"
)


@pytest.fixture(scope="module")
def samples() -> dict[str, ClipSample]:
    return {key: sample(key, FRAMES) for key in KEYS}


@pytest.fixture(params=["local", "s3"])
def urls(
    request: pytest.FixtureRequest, samples: dict[str, ClipSample], tmp_path: Path
) -> list[str]:
    """Two shards of two samples, as URLs that webdataset opens."""
    encoded = {key: encode_sample(each) for key, each in samples.items()}
    paths = []
    for number in range(2):
        paths.append(tmp_path / f"shard-{number:05d}.tar")
        write_shard(paths[-1], [(key, encoded[key]) for key in KEYS[2 * number :][:2]])
    if request.param == "local":
        return [str(path) for path in paths]
    store = open_store(f"{request.getfixturevalue('s3_url')}/{uuid.uuid4().hex}")
    for path in paths:
        with store.publish(path.name) as target:
            target.write_bytes(path.read_bytes())
    return [f"pipe:{sys.executable} -c '{CAT}' {store.url}/{path.name}" for path in paths]


def test_webdataset_decodes_members_with_their_dtypes_and_shapes(
    urls: list[str], samples: dict[str, ClipSample]
) -> None:
    dataset = wds.WebDataset(urls, shardshuffle=False).decode().to_tuple("__key__", *MEMBERS)
    found = list(dataset)
    assert [key for key, *_ in found] == KEYS
    for key, meta, sound, boxes, speech, landmarks, crops in found:
        expected = samples[key]
        assert (meta["key"], meta["fps"], meta["frame_count"]) == (key, "30000/1001", FRAMES)
        with wave.open(io.BytesIO(sound)) as audio:
            assert audio.getparams()[:3] == (1, 2, 16_000)  # channels, bytes a sample, rate
            pcm = np.frombuffer(audio.readframes(audio.getnframes()), np.int16)
        np.testing.assert_array_equal(pcm, expected.audio)
        for array, name, shape, dtype in (
            (boxes, "boxes", (FRAMES, 3, 2), np.float32),
            (speech, "speech", (2 * FRAMES, 512), np.float16),
            (landmarks, "landmarks", (FRAMES, POINTS, 3), np.float32),
        ):
            assert (array.shape, array.dtype) == (shape, dtype)
            np.testing.assert_array_equal(array, getattr(expected, name))
        assert crops[4:8] == b"ftyp"
        assert read_crop_video(crops).shape == (FRAMES, 64, 64, 3)


def test_webdataset_shuffles_batches_and_selects_members(urls: list[str]) -> None:
    dataset = (
        wds.WebDataset(urls, shardshuffle=2, seed=1)
        .shuffle(4)
        .decode()
        .to_tuple("landmarks.npy", "speech.npy")
        .batched(4)
    )
    ((landmarks, speech),) = list(dataset)
    assert landmarks.shape == (4, FRAMES, POINTS, 3)
    assert speech.shape == (4, 2 * FRAMES, 512)
