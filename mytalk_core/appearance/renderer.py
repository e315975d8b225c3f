"""The renderer: landmark, lip and non-lip encoders, FusionNet, decoder (stage 2 of the paper).

Its output copies warped references and adds a residual. Its input colours are relative to the skin
around the mask. Both keep the person's own detail and complexion. The network predicts the position
to copy from in each reference (flow), the weight of each reference (share), and the residual, which
can be applied at any resolution, see `redraw`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mytalk_core.appearance.conditioning import landmark_distance, landmark_flow
from mytalk_core.appearance.face_crops import WINDOW_CORNER, CropTensors
from mytalk_core.appearance.layers import (
    ConvBlock,
    Enlarging,
    FusionNet,
    PyramidEncoder,
    ResidualBlock,
    one_after_another,
    resized,
    sampled,
    silent_conv,
    silu,
    warp,
)
from mytalk_core.appearance.reference_choice import avoiding
from mytalk_core.appearance.row_sampling import goes_by_rows, row_sums

_DRAWN = 9  # channels of drawn landmarks: three contours in three frames


@dataclass(frozen=True)
class RendererConfig:
    """Size of the renderer."""

    # Width and height of the window of the lower face, pixels; a multiple of 32, and of 2 for each
    # scale.
    size: int = 128
    # Channels at 1/2, 1/4, 1/8 .. of the window, at least three: the first a multiple of
    # 8, the others of 16.
    widths: tuple[int, ...] = (24, 48, 96, 128)
    # Reach of one landmark in the landmark flow, in shares of the window.
    flow_reach: float = 0.04
    # Factor on the reference logits outside of training. With a larger one each position is copied
    # from a single reference, since averages of several blur.
    decisiveness: float = 12.0
    # References that a frame is drawn from: those with the nearest landmarks. More of them blur,
    # and take longer.
    looked_at: int = 2


@dataclass(frozen=True)
class References:
    """The encoded reference set of a person, computed once and used for every frame."""

    pictures: Tensor  # (B, K, 3, S, S) windows, colours relative to the reference's skin
    halves: Tensor  # (B * K, 3, S / 2, S / 2) the same at half resolution
    points: Tensor  # (B, K, M + Q, 2) moving points and anchors, shares of the window
    features: list[Tensor]  # finest first, (B * K, width, ., .)

    def repeat(self, count: int) -> "References":
        """Repeat the references of each of B people for `count` consecutive frames."""
        return References(
            self.pictures.repeat_interleave(count, dim=0),
            self._repeated(self.halves, count),
            self.points.repeat_interleave(count, dim=0),
            [self._repeated(part, count) for part in self.features],
        )

    def _repeated(self, part: Tensor, count: int) -> Tensor:
        each: Tensor = part.unflatten(0, self.pictures.shape[:2])
        return each.repeat_interleave(count, dim=0).flatten(0, 1)


def joined_references(parts: Sequence[References], frames: int) -> References:
    """Join the references of some frames, of one each: first all of the first frame.

    Returns:
        References of `frames` frames, (B, N, ..).
    """
    return References(
        torch.cat([each.pictures for each in parts]).flatten(0, 1).unflatten(0, (frames, -1)),
        torch.cat([each.halves for each in parts]),
        torch.cat([each.points for each in parts]).flatten(0, 1).unflatten(0, (frames, -1)),
        [torch.cat(scale) for scale in zip(*(each.features for each in parts), strict=True)],
    )


@dataclass(frozen=True)
class Drawing:
    """The network's output for B frames and K references; h = S / 2."""

    flow: Tensor  # (B, K, 2, h, h) offsets into each reference, shares of the window
    share: Tensor  # (B, K, 1, h, h) weights of the references, summing to 1 over K
    residual: Tensor  # (B, 3, S, S) to add, in units of 0..1 RGB
    colour: Tensor  # (B, 3, 1, 1) of the frame's own skin


