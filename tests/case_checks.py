"""Checks of the dubbing and preprocessing results for the inputs of `tests/cases.py`.

`CHECKS` has one function per input, which measures a value and compares it with the expected one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.manifest import Kind, Status, read_manifest
from mytalk_core.dubbing.opening import ClipFiles
from mytalk_core.dubbing.title import DubResult
from mytalk_core.errors import BadInputError
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.shape import aperture
from mytalk_core.footage.listing import ListingConfig, list_sources
from mytalk_core.footage.unit_work import WorkConfig, WorkModels
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_audio, probe_video
from tests.cases import CUT_FRAME, FRAMES, PEOPLE, CaseInputs, run_program
from tests.preprocess_runs import job, preprocess_here
from tests.title_runs import Networks, dubbed

# Inputs of preprocessing.
_FOOTAGE = ("upside.mp4", "chin.mp4", "jump30.ts", "jump3600.ts", "cover.mov")


@dataclass(frozen=True)
class CaseResult:
    """The outcome of one check."""

    expected: str
    measured: str
    ok: bool


@dataclass(frozen=True)
class Dub:
    """A dubbed input."""

    result: DubResult

    @property
    def voiced(self) -> bool:
        """Whether voice was detected in the speech."""
        return any(transcript.voice for transcript in self.result.transcripts.values())

    @property
    def drawn(self) -> str:
        """Describe the rendered frames and the reasons for leaving the others unchanged."""
        reasons = {reason.value: frames for reason, frames in self.result.left_alone.items()}
        return (
            f"{self.result.rendered_frames} of {self.result.frames} drawn {reasons or ''}".strip()
        )


class CaseRunner:
    """Dubs and preprocesses inputs; models are loaded once."""

    def __init__(self, inputs: CaseInputs, folder: Path, networks: Networks) -> None:
        self.inputs = inputs
        self._folder = folder
        self._networks = networks
        self._models = networks.models.here()
        self.landmarker = self._models.landmarker
        self._dubs: dict[tuple[str, str, str], Dub] = {}

    def dub(self, film: str, speech: str = "B.wav", member: str = "") -> Dub:
        """Dub an input; results are cached.

        Args:
            member: who says every line; empty: as recognised.

        Raises:
            BadInputError: where it is refused.
        """
        if (film, speech, member) not in self._dubs:
            out = self._folder / f"{film}-{speech}{member}.mp4"
            files = ClipFiles(self.inputs.made(film), self.inputs.made(speech), out, member=member)
            result = dubbed(files, self._folder / "work", self._networks)
            self._dubs[film, speech, member] = Dub(result)
        return self._dubs[film, speech, member]

    def refusal(self, film: str) -> str:
        """Return the message with which an input is refused; empty where it is dubbed."""
        try:
            self.dub(film)
        except BadInputError as error:
            return str(error)
        return ""

    @cached_property
    def manifest(self) -> Path:
        """Preprocess `_FOOTAGE` and the folders of people; return the path of the manifest."""
        out = self._folder / "shards"
        models = WorkModels(self.landmarker, self._models.speech_encoder, None, ())
        work = job(self._folder, out, models, config=WorkConfig())
        footage = tuple(str(self.inputs.made(name)) for name in (*_FOOTAGE, "names"))
        preprocess_here(replace(work, inputs=footage))
        return out / "manifest.parquet"

    def clips(self, name: str) -> list[int]:
        """Return the frame count of each clip that preprocessing made of an input, in order."""
        rows = read_manifest(self.manifest)
        return [
            row.frames
            for row in rows
            if row.kind is Kind.CLIP and row.status is Status.OK and row.source.endswith(name)
        ]

    def square_faces(self, film: Path) -> NDArray[np.float32]:
        """Return landmarks (T, P, 3) of a film's frames in square pixels."""
        aspect = float(probe_video(film).pixel_aspect)
        faces = []
        with MeshLandmarker(self._models.landmarker) as landmarker:
            for frame in iter_frames(film):
                width = round(frame.image.shape[1] * aspect)
                picture = cv2.resize(frame.image, (width, frame.image.shape[0]))
                faces += landmarker.detect(picture)[:1]
        return np.stack(faces)


