"""Time of the renderer per frame, by engine and batch size, relative to the face detector S3FD.

    python tests/benchmarks/renderer_speed.py [THREADS [ENGINE...]]

Every round times S3FD once, with random weights on 360x288, and then everything else once, so that
each ratio compares measurements close in time. S3FD takes 7.4 times as long as a frame of Wav2Lip;
four times the speed of Wav2Lip is a ratio of 29.6. With one thread CPU time is measured, which
other load affects little; with more, wall-clock time.

Torch is always measured. Other engines are compile, bf16, onnx, onnx-int8 and openvino. The last
three are exported with fixed shapes and need onnx and openvino, installed or on PYTHONPATH.
"""

import io
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from face_alignment.detection.sfd.net_s3fd import s3fd
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import mytalk_core
from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.face_crops import CropTensors, FaceCrops, crop_tensors, face_crops
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.redraw import redraw
from mytalk_core.appearance.renderer import References, Renderer
from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.faces.crop import CropConfig, crop_boxes, cut_crop
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import LandmarkerConfig, MeshLandmarker
from mytalk_core.media.decode import iter_frames

WEIGHTS = Path(mytalk_core.__file__).parent / "weights" / "appearance.safetensors"
ROUNDS = 15
FRAMES, REFERENCES = 40, 32
LONG_AGO = np.full(REFERENCES, -10.0)
CROP_SIZES = (192, 384)
Arrays = list[np.ndarray]
Engine = Callable[[nn.Module, Sequence[Tensor]], Callable[[], Arrays]]


@dataclass
class Measured:
    """One row of the table."""

    name: str
    frames: int  # per call
    call: Callable[[], object]
    note: str = ""
    seconds: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)  # S3FD in the same rounds


def clip_crops(sizes: Sequence[int]) -> dict[int, FaceCrops]:
    """Return the first frames of a sample clip as crops of each size."""
    clip = next(clip for clip in sample_footage() if clip.name == "jwp_intro")
    images, faces = [], []
    with MeshLandmarker(pull("face-landmarker"), LandmarkerConfig(max_faces=1)) as landmarker:
        for frame in itertools.islice(iter_frames(clip.path), FRAMES):
            images.append(frame.image)
            faces.append(landmarker.detect(frame.image)[0])
    landmarks = np.stack(faces)
    motion = face_motion(landmarks, MESH478)
    crops = {}
    for size in sizes:
        boxes = crop_boxes(motion.pose, CropConfig(size=size), 25.0)
        cut = [cut_crop(image, box, size) for image, box in zip(images, boxes, strict=True)]
        crops[size] = face_crops(np.stack(cut), landmarks, boxes, motion, MESH478, MaskConfig())
    return crops


class Flat(nn.Module):
    """`Renderer.draw` with tensors as inputs and outputs, for exporters."""

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self.renderer = renderer

    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Draw; `parts`: nine of the frames, then pictures, points and features of references."""
        frames, (pictures, halves, points, *features) = CropTensors(*parts[:9]), parts[9:]
        drawing = self.renderer.draw(frames, References(pictures, halves, points, features))
        return drawing.flow, drawing.share, drawing.residual, drawing.colour


def as_torch(module: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], Arrays]:
    """Run the module eagerly in float32."""

    @torch.inference_mode()
    def call() -> Arrays:
        return [part.float().numpy() for part in module(*inputs)]

    return call


def as_bfloat16(module: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], Arrays]:
    """Run convolutions in bfloat16."""
    plain = as_torch(module, inputs)

    def call() -> Arrays:
        with torch.autocast("cpu", torch.bfloat16):
            return plain()

    return call


def compiled(module: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], Arrays]:
    """Run with torch.compile, which needs a C++ compiler."""
    return as_torch(torch.compile(module, dynamic=False), inputs)  # type: ignore[arg-type]


class Fixed(nn.Module):
    """A module exported with fixed sizes; features are sampled with grid_sample, not by rows."""

    def __init__(self, module: nn.Module, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        with torch.enable_grad():
            self.graph = torch.export.export(module, tuple(inputs)).module()

    def train(self, mode: bool = True) -> "Fixed":
        """Ignore the call, which exporters make and the graph rejects."""
        return self

    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Run the exported graph."""
        found: tuple[Tensor, ...] = self.graph(*parts)
        return found


def onnx_file(module: nn.Module, inputs: Sequence[Tensor]) -> bytes:
    """Export to ONNX and return the bytes of the file."""
    out, names = io.BytesIO(), [f"input{number}" for number in range(len(inputs))]
    fixed = Fixed(module, inputs)
    torch.onnx.export(fixed, tuple(inputs), out, dynamo=False, opset_version=17, input_names=names)
    return out.getvalue()


