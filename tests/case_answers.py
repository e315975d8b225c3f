"""What the product makes of the inputs of `tests/cases.py`, beside what is right.

`ANSWERS` has one function a row. Each measures a value and says whether it is right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from jobs.app import run
from mytalk_core.data.manifest import Kind, Status, read_manifest
from mytalk_core.dubbing.dub import DubConfig, DubResult
from mytalk_core.dubbing.inputs import Inputs, open_inputs
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.title import dub_title
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.errors import BadInputError
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.shape import aperture
from mytalk_core.footage.listing import ListingConfig, list_sources
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.speech.recognition import Recogniser
from tests.cases import CUT_FRAME, FRAMES, PEOPLE, Kitchen, run_program

# Footage of which preprocessing is to make a clip, or not.
_FOOTAGE = ("upside.mp4", "chin.mp4", "jump30.ts", "jump3600.ts", "cover.mov", "anamorphic.mp4")


@dataclass(frozen=True)
class Answer:
    """One row."""

    right: str
    measured: str
    ok: bool


@dataclass(frozen=True)
class Dub:
    """A dubbed film."""

    inputs: Inputs
    result: DubResult
    voiced: bool  # whether speech was found

    @property
    def drawn(self) -> str:
        """Frames with new lips, and the reasons of the others."""
        reasons = {reason.value: frames for reason, frames in self.result.left_alone.items()}
        return (
            f"{self.result.rendered_frames} of {self.result.frames} drawn {reasons or ''}".strip()
        )


class Studio:
    """Runs the product over inputs with models that it loads once."""

    def __init__(self, kitchen: Kitchen, folder: Path, models: DubModels) -> None:
        self.kitchen = kitchen
        self._folder = folder
        self._models = models
        self.landmarker = models.landmarker
        self._tools = DubTools(models)
        self._recogniser = Recogniser(models.speech_encoder)
        self._dubs: dict[tuple[str, str], Dub] = {}

    def dub(self, film: str, speech: str = "B.wav") -> Dub:
        """The dub of an input.

        Raises:
            BadInputError: where it is refused.
        """
        if (film, speech) not in self._dubs:
            inputs = open_inputs(self.kitchen.made(film), self.kitchen.made(speech), None)
            out = self._folder / f"{film}-{speech}.mp4"
            arguments = (self._models, DubConfig(), self._recogniser, lambda *_: None, self._tools)
            result, transcript = dub_title(inputs, out, *arguments)
            self._dubs[film, speech] = Dub(inputs, result, bool(transcript.voice))
        return self._dubs[film, speech]

    @cached_property
    def manifest(self) -> Path:
        """What preprocessing writes of some inputs and of the folders of people."""
        out = self._folder / "shards"
        footage = [str(self.kitchen.made(name)) for name in (*_FOOTAGE, "names")]
        assert run(["--quiet", "preprocess", *footage, "--out", str(out)]) in (0, 1)
        return out / "manifest.parquet"

    def clips(self, name: str) -> list[int]:
        """Frames of each clip that preprocessing makes of an input, in order."""
        rows = read_manifest(self.manifest)
        return [
            row.frames
            for row in rows
            if row.kind is Kind.CLIP and row.status is Status.OK and row.source.endswith(name)
        ]

    def square_faces(self, film: Path) -> NDArray[np.float32]:
        """Landmarks (T, P, 3) of the frames of a film, in square pixels."""
        aspect = float(probe_video(film).pixel_aspect)
        faces = []
        with MeshLandmarker(self._models.landmarker) as landmarker:
            for frame in iter_frames(film):
                width = round(frame.image.shape[1] * aspect)
                picture = cv2.resize(frame.image, (width, frame.image.shape[0]))
                faces += landmarker.detect(picture)[:1]
        return np.stack(faces)


def lip_colour(studio: Studio, dub: Dub, frames: range) -> NDArray[np.float64]:
    """Mean colour of the lips in some frames of a dub, CIE L (0..100), a and b."""
    colours = []
    with MeshLandmarker(studio.landmarker) as landmarker:
        for frame in iter_frames(dub.result.film):
            if frame.index not in frames:
                continue
            (face, *_) = landmarker.detect(frame.image)
            mask = np.zeros(frame.image.shape[:2], np.uint8)
            lips = face[list(MESH478.lips), :2]
            cv2.fillPoly(mask, [cv2.convexHull(lips.round().astype(np.int32))], color=[1])
            lab = cv2.cvtColor(frame.image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
            colours.append(lab[mask > 0].mean(axis=0))
    return np.mean(colours, axis=0)


def cut(studio: Studio) -> Answer:
    """The lips before a cut are those of a dub of that shot alone."""
    frames = range(5, CUT_FRAME - 5)
    both = lip_colour(studio, studio.dub("cut.mp4"), frames)
    alone = lip_colour(studio, studio.dub("cutA.mp4"), frames)
    difference = float(np.abs(both - alone).max())
    measured = f"L {both[0]:.1f} a* {both[1]:.1f}"
    right = f"as the first shot alone: L {alone[0]:.1f} a* {alone[1]:.1f}"
    return Answer(right, measured, difference < 1.0)


def upside(studio: Studio) -> Answer:
    dub, clips = studio.dub("upside.mp4"), studio.clips("upside.mp4")
    ok = dub.result.rendered_frames == 0 and not clips
    return Answer("left alone with the reason, no clip", f"{dub.drawn}, {len(clips)} clips", ok)


def names(studio: Studio) -> Answer:
    rows = read_manifest(studio.manifest)
    found = {row.speaker for row in rows if row.kind is Kind.CLIP and "/names/" in row.source}
    return Answer(", ".join(PEOPLE), ", ".join(sorted(found)), found == set(PEOPLE))


def interlaced(studio: Studio) -> Answer:
    right = "73 interlaced frames, or refused"
    try:
        dub = studio.dub("interlaced.mp4")
    except BadInputError as error:
        return Answer(right, f"refused: {error.reason}", "interlaced" in error.what)
    with av.open(str(dub.result.film)) as film:
        flags = [frame.interlaced_frame for frame in film.decode(video=0)]
    return Answer(right, f"{sum(flags)} of {len(flags)} interlaced", all(flags))


def pal_dv(studio: Studio) -> Answer:
    info = probe_video(studio.kitchen.made("pal.dv"))
    measured = f"{info.frame_estimate} frames at {info.fps}"
    ok = info.fps == 25 and abs(info.frame_estimate - 73) <= 2
    return Answer("73 frames at 25", measured, ok)


def mirror(studio: Studio) -> Answer:
    """The upper third, where nothing is drawn, is as the ffmpeg program shows the source."""
    film = studio.dub("mirror.mp4").result.film
    lossless = film.with_name("autorotated.mkv")
    run_program(lossless, "-i", studio.kitchen.made("mirror.mp4"), "-an", "-c:v", "ffv1")
    pairs = zip(iter_frames(film), iter_frames(lossless), strict=True)
    rows = slice(0, probe_video(film).height // 3)
    difference = float(
        np.mean([np.abs(a.image[rows].astype(int) - b.image[rows]).mean() for a, b in pairs])
    )
    return Answer("differs by 1.5 of 255 at most", f"{difference:.2f}", difference < 1.5)


def jump(name: str) -> Callable[[Studio], Answer]:
    def measure(studio: Studio) -> Answer:
        dub, clips = studio.dub(name), studio.clips(name)
        seconds = len(read_audio(studio.kitchen.made(name))) / 16000
        with av.open(str(dub.result.film)) as film:
            times = [float(frame.time) for frame in film.decode(video=0)]
        measured = (
            f"{len(times)} frames, {times[-1] + 0.04:.2f} s, sound {seconds:.2f} s, clips {clips}"
        )
        ok = abs(len(times) - FRAMES) <= 1 and abs(times[-1] - 3.0) < 0.1
        ok = ok and abs(seconds - 3.04) < 0.15 and len(clips) == 1 and clips[0] <= FRAMES + 2
        return Answer("75 frames, 3.04 s, sound alike, one clip", measured, ok)

    return measure


def anamorphic(studio: Studio) -> Answer:
    """Lips open as far as in the same film with square pixels."""
    opened = {}
    for name in ("anamorphic.mp4", "square.mp4", "square404.mp4"):
        faces = studio.square_faces(studio.dub(name).result.film)
        ratio = aperture(faces, MESH478) / inter_ocular(faces, MESH478)
        opened[name] = float(np.percentile(ratio, 95))
    right = min(opened["square.mp4"], opened["square404.mp4"])
    measured = opened["anamorphic.mp4"]
    text = f"{opened['square.mp4']:.3f}, {opened['square404.mp4']:.3f} with square pixels"
    return Answer(text, f"{measured:.3f}", measured > 0.94 * right)


def voice_in(speech: str) -> Callable[[Studio], Answer]:
    def measure(studio: Studio) -> Answer:
        dub = studio.dub("A.mp4", speech)
        channels = probe_audio(dub.result.film).channels
        measured = f"{'voice' if dub.voiced else 'no voice'}, {channels} channels in the film"
        return Answer("speech is found, or refused before work", measured, dub.voiced)

    return measure


def chin(studio: Studio) -> Answer:
    dub, clips = studio.dub("chin.mp4"), studio.clips("chin.mp4")
    most_frequent = next(iter(dub.result.left_alone), "")
    ok = dub.result.rendered_frames == 0 and most_frequent == "mouth_outside" and not clips
    return Answer("0 drawn, mouth outside, no clip", f"{dub.drawn}, {len(clips)} clips", ok)


def one_source(name: str) -> Callable[[Studio], Answer]:
    def measure(studio: Studio) -> Answer:
        found = list(list_sources([str(studio.kitchen.made(name))], ListingConfig()))
        speakers = [each.speaker for each in found]
        return Answer("one source, speaker one", f"{len(found)}, {speakers}", speakers == ["one"])

    return measure


def burnt(studio: Studio) -> Answer:
    dub = studio.dub("burnt.mp4")
    reasons = {reason.value for reason in dub.result.left_alone}
    return Answer("left alone as covered", dub.drawn, reasons == {"mouth_covered"})


def alpha(studio: Studio) -> Answer:
    notes = studio.dub("alpha.mov").inputs.losses
    return Answer("its loss is said before work", "; ".join(notes)[-60:], "opacity" in str(notes))


def black_and_white(studio: Studio) -> Answer:
    most = 0
    with av.open(str(studio.dub("bw.mp4").result.film)) as film:
        for frame in film.decode(video=0):
            chroma = frame.to_ndarray()[frame.height :].astype(int)
            most = max(most, int(np.abs(chroma - 128).max()))
    return Answer("chroma off 128 by 0", str(most), most == 0)


def cover(studio: Studio) -> Answer:
    dub, clips = studio.dub("cover.mov"), studio.clips("cover.mov")
    measured = f"{dub.result.frames} frames, clips {clips}"
    return Answer("75 frames", measured, dub.result.frames == FRAMES and len(clips) == 1)


def tracks(studio: Studio) -> Answer:
    """The sound is that of the film."""
    chosen = read_audio(studio.kitchen.made("tracks.mkv"))
    own = read_audio(studio.kitchen.made("A.mp4"))
    length = min(len(chosen), len(own))
    alike = float(np.corrcoef(chosen[:length], own[:length])[0, 1])
    return Answer("the default track, r > .9", f"r {alike:.2f}", alike > 0.9)


ANSWERS: dict[str, Callable[[Studio], Answer]] = {
    "cut.mp4": cut,
    "upside.mp4": upside,
    "names/": names,
    "interlaced.mp4": interlaced,
    "pal.dv": pal_dv,
    "mirror.mp4": mirror,
    "jump30.ts": jump("jump30.ts"),
    "jump3600.ts": jump("jump3600.ts"),
    "anamorphic.mp4": anamorphic,
    "antiphase.wav": voice_in("antiphase.wav"),
    "poly10.wav": voice_in("poly10.wav"),
    "chin.mp4": chin,
    "blank_row.csv": one_source("blank_row.csv"),
    "semicolon.csv": one_source("semicolon.csv"),
    "capitals.csv": one_source("capitals.csv"),
    "burnt.mp4": burnt,
    "alpha.mov": alpha,
    "bw.mp4": black_and_white,
    "cover.mov": cover,
    "tracks.mkv": tracks,
}
