"""The cases of stage 2: every clip of the data sets with its own lips and with another clip's."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mytalk_core.appearance.clip import steady_landmarks
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.data.clip_index import ClipIndex, clip_index
from mytalk_core.data.clip_reader import iter_clips, read_clip
from mytalk_core.data.schema import ClipMeta
from mytalk_core.data.shards import decode_meta, decode_sample, read_npy
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.redrawing import RedrawCase, cross_case, reconstruction_case
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import SCHEMES


@dataclass(frozen=True)
class _Lips:
    key: str
    shape: Points  # (T, M, 3) aligned moving points


class AppearanceCases:
    """Cases of a split of one or more data sets, whose crops may differ in size.

    A speaker present in several data sets counts as a different speaker in each, since the footage
    differs.
    """

    def __init__(self, data: Sequence[str | Path], split: Split) -> None:
        """Find the clips.

        Raises:
            BadInputError: where a data set has no clips of the split.
        """
        self._indices = {_name(folder, data): clip_index(folder, split) for folder in data}
        self._sets = defaultdict(set)
        for name, index in self._indices.items():
            for number in set(index.speaker.tolist()):
                self._sets[index.speakers[number]].add(name)

    def __len__(self) -> int:
        """Return the number of clips."""
        return sum(map(len, self._indices.values()))

    def __iter__(self) -> Iterator[list[RedrawCase]]:
        """Yield each clip's reconstruction and, if its speaker has another clip, its cross.

        A cross has the lips of the speaker's next clip by key; the last clip has the first's.
        """
        mask = MaskConfig()
        for name, index in self._indices.items():
            following = self._following(name, index)
            for number in range(len(index)):
                sample = decode_sample(read_clip(index, number))
                speaker = self._speaker(sample.meta, name)
                cases = [reconstruction_case(sample, speaker, mask)]
                other = following.get(sample.meta.key)
                if other:
                    cases.append(cross_case(sample, speaker, other.key, other.shape, mask))
                yield cases

    def _following(self, name: str, index: ClipIndex) -> dict[str, _Lips]:
        """Return the lips of the speaker's next clip by clip key; pictures are not decoded."""
        by_speaker: dict[str, list[_Lips]] = defaultdict(list)
        for members in iter_clips(index):
            meta = decode_meta(members["json"])
            scheme = SCHEMES[meta.scheme]
            landmarks = steady_landmarks(read_npy(members["landmarks.npy"]), meta)
            shape = face_motion(landmarks, scheme).shape
            lips = _Lips(meta.key, shape[:, list(scheme.moving)])
            by_speaker[self._speaker(meta, name)].append(lips)
        return {
            one.key: following
            for own in by_speaker.values()
            if len(own) > 1
            for one, following in _in_turn(sorted(own, key=lambda lips: lips.key))
        }

    def _speaker(self, meta: ClipMeta, name: str) -> str:
        speaker = meta.speaker or meta.key.partition("-")[0]
        return f"{speaker} in {name}" if len(self._sets[meta.speaker]) > 1 else speaker


def _in_turn(own: list[_Lips]) -> Iterator[tuple[_Lips, _Lips]]:
    yield from zip(own, own[1:] + own[:1], strict=True)


def _name(folder: str | Path, data: Sequence[str | Path]) -> str:
    """Return the last part of a path, or the whole path where another data set shares it."""
    last = PurePosixPath(str(folder)).name
    alike = [other for other in data if PurePosixPath(str(other)).name == last]
    return last if len(alike) == 1 else str(folder)
