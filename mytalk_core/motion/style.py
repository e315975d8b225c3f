"""How one person speaks, learnt from footage of them with its own sound, in closed form."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.motion.model import SpeechToMotion, windows


@dataclass(frozen=True)
class StyleConfig:
    """How readily a model believes that a person differs from everybody else."""

    # Ridge on the correction, in frames: about as many frames of the person as this weigh as much
    # as what the model knew before. Chosen on speakers of the training split, left out of the fit.
    caution: float = 7_000.0
    # Frames learnt from at most, evenly chosen: two minutes. The time grows with their cube.
    most_frames: int = 3000


@dataclass(frozen=True)
class StyleClip:
    """A stretch of the person speaking in their own voice, sound and lips together."""

    speech: NDArray[Any]  # (T, F) features per frame at 25 Hz
    displacement: NDArray[np.float32]  # (T, 3 M) of the moving points from their mean
    closed: NDArray[np.float32]  # (3 M,) the same when the mouth is shut


@torch.inference_mode()
def with_style(
    model: SpeechToMotion, clips: Sequence[StyleClip], config: StyleConfig | None = None
) -> SpeechToMotion:
    """A model whose linear reading of speech fits the person of `clips`; `model` stays as it is.

    All else the two share, so that a film of many people holds the network once.

    The correction is the ridge regression of what the model's estimate misses of the person's
    motion, solved in its dual form (Saunders, Gammerman, Vovk 1998): its size is that of the
    frames, not of the features. Without clips it is none.
    """
    shared = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    styled = copy.deepcopy(model, shared)
    if not clips:
        return styled
    config = config or StyleConfig()
    device = model.speech_map.device
    heard, missed = [], []
    for clip in clips:
        speech = torch.from_numpy(np.asarray(clip.speech, np.float32))[None].to(device)
        x = windows(model.standardise(speech), model.config.speech_context)[0]
        moved = model.space.encode(torch.from_numpy(clip.displacement).to(device))
        closed = model.space.encode(torch.from_numpy(clip.closed).to(device))
        moving, shut = (part[0] for part in model.reading(x[None]))
        # Of the estimate the map is answerable for the share that is not the shut mouth's.
        open_share = (1 - shut)[:, None]
        heard.append(open_share * x)
        missed.append(moved - open_share * moving - shut[:, None] * closed)
    x, y = torch.cat(heard), torch.cat(missed)
    if len(x) > config.most_frames:
        chosen = torch.linspace(0, len(x) - 1, config.most_frames, device=device).round().long()
        x, y = x[chosen], y[chosen]
    gram = (x @ x.T).double()
    gram.diagonal().add_(config.caution)
    correction = x.T @ torch.linalg.solve(gram, y.double()).float()
    styled.speech_map = model.speech_map + correction
    return styled