def on_onnx_runtime(source: bytes | str, inputs: Sequence[Tensor]) -> Callable[[], Arrays]:
    """Run an ONNX file with ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    arrays = {
        each.name: inputs[int(each.name.removeprefix("input"))].numpy()
        for each in session.get_inputs()
    }
    return lambda: session.run(None, arrays)  # type: ignore[no-any-return]


def as_onnx(module: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], Arrays]:
    """Run with ONNX Runtime in float32."""
    return on_onnx_runtime(onnx_file(module, inputs), inputs)


def as_onnx_int8(module: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], Arrays]:
    """Run 8-bit convolutions with ONNX Runtime, calibrated on these inputs."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Once(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            names = (f"input{number}" for number in range(len(inputs)))
            self.left = [dict(zip(names, (part.numpy() for part in inputs), strict=True))]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        plain.write_bytes(onnx_file(module, inputs))
        quantize_static(
            plain,
            small,
            Once(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
        )
        return on_onnx_runtime(str(small), inputs)


def on_openvino(module: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], Arrays]:
    """Run with OpenVINO in float32."""
    import openvino

    core = openvino.Core()
    model = core.read_model(onnx_file(module, inputs))
    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled_model = core.compile_model(model, "CPU", settings)
    arrays = {
        port: inputs[int(port.any_name.removeprefix("input"))].numpy()
        for port in compiled_model.inputs
    }
    return lambda: list(compiled_model(arrays).values())


ENGINES: dict[str, Engine] = {
    "compile": compiled,
    "bf16": as_bfloat16,
    "onnx": as_onnx,
    "onnx-int8": as_onnx_int8,
    "openvino": on_openvino,
}


def network_inputs(
    renderer: Renderer, crops: FaceCrops, known: PersonReferences, count: int
) -> list[Tensor]:
    """Return the inputs of `Flat` for the first frames, each with its own references."""
    frames = crop_tensors(crops.choose(slice(count)), MESH478, renderer.config.size)
    with torch.inference_mode():
        shown, _ = known.encoded(renderer.most_alike(frames, known.points))
    parts = [*frames.parts(), shown.pictures, shown.halves, shown.points, *shown.features]
    return [part.clone() for part in parts]  # exporters reject tensors of inference mode


def network_rows(renderer: Renderer, crops: FaceCrops, engines: Sequence[str]) -> list[Measured]:
    """Return rows of `draw` only: torch by batch and layout, other engines with eight frames."""
    shown = crops.choose(np.linspace(0, FRAMES - 1, REFERENCES).astype(int))
    known = PersonReferences(renderer, shown, LONG_AGO, MESH478)
    contiguous = load_renderer(WEIGHTS).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    inputs = {count: network_inputs(renderer, crops, known, count) for count in (1, 4, 8, 16)}
    rows = [
        Measured(f"network, torch, {count} at once", count, as_torch(Flat(renderer), parts))
        for count, parts in inputs.items()
    ]
    rows.append(
        Measured("network, torch, 8, channels first", 8, as_torch(Flat(contiguous), inputs[8]))
    )
    for name in engines:
        start = time.perf_counter()
        call = ENGINES[name](Flat(renderer), inputs[8])
        found = call()
        took = time.perf_counter() - start
        worst = max(
            float(np.abs(one - other).max())
            for one, other in zip(found, rows[2].call(), strict=True)  # type: ignore[call-overload]
        )
        note = f"ready after {took:.1f} s, off by {worst:.1g}"
        rows.append(Measured(f"network, {name}, 8 at once", 8, call, note))
    return rows


def whole_rows(renderer: Renderer, crops: dict[int, FaceCrops]) -> list[Measured]:
    """Return rows of the whole `redraw` of a crop, and of its first part, `crop_tensors`."""
    rows, side = [], renderer.config.size
    for size, every in crops.items():
        shown = every.choose(np.linspace(0, FRAMES - 1, REFERENCES).astype(int))
        person = PersonReferences(renderer, shown, LONG_AGO, MESH478)
        some = every.choose(slice(16))
        rows += [
            Measured(
                f"redraw, crops of {size}, 16 at once",
                16,
                lambda some=some, person=person: redraw(
                    renderer, some, np.arange(16.0), person, MESH478
                ),
            ),
            Measured(
                f"of it crop_tensors, {size}",
                16,
                lambda some=some: crop_tensors(some, MESH478, side),
            ),
        ]
    return rows


def measure(rows: Sequence[Measured]) -> Measured:
    """Time all rows and S3FD, round after round; return S3FD's own row."""
    now = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    detector, picture = s3fd().eval(), torch.rand(1, 3, 288, 360)

    @torch.inference_mode()
    def detect() -> object:
        return detector(picture)

    def seconds(call: Callable[[], object]) -> float:
        start = now()
        call()
        return now() - start

    yardstick = Measured("S3FD, 360x288", 1, detect)
    for row in (yardstick, *rows):
        row.call()
    for _ in range(ROUNDS):
        took = seconds(detect)
        yardstick.seconds.append(took)
        for row in rows:
            row.seconds.append(seconds(row.call) / row.frames)
            row.beside.append(took)
    return yardstick


def main() -> None:
    """Measure and print."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    renderer = load_renderer(WEIGHTS)
    crops = clip_crops(CROP_SIZES)
    rows = network_rows(renderer, crops[CROP_SIZES[0]], sys.argv[2:]) + whole_rows(renderer, crops)
    yardstick = measure(rows)
    looked_at = renderer.config.looked_at
    title = f"ms a frame, {looked_at} of {REFERENCES} references, {threads} threads"
    table = Table("", "minimum", "median", "S3FD relative to it", "", title=title)
    for row in (yardstick, *rows):
        times = np.array(row.seconds) * 1000
        ratio = np.median(np.array(row.beside) / np.array(row.seconds)) if row.beside else 1
        table.add_row(
            row.name, f"{times.min():.1f}", f"{np.median(times):.1f}", f"{ratio:.1f}", row.note
        )
    console = Console()
    console.print(table)
    console.print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