def lip_colour(runner: CaseRunner, dub: Dub, frames: range) -> NDArray[np.float64]:
    """Return the mean lip colour in some frames of a dub: CIE L (0..100), a and b."""
    colours = []
    with MeshLandmarker(runner.landmarker) as landmarker:
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


def cut(runner: CaseRunner) -> CaseResult:
    """The lips before a cut equal those of a dub of that shot alone, once it is said who speaks.

    The film has no sound, so nothing but the user can say it: without, all people are listed. The
    first shot is a frame shorter than the second, so it shows m2.
    """
    frames = range(5, CUT_FRAME - 5)
    refusal = runner.refusal("cut.mp4")
    dub = runner.dub("cut.mp4", member="m2")
    drawn = [each for each in dub.result.report.segments if each.members]
    both = lip_colour(runner, dub, frames)
    alone = lip_colour(runner, runner.dub("cutA.mp4"), frames)
    difference = float(np.abs(both - alone).max())
    listed = "m1, m2" in refusal and "--member" in refusal
    end = max((each.end for each in drawn), default=0)
    measured = (
        f"L {both[0]:.1f} a* {both[1]:.1f}, drawn to frame {end};"
        f" {'refused with the members' if listed else refusal or 'not refused'}"
    )
    expected = (
        f"as the first shot alone: L {alone[0]:.1f} a* {alone[1]:.1f}, to {CUT_FRAME};"
        " refused with the members where none is named"
    )
    ok = difference < 1.0 and listed and end == CUT_FRAME
    return CaseResult(expected, measured, ok)


def upside(runner: CaseRunner) -> CaseResult:
    dub, clips = runner.dub("upside.mp4"), runner.clips("upside.mp4")
    ok = dub.result.rendered_frames == 0 and not clips
    return CaseResult("left alone with the reason, no clip", f"{dub.drawn}, {len(clips)} clips", ok)


def names(runner: CaseRunner) -> CaseResult:
    rows = read_manifest(runner.manifest)
    found = {row.speaker for row in rows if row.kind is Kind.CLIP and "/names/" in row.source}
    return CaseResult(", ".join(PEOPLE), ", ".join(sorted(found)), found == set(PEOPLE))


def interlaced(runner: CaseRunner) -> CaseResult:
    expected = "73 interlaced frames, or refused"
    try:
        dub = runner.dub("interlaced.mp4")
    except BadInputError as error:
        return CaseResult(expected, f"refused: {error.reason}", "interlaced" in error.what)
    with av.open(str(dub.result.film)) as film:
        flags = [frame.interlaced_frame for frame in film.decode(video=0)]
    return CaseResult(expected, f"{sum(flags)} of {len(flags)} interlaced", all(flags))


def pal_dv(runner: CaseRunner) -> CaseResult:
    info = probe_video(runner.inputs.made("pal.dv"))
    measured = f"{info.frame_estimate} frames at {info.fps}"
    ok = info.fps == 25 and abs(info.frame_estimate - 73) <= 2
    return CaseResult("73 frames at 25", measured, ok)