@dataclass(frozen=True)
class Rendering:
    """Frames drawn at the renderer's own size; windows, 0..1 RGB."""

    picture: Tensor  # (B, 3, S, S) with a new lower face
    warped: Tensor  # (B, 3, S, S) before the residual; for the loss


def skin_colour(picture: Tensor, skin: Tensor) -> Tensor:
    """Return the mean colour (B, 3, 1, 1) of `picture` (B, 3, S, S) where `skin` is 1."""
    total: Tensor = (picture * skin).sum(dim=(2, 3), keepdim=True)
    return total / skin.sum(dim=(2, 3), keepdim=True).clamp(min=1)


class ReferenceMatch(nn.Module):
    """Predicts flow and share of each reference: attention per position.

    Every reference is compared with the frame separately and one softmax combines their logits, so
    that their number and order are free.
    """

    def __init__(self, widths: tuple[int, ...], flow_reach: float, decisiveness: float) -> None:
        super().__init__()
        half, quarter = widths[0], widths[1]
        self._reach = flow_reach
        self._decisiveness = decisiveness
        self.frame_coarse = nn.Conv2d(2 * quarter, quarter // 2, 3, 1, 1)
        self.reference_coarse = nn.Conv2d(quarter, quarter // 2, 3, 1, 1)
        self.coarse = nn.Sequential(
            ConvBlock(quarter // 2, quarter // 2), silent_conv(quarter // 2, 3)
        )
        self.frame_fine = nn.Conv2d(2 * half, half // 2, 3, 1, 1)
        self.reference_fine = nn.Conv2d(half, half // 2, 3, 1, 1)
        self.fine = silent_conv(half // 2, 3)

    def forward(
        self, landmarks: list[Tensor], surroundings: list[Tensor], points: Tensor, known: References
    ) -> tuple[Tensor, Tensor]:
        """Flow (B, K, 2, h, h) and share (B, K, 1, h, h) at half the window's size.

        Args:
            landmarks, surroundings: features of B frames, finest first.
            points: (B, M + Q, 2) target moving points and anchors.
            known: references of P people, each for B / P consecutive frames.
        """
        people, count = known.points.shape[:2]
        # References are broadcast over the frames of their person, (P, K, B / P, ..), not copied.
        each = (people, count, len(points) // people)

        def beside(x: Tensor) -> Tensor:
            by_person: Tensor = x.unflatten(0, (people, -1))
            return by_person[:, None]

        guess = landmark_flow(
            beside(points), known.points[:, :, None], known.features[1].shape[-1], self._reach
        ).flatten(0, 2)
        frame = self.frame_coarse(torch.cat([landmarks[1], surroundings[1]], dim=1))
        seen = self.reference_coarse(warp(known.features[1], guess))
        found = self.coarse(silu(seen.unflatten(0, each) + beside(frame)).flatten(0, 2))
        coarse = F.interpolate(
            torch.cat([guess + found[:, :2] / 8, found[:, 2:]], dim=1),
            scale_factor=2.0,
            mode="bilinear",
            align_corners=False,
        )
        frame = self.frame_fine(torch.cat([landmarks[0], surroundings[0]], dim=1))
        seen = self.reference_fine(warp(known.features[0], coarse[:, :2]))
        fine = self.fine(silu(seen.unflatten(0, each) + beside(frame)).flatten(0, 2))
        flow = (coarse[:, :2] + fine[:, :2] / 16).unflatten(0, each)
        logits = (coarse[:, 2:] + fine[:, 2:]).unflatten(0, each)
        return (
            flow.transpose(1, 2).flatten(0, 1),
            self.shares(logits).transpose(1, 2).flatten(0, 1),
        )

    def shares(self, logits: Tensor) -> Tensor:
        """Return the share of each reference (P, K, ..), sharpened outside of training."""
        return (logits if self.training else self._decisiveness * logits).softmax(dim=1)


class Renderer(nn.Module):
    """Redraws the masked lower face so that its lips match the target landmarks."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.landmark_encoder = PyramidEncoder(_DRAWN, widths)
        self.lip_encoder = PyramidEncoder(6, widths)
        self.surroundings_encoder = PyramidEncoder(4, widths)
        # The whole face at half resolution, down to an eighth of the window's.
        self.context_encoder = nn.Sequential(
            ConvBlock(5, widths[0], stride=2), ConvBlock(widths[0], widths[2], stride=2)
        )
        self.match = ReferenceMatch(widths, config.flow_reach, config.decisiveness)
        self.fusion = nn.ModuleList(FusionNet(width) for width in widths)
        above = widths[-1]
        self.bottom = nn.Sequential(ConvBlock(2 * above, above), ResidualBlock(above))
        self.up = nn.ModuleList()
        for width in reversed(widths[:-1]):
            self.up.append(Enlarging(above, 2 * width, width))
            above = width
        # Residual colour at full size by pixel shuffle.
        self.head = silent_conv(widths[0] + 6, 3 * 4)

    def encode_references(self, references: CropTensors) -> References:
        """Encode the reference set, tensors (B, K, ..).

        Features are computed from the masked region only; any part of the windows can be copied.
        """
        batch, count = references.pictures.shape[:2]
        flat = CropTensors(*(part.flatten(0, 1) for part in references.parts()))
        relative = flat.pictures - skin_colour(flat.contexts, flat.skins)
        now = flat.drawings[:, : _DRAWN // 3]
        features = self.lip_encoder(torch.cat([relative * flat.masks, now], dim=1))
        return References(
            relative.unflatten(0, (batch, count)),
            F.avg_pool2d(relative, 2),
            torch.cat([references.points, references.anchors], dim=2),
            features,
        )

    def most_alike(self, frames: CropTensors, known: Tensor, near: Tensor | None = None) -> Tensor:
        """Select the references with the nearest landmarks for each of B frames, (B, N) of the K.

        The selection does not depend on the frame's own mouth.

        Args:
            known: (K, M + Q, 2) moving points and anchors of the references, shares of the window.
            near: (B, K), True for references close in time to the frame, which are avoided.
        """
        lips, jaw = frames.lips.shape[1], frames.jaw.shape[1]
        distances = landmark_distance(
            frames.lips, frames.anchors, known[:, :lips], known[:, lips + jaw :]
        )
        if near is not None:
            distances = avoiding(distances, near)
        return distances.topk(min(self.config.looked_at, len(known)), largest=False).indices

    def draw(self, frames: CropTensors, references: References) -> Drawing:
        """Predict the drawing of frames; masked pixels are not used.

        Args:
            frames: tensors (B, ..), the same number of each person, one person after the other.
            references: of these people, in the same order.
        """
        colour = skin_colour(frames.contexts, frames.skins)
        visible = (frames.pictures - colour) * (1 - frames.masks)
        landmarks = self.landmark_encoder(frames.drawings)
        surroundings = self.surroundings_encoder(torch.cat([visible, frames.masks], dim=1))
        surroundings[2] = surroundings[2] + self._context(frames, colour, surroundings[2].shape[-1])

        points = torch.cat([frames.points, frames.anchors], dim=1)
        flow, share = self.match(landmarks, surroundings, points, references)
        fused = []
        for scale, fusion in enumerate(self.fusion):
            lips = gathered(references.features[scale], flow, share)
            fused.append(fusion(lips, surroundings[scale]))
        x = self.bottom(torch.cat([fused[-1], landmarks[-1]], dim=1))
        for scale, stage in zip(range(len(fused) - 2, -1, -1), self.up, strict=True):
            x = stage(x, torch.cat([fused[scale], landmarks[scale]], dim=1))
        small = torch.cat(
            [gathered(references.halves, flow, share), F.avg_pool2d(visible, 2)], dim=1
        )
        residual = F.pixel_shuffle(self.head(torch.cat([x, small], dim=1)), 2)
        return Drawing(flow, share, residual, colour)

    def forward(self, frames: CropTensors, references: References) -> Rendering:
        """Render frames at the renderer's own size; arguments as for `draw`."""
        drawing = self.draw(frames, references)
        size, mask = self.config.size, frames.masks
        copied = gathered(
            references.pictures.flatten(0, 1),
            upsampled(drawing.flow, size),
            upsampled(drawing.share, size),
        )
        kept = frames.pictures * (1 - mask)
        return Rendering(
            picture=kept + (copied + drawing.residual + drawing.colour) * mask,
            warped=kept + (copied + drawing.colour) * mask,
        )

    def _context(self, frames: CropTensors, colour: Tensor, side: int) -> Tensor:
        """Encode the whole face and cut the window out of its features, (B, width, side, side)."""
        relative = (frames.contexts - colour) * (1 - frames.context_masks)
        seen = torch.cat([relative, frames.context_masks, frames.skins], dim=1)
        features: Tensor = self.context_encoder(seen)
        left, top = (round(corner * features.shape[-1]) for corner in WINDOW_CORNER)
        return features[..., top : top + side, left : left + side]


def upsampled(x: Tensor, side: int) -> Tensor:
    """Upsample (B, K, C, h, h) to (B, K, C, side, side), bilinear."""
    larger: Tensor = resized(x.flatten(0, 1), side).unflatten(0, x.shape[:2])
    return larger


def gathered(pictures: Tensor, flow: Tensor, share: Tensor) -> Tensor:
    """Warp pictures or features (P * K, C, h, h) of all references and sum them by share.

    Args:
        flow: (B, K, 2, ., .); share: (B, K, 1, ., .), of any size; B / P frames of each person.

    Returns:
        (B, C, h, h).
    """
    count, side = flow.shape[1], pictures.shape[-1]
    people = len(pictures) // count
    if goes_by_rows(pictures):
        return _gathered_by_rows(pictures, flow, share)

    def by_reference(x: Tensor) -> Tensor:
        fitted: Tensor = resized(x.flatten(0, 1), side).unflatten(0, (people, -1, count))
        return fitted.transpose(1, 2)

    moved = sampled(pictures, by_reference(flow).flatten(0, 2)).unflatten(0, (people, count))
    shares = by_reference(share).transpose(2, 3)
    # A running sum avoids a product as large as all references.
    total = moved[:, 0] * shares[:, 0]
    for one in range(1, count):
        total = torch.addcmul(total, moved[:, one], shares[:, one])
    return one_after_another(total)


def _gathered_by_rows(pictures: Tensor, flow: Tensor, share: Tensor) -> Tensor:
    """Compute `gathered` with `row_sums`."""
    (batch, count), side = flow.shape[:2], pictures.shape[-1]

    def by_position(x: Tensor) -> Tensor:  # (B, side, side, K, .)
        fitted: Tensor = resized(x.flatten(0, 1), side).unflatten(0, (batch, count))
        return fitted.permute(0, 3, 4, 1, 2)

    people = torch.arange(batch) // (batch * count // len(pictures))
    chosen = people[:, None] * count + torch.arange(count)
    return row_sums(pictures, chosen[:, None, None], by_position(flow), by_position(share)[..., 0])


SIZES = {
    # For tests: trains in seconds on one core.
    "tiny": RendererConfig(size=64, widths=(8, 16, 16, 16)),
    # For two CPU cores and minutes of footage.
    "cpu": RendererConfig(),
    # For GPUs and hundreds of hours.
    "gpu": RendererConfig(size=256, widths=(48, 96, 192, 256, 256)),
    # Close-ups.
    "gpu512": RendererConfig(size=512, widths=(32, 64, 128, 256, 256, 256)),
}
