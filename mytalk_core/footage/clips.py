"""One source of footage to clip samples and the manifest rows that account for it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.schema import ClipMeta, ClipSample, clip_key, slug
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.alignment import canonical_rigid, fit_pose
from mytalk_core.faces.crop import CropConfig, crop_boxes, cut_crop
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import MeshLandmarker, track_largest_face
from mytalk_core.faces.shape import aperture, face_height
from mytalk_core.faces.tracks import face_runs
from mytalk_core.media.audio import pcm16, read_audio
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.media.decode import Frame, iter_frames_at
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.loudness import loudness_dbfs, opening_offset


@dataclass(frozen=True)
class Source:
    """One file of footage."""

    path: Path
    title: str  # slug, unique within a run; first part of the keys of its clips
    speaker: str  # empty where unknown


@dataclass(frozen=True)
class FootageConfig:
    """How footage is cut into clips."""

    crop: CropConfig = field(default_factory=CropConfig)
    # Longest clip, seconds; what is longer is cut into parts.
    clip_seconds: int = 10
    # Shortest clip kept, seconds.
    shortest_seconds: int = 1
    # Smallest face kept, pixels from forehead to chin.
    smallest_face: int = 48


@dataclass(frozen=True)
class Part:
    """Consecutive frames of one face."""

    shot: int
    part: int
    first: int  # frame at 25 fps, inclusive
    end: int  # exclusive


def find_sources(inputs: list[Path]) -> list[Source]:
    """The files that inputs name: files as they are, folders with all that lies below.

    The folder a file lies in names its speaker. Titles are unique and the same wherever the
    footage is mounted.

    Raises:
        BadInputError: where an input does not exist, or no file is found.
    """
    files: list[Path] = []
    for path in inputs:
        if not path.exists():
            raise BadInputError("does not exist.", reason=Reason.NOT_FOUND, where=str(path))
        files += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise BadInputError(
            "holds no file.", reason=Reason.NOT_FOUND, where=", ".join(map(str, inputs))
        )
    sources: dict[str, Source] = {}
    for file in dict.fromkeys(file.resolve() for file in files):
        speaker = slug(file.parent.name)
        name = title = slug(f"{file.parent.name}_{file.stem}")
        number = 1
        while title in sources:
            # Names that differ only in what a key cannot hold, or that lie in folders of one name.
            number += 1
            title = f"{name}_{number}"
        sources[title] = Source(file, title, speaker)
    return list(sources.values())


def find_parts(runs: list[tuple[int, int]], config: FootageConfig) -> list[Part]:
    """Runs of one face, cut to the longest clip and freed of what is too short."""
    longest = config.clip_seconds * int(MOTION_FPS)
    shortest = config.shortest_seconds * int(MOTION_FPS)
    parts = []
    for shot, (first, end) in enumerate(runs):
        for number, start in enumerate(range(first, end, longest)):
            stop = min(start + longest, end)
            if stop - start >= shortest:
                parts.append(Part(shot, number, start, stop))
    return parts


def measure_landmarks(path: Path, landmarker: MeshLandmarker) -> NDArray[np.float32]:
    """Landmarks of a film at 25 fps: (T, 478, 3) pixels, NaN where there is no face.

    Raises:
        BadInputError: as decoding does.
    """
    images = (frame.image for frame in iter_frames_at(path, MOTION_FPS))
    return np.stack(list(track_largest_face(images, landmarker, MOTION_FPS)))


def extract_clips(
    source: Source,
    landmarker: MeshLandmarker,
    encoder: SpeechEncoder,
    config: FootageConfig,
    versions: dict[str, str],
) -> Iterator[ClipSample]:
    """Clip samples of one source, in order.

    The file is decoded twice, once for landmarks and once for crops, so that memory holds the
    pictures of one clip and not of the film.

    Raises:
        BadInputError: with the reason why no clip came out of it.
    """
    probe_video(source.path)
    probe_audio(source.path)
    landmarks = measure_landmarks(source.path, landmarker)
    parts = _usable_parts(source, landmarks, landmarker.scheme, config)
    audio = read_audio(source.path)
    frames = iter_frames_at(source.path, MOTION_FPS)
    for part in parts:
        points = landmarks[part.first : part.end]
        rigid = canonical_rigid(points, landmarker.scheme)
        pose = fit_pose(points, rigid, landmarker.scheme)
        boxes = crop_boxes(pose, config.crop, float(MOTION_FPS))
        crops = np.stack(
            [
                cut_crop(frame.image, boxes[frame.index - part.first], config.crop.size)
                for frame in _between(frames, part)
            ]
        )
        first, end = (
            sample_at(frame / MOTION_FPS, SPEECH_SAMPLE_RATE) for frame in (part.first, part.end)
        )
        sound = audio[first:end]
        starts = np.arange(len(points)) / float(MOTION_FPS)
        offset, confidence = opening_offset(
            aperture(points, landmarker.scheme),
            loudness_dbfs(sound, starts, 1 / float(MOTION_FPS)),
        )
        yield ClipSample(
            meta=ClipMeta(
                key=clip_key(source.title, part.shot, 0, part.part),
                source=source.path.name,
                source_id=source.title,
                speaker=source.speaker,
                first_frame=part.first,
                frame_count=len(points),
                fps=MOTION_FPS,
                scheme=landmarker.scheme.name,
                crop_size=config.crop.size,
                sync_offset=float(offset),
                sync_confidence=confidence,
                versions=versions,
            ),
            audio=pcm16(sound),
            landmarks=points,
            boxes=boxes,
            crops=crops,
            speech=encoder.encode(sound),
        )


def _between(frames: Iterator[Frame], part: Part) -> Iterator[Frame]:
    for frame in frames:
        if frame.index >= part.first:
            yield frame
        if frame.index == part.end - 1:
            return


def _usable_parts(
    source: Source,
    landmarks: NDArray[np.float32],
    scheme: LandmarkScheme,
    config: FootageConfig,
) -> list[Part]:
    where = str(source.path)
    heights = face_height(landmarks, scheme)
    if not np.isfinite(heights).any():
        raise BadInputError("shows no face.", reason=Reason.NO_FACE, where=where)
    height = float(np.nanmedian(heights))
    if height < config.smallest_face:
        raise BadInputError(
            f"its face is {height:.0f} pixels high, less than {config.smallest_face}.",
            reason=Reason.FACE_TOO_SMALL,
            where=where,
        )
    parts = find_parts(face_runs(landmarks, scheme), config)
    if not parts:
        raise BadInputError(
            f"no face stays for {config.shortest_seconds} s.", reason=Reason.TOO_SHORT, where=where
        )
    return parts
