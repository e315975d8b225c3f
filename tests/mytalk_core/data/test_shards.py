"""Shards are byte-reproducible, and samples are read back as written."""

import io
import pickle
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.schema import ClipMeta, ClipSample
from mytalk_core.data.shards import (
    MEMBERS,
    clip_seconds,
    decode_meta,
    decode_sample,
    encode_meta,
    encode_sample,
    iter_members,
    iter_samples,
    read_npy,
    write_shard,
)
from mytalk_core.errors import BadInputError, OutputError, Reason


def meta(key: str = "film-00000-00-000", frames: int = 12) -> ClipMeta:
    return ClipMeta(
        key=key,
        source="Zoë's film.mp4",
        source_id="film",
        speaker="Ann",
        first_frame=250,
        frame_count=frames,
        fps=Fraction(30000, 1001),
        scheme="mesh478",
        crop_size=64,
        sync_offset=-2.0,
        sync_confidence=0.75,
        versions={"mytalk": "1", "landmarker": "2"},
    )


def sample(key: str = "film-00000-00-000", frames: int = 12) -> ClipSample:
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:64, 0:64]
    crops = np.stack([np.stack([2 * x + 3 * t, 2 * y + 40, x + y], axis=-1) for t in range(frames)])
    return ClipSample(
        meta=meta(key, frames),
        audio=random.integers(-3000, 3000, 7000).astype(np.int16),
        landmarks=random.normal(200, 50, (frames, 478, 3)).astype(np.float32),
        boxes=random.normal(size=(frames, 3, 2)).astype(np.float32),
        crops=crops.astype(np.uint8),
        speech=random.normal(size=(2 * frames, 512)).astype(np.float16),
    )


def test_a_sample_is_decoded_as_encoded() -> None:
    before = sample()
    after = decode_sample(encode_sample(before))
    assert after.meta == before.meta
    for exact in ("audio", "landmarks", "boxes", "speech"):
        np.testing.assert_array_equal(getattr(after, exact), getattr(before, exact))
        assert getattr(after, exact).dtype == getattr(before, exact).dtype
    assert after.crops.shape == before.crops.shape
    error = after.crops.astype(float) - before.crops
    assert np.sqrt(np.square(error).mean()) < 3
    assert abs(error.mean()) < 0.5


def test_members_have_their_documented_order() -> None:
    assert tuple(encode_sample(sample())) == MEMBERS


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        keys = [f"film-00000-00-{part:03d}" for part in range(2)]
        write_shard(tmp_path / name, ((key, encode_sample(sample(key))) for key in keys))
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_headers_contain_no_user_or_time(tmp_path: Path) -> None:
    write_shard(tmp_path / "shard.tar", [("a-0", {"json": b"{}"})])
    with tarfile.open(tmp_path / "shard.tar") as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")


def test_a_shard_streams_its_samples_in_order(tmp_path: Path) -> None:
    paths = []
    for shard in range(2):
        paths.append(tmp_path / f"{shard}.tar")
        keys = [f"film-{shard:05d}-00-{part:03d}" for part in range(3)]
        write_shard(paths[-1], ((key, encode_sample(sample(key, frames=2))) for key in keys))
    found = [each.meta.key for each in iter_samples(paths)]
    assert found == [f"film-{shard:05d}-00-{part:03d}" for shard in range(2) for part in range(3)]
    assert [key for key, _ in iter_members(paths)] == found


def test_ranges_contain_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    ranges = write_shard(path, [(key, encode_sample(sample(key, 2))) for key in ("a-0", "b-0")])
    assert [each.key for each in ranges] == ["a-0", "b-0"]
    data = path.read_bytes()
    for each in ranges:
        with tarfile.open(fileobj=io.BytesIO(data[each.offset :][: each.size]), mode="r:") as tar:
            assert tar.getnames() == [f"{each.key}.{kind}" for kind in MEMBERS]


class Bomb:
    """Ends the process when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("kind", ["pyd", "pth", "pickle", "pkl"])
def test_pickles_in_a_shard_stay_bytes(kind: str, tmp_path: Path) -> None:
    bomb = pickle.dumps(Bomb())
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        header = tarfile.TarInfo(f"a-0.{kind}")
        header.size = len(bomb)
        tar.addfile(header, io.BytesIO(bomb))
    assert list(iter_members([tmp_path / "shard.tar"])) == [("a-0", {kind: bomb})]


def test_pickles_in_an_array_are_refused() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_npy(buffer.getvalue())


def test_the_json_member_has_exact_rates_and_reproducible_bytes() -> None:
    assert decode_meta(encode_meta(meta())) == meta()
    assert b'"fps": "30000/1001"' in encode_meta(meta())
    turned = replace(meta(), versions={"landmarker": "2", "mytalk": "1"})
    assert encode_meta(turned) == encode_meta(meta())


def test_the_duration_of_a_clip_is_exact() -> None:
    assert clip_seconds(meta(frames=12)) == Fraction(12 * 1001, 30000)


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, dict[str, bytes]]]:
        yield "a-0", {"json": b"{}"}
        raise RuntimeError("the worker's own")

    with pytest.raises(RuntimeError, match="own"):
        write_shard(tmp_path / "shard.tar", broken())
    with pytest.raises(OutputError):
        write_shard(tmp_path / "absent" / "shard.tar", [])
    assert list(tmp_path.iterdir()) == []


def test_the_error_of_a_damaged_shard_names_it(tmp_path: Path) -> None:
    whole, noise, cut = (tmp_path / name for name in ("whole.tar", "noise.tar", "cut.tar"))
    write_shard(whole, [("a-0", {"json": b"{}", "wav": bytes(5000)})])
    noise.write_bytes(b"no tar at all" * 100)
    cut.write_bytes(whole.read_bytes()[:4000])
    for path in (noise, cut):
        with pytest.raises(BadInputError, match=path.name) as refusal:
            list(iter_members([whole, path]))
        assert refusal.value.reason is Reason.DECODE_ERROR
