"""The reference frames that a person's new mouths are drawn from."""

import numpy as np
import torch
from torch import Tensor

from mytalk_core.appearance.face_crops import (
    FaceCrops,
    Pictures,
    crop_tensors,
    resized_crops,
    to_window,
    window_slices,
)
from mytalk_core.appearance.reference_choice import Timestamps
from mytalk_core.appearance.renderer import References, Renderer, joined_references, skin_colour
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_INPUT = 3  # side of the largest crop that the renderer is shown, in sides of its own window


def input_size(crop_size: int, renderer: Renderer) -> int:
    """Side of the crops in which a renderer sees faces that a film shows in crops of a size.

    The renderer averages crops down to its own window; larger ones would only take longer.
    """
    return min(crop_size, _INPUT * renderer.config.size)


class PersonReferences:
    """K reference frames of one person; each is encoded when a frame is first drawn from it.

    A frame is drawn from a few of them, so a short stretch of film needs only some. Each one is
    encoded by itself: its maps do not depend on which others have been used before.
    """

    def __init__(
        self,
        renderer: Renderer,
        crops: FaceCrops,
        timestamps: Timestamps,
        scheme: LandmarkScheme,
    ) -> None:
        """Encode nothing yet.

        Args:
            crops: K >= 1 of one size, in any order; pictures may be memory-mapped.
            timestamps: theirs, (K,).
        """
        self.timestamps = timestamps
        self.device = next(renderer.parameters()).device
        self._renderer, self._crops, self._scheme = renderer, crops, scheme
        points = np.concatenate([crops.points, crops.face_points], axis=1)
        shares = to_window(points, crops.pictures.shape[1], renderer.config.size)
        self.points = torch.from_numpy(np.ascontiguousarray(shares)).to(self.device)
        """(K, M + Q, 2) moving points and anchors, shares of the window."""
        self._encoded: dict[int, tuple[References, Tensor]] = {}

    def window(self, reference: int) -> Pictures:
        """The window of a reference at full resolution, (W, W, 3)."""
        pictures = self._crops.pictures
        rows, columns = window_slices(pictures.shape[1])
        window = pictures[reference, rows, columns]
        return window if window.dtype == np.uint8 else window.astype(np.float32)

    def encoded(self, chosen: Tensor) -> tuple[References, Tensor]:
        """Return the references of B frames, for `Renderer.draw`.

        Args:
            chosen: (B, N) of the K.

        Returns:
            The references, and the colours of their skin, (B, N, 3) RGB 0..1.
        """
        frames, count = chosen.shape
        maps, skins = zip(*(self._of(each) for each in chosen.flatten().tolist()), strict=True)
        return joined_references(maps, frames), torch.cat(skins).view(frames, count, 3)

    @torch.inference_mode()
    def _of(self, reference: int) -> tuple[References, Tensor]:
        """The maps of one reference, and the colour of its skin, (1, 3)."""
        if reference not in self._encoded:
            crop = self._crops.choose(slice(reference, reference + 1))
            seen = input_size(crop.pictures.shape[1], self._renderer)
            if seen != crop.pictures.shape[1]:
                crop = resized_crops(crop, seen)
            shown = crop_tensors(crop, self._scheme, self._renderer.config.size).to(self.device)
            maps = self._renderer.encode_references(shown.as_batch())
            skin = skin_colour(shown.contexts, shown.skins)[:, :, 0, 0]
            self._encoded[reference] = maps, skin
        return self._encoded[reference]
