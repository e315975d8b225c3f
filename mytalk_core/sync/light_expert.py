"""The preprocessing copy of the sync expert on ONNX Runtime.

Preprocessing workers load ONNX Runtime for voice activity detection. Loading torch as well would
cost each of them 450 MB of memory and three seconds of start-up.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

from mytalk_core.sync.clip import LIP_SCALE, ROWS_PER_FRAME, SPECTRUM_SCALE
from mytalk_core.sync.expert_file import Purpose, read_expert_file

Array = NDArray[np.float32]

_OPSET, _IR_VERSION = 20, 10  # the first with Gelu, so that any ONNX Runtime since 1.17 reads it
_PARAMETERS = ("weight", "bias")


class LightExpert:
    """Embed landmarks and spectra as `SyncExpert` does, to 1e-5, on one thread."""

    def __init__(self, path: Path | None = None) -> None:
        """Load the preprocessing copy from `path` (None: the shipped one).

        Raises:
            ModelError: as `read_expert_file`.
        """
        stored = read_expert_file(Purpose.PREPROCESSING, path)
        self._frames = stored.config.frames
        self.in_step = stored.config.in_step
        self._lips = _encoder(stored.weights, "lips", strides=(1, 1))
        self._sound = _encoder(stored.weights, "sound", strides=(1, 2, 2))

    def embed_lips(self, lips: Array) -> Array:
        """Embed (T, 40, 2) lips from `lip_motion` as unit vectors of their W windows, (W, E)."""
        rows = lips.reshape(len(lips), -1) / np.float32(LIP_SCALE)
        return _embed(self._lips, rows, self._frames, 1)

    def embed_sound(self, spectrum: Array) -> Array:
        """Embed a spectrum (4T, 80) from `log_mel` as unit vectors of its W windows, (W, E)."""
        rows = spectrum / np.float32(SPECTRUM_SCALE)
        return _embed(self._sound, rows, self._frames * ROWS_PER_FRAME, ROWS_PER_FRAME)


def _embed(encoder: InferenceSession, rows: Array, length: int, step: int) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(rows, length, axis=0)[::step]
    embedded: Array = encoder.run(None, {"0": np.ascontiguousarray(windows)})[0]
    return embedded


def _encoder(
    weights: Mapping[str, Array], encoder: str, strides: Sequence[int]
) -> InferenceSession:
    """Load one encoder of `SyncExpert`, (W, channels, rows) to (W, E)."""
    layers: list[tuple[str, int | None, dict[str, Any]]] = []  # operator, number in torch's module
    for number, stride in enumerate(strides):
        padding = (weights[f"{encoder}.{2 * number}.weight"].shape[2] - 1) // 2
        geometry = {"strides": [stride], "pads": [padding, padding]}
        layers += [("Conv", 2 * number, geometry), ("Gelu", None, {})]
    head = 2 * len(strides)  # number of Flatten; Dropout follows it
    layers += [
        ("Flatten", None, {}),
        ("Gemm", head + 2, {"transB": 1}),
        ("Gelu", None, {}),
        ("Gemm", head + 4, {"transB": 1}),
        ("LpNormalization", None, {"axis": 1, "p": 2}),
    ]
    nodes = []
    for place, (operator, layer, attributes) in enumerate(layers):
        stored = [] if layer is None else [f"{encoder}.{layer}.{kind}" for kind in _PARAMETERS]
        inputs, outputs = [f"{place}", *stored], [f"{place + 1}"]
        nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
    graph = helper.make_graph(
        nodes,
        encoder,
        [helper.make_tensor_value_info("0", TensorProto.FLOAT, [None, None, None])],
        [helper.make_tensor_value_info(f"{len(layers)}", TensorProto.FLOAT, [None, None])],
        [
            numpy_helper.from_array(array, name)
            for name, array in weights.items()
            if name.startswith(encoder)
        ],
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