def mirror(runner: CaseRunner) -> CaseResult:
    """The upper third, where nothing is drawn, equals the ffmpeg program's rotation."""
    film = runner.dub("mirror.mp4").result.film
    lossless = film.with_name("autorotated.mkv")
    run_program(lossless, "-i", runner.inputs.made("mirror.mp4"), "-an", "-c:v", "ffv1")
    pairs = zip(iter_frames(film), iter_frames(lossless), strict=True)
    rows = slice(0, probe_video(film).height // 3)
    difference = float(
        np.mean([np.abs(a.image[rows].astype(int) - b.image[rows]).mean() for a, b in pairs])
    )
    return CaseResult("differs by 1.5 of 255 at most", f"{difference:.2f}", difference < 1.5)


def jump(name: str) -> Callable[[CaseRunner], CaseResult]:
    def measure(runner: CaseRunner) -> CaseResult:
        dub, clips = runner.dub(name), runner.clips(name)
        seconds = len(read_audio(runner.inputs.made(name))) / 16000
        with av.open(str(dub.result.film)) as film:
            times = [float(frame.time) for frame in film.decode(video=0)]
        measured = (
            f"{len(times)} frames, {times[-1] + 0.04:.2f} s, sound {seconds:.2f} s, clips {clips}"
        )
        ok = abs(len(times) - FRAMES) <= 1 and abs(times[-1] - 3.0) < 0.1
        ok = ok and abs(seconds - 3.04) < 0.15 and len(clips) == 1 and clips[0] <= FRAMES + 2
        return CaseResult("75 frames, 3.04 s, sound alike, one clip", measured, ok)

    return measure


def anamorphic(runner: CaseRunner) -> CaseResult:
    """Lips open as far as in the same film with square pixels."""
    opened = {}
    for name in ("anamorphic.mp4", "square.mp4", "square404.mp4"):
        faces = runner.square_faces(runner.dub(name).result.film)
        ratio = aperture(faces, MESH478) / inter_ocular(faces, MESH478)
        opened[name] = float(np.percentile(ratio, 95))
    expected = min(opened["square.mp4"], opened["square404.mp4"])
    measured = opened["anamorphic.mp4"]
    text = f"{opened['square.mp4']:.3f}, {opened['square404.mp4']:.3f} with square pixels"
    return CaseResult(text, f"{measured:.3f}", measured > 0.94 * expected)


def voice_in(speech: str) -> Callable[[CaseRunner], CaseResult]:
    def measure(runner: CaseRunner) -> CaseResult:
        dub = runner.dub("short.mp4", speech)
        channels = probe_audio(dub.result.film).channels
        measured = f"{'voice' if dub.voiced else 'no voice'}, {channels} channels in the film"
        return CaseResult("speech is found, or refused in advance", measured, dub.voiced)

    return measure


def chin(runner: CaseRunner) -> CaseResult:
    dub, clips = runner.dub("chin.mp4"), runner.clips("chin.mp4")
    reasons = {reason.value for reason in dub.result.left_alone}
    # Lips that are not seen are not seen to speak.
    ok = dub.result.rendered_frames == 0 and reasons <= {"mouth_outside", "silent"} and not clips
    return CaseResult(
        "0 drawn, mouth outside or silent, no clip", f"{dub.drawn}, {len(clips)} clips", ok
    )


def one_source(name: str) -> Callable[[CaseRunner], CaseResult]:
    def measure(runner: CaseRunner) -> CaseResult:
        found = list(list_sources([str(runner.inputs.made(name))], ListingConfig()))
        speakers = [each.speaker for each in found]
        return CaseResult(
            "one source, speaker one", f"{len(found)}, {speakers}", speakers == ["one"]
        )

    return measure


def burnt(runner: CaseRunner) -> CaseResult:
    dub = runner.dub("burnt.mp4")
    reasons = {reason.value for reason in dub.result.left_alone} - {"silent"}
    return CaseResult("left alone as covered", dub.drawn, reasons == {"mouth_covered"})


def alpha(runner: CaseRunner) -> CaseResult:
    notes = runner.dub("alpha.mov").result.report.notes
    return CaseResult(
        "its loss is noted in advance", "; ".join(notes)[-60:], "opacity" in str(notes)
    )


def black_and_white(runner: CaseRunner) -> CaseResult:
    most = 0
    with av.open(str(runner.dub("bw.mp4").result.film)) as film:
        for frame in film.decode(video=0):
            chroma = frame.to_ndarray()[frame.height :].astype(int)
            most = max(most, int(np.abs(chroma - 128).max()))
    return CaseResult("chroma off 128 by 0", str(most), most == 0)


def cover(runner: CaseRunner) -> CaseResult:
    dub, clips = runner.dub("cover.mov"), runner.clips("cover.mov")
    measured = f"{dub.result.frames} frames, clips {clips}"
    return CaseResult("75 frames", measured, dub.result.frames == FRAMES and len(clips) == 1)


def tracks(runner: CaseRunner) -> CaseResult:
    """The audio is the film's original."""
    chosen = read_audio(runner.inputs.made("tracks.mkv"))
    own = read_audio(runner.inputs.made("A.mp4"))
    length = min(len(chosen), len(own))
    alike = float(np.corrcoef(chosen[:length], own[:length])[0, 1])
    return CaseResult("the default track, r > .9", f"r {alike:.2f}", alike > 0.9)


CHECKS: dict[str, Callable[[CaseRunner], CaseResult]] = {
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
