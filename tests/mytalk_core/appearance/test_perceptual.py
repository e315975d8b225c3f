import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch.nn import functional as F

from mytalk_core.appearance.perceptual import (
    Lpips,
    VggFeatures,
    perceptual_lpips,
    perceptual_vgg,
)
from mytalk_core.data.model_store import pull
from mytalk_core.errors import MytalkError

WIDTHS = {
    "vgg16": (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
    "alexnet": (64, 192, 384, 256, 256),
}
SIDES = {"vgg16": (3,) * 13, "alexnet": (11, 5, 3, 3, 3)}
TAPPED = {"vgg16": (64, 128, 256, 512, 512), "alexnet": WIDTHS["alexnet"]}
PREFIX = {"vgg16": "VGG16_0", "alexnet": "AlexNet_0"}


def weights(network: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights under the names and in the layout of the packaged ones."""
    random = torch.Generator().manual_seed(seed)
    found, width = {}, 3
    for index, (out, side) in enumerate(zip(WIDTHS[network], SIDES[network], strict=True)):
        name = f"{PREFIX[network]}.Conv_{index}"
        scale = (2 / (side * side * width)) ** 0.5
        found[f"{name}.kernel"] = torch.randn(side, side, width, out, generator=random) * scale
        found[f"{name}.bias"] = torch.randn(out, generator=random) * 0.01
        width = out
    for index, width in enumerate(TAPPED[network]):
        head = torch.rand(1, 1, width, 1, generator=random)
        found[f"NetLinLayer_{index}.Conv_0.kernel"] = head
    return found


def pictures(count: int, side: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def test_vgg_stops_at_the_last_requested_layer():
    full = VggFeatures(weights("vgg16"))(pictures(2, 37))
    assert [tuple(each.shape) for each in full] == [
        (2, 64, 37, 37),
        (2, 128, 18, 18),
        (2, 256, 9, 9),
        (2, 512, 4, 4),
        (2, 512, 2, 2),
    ]
    short = VggFeatures(weights("vgg16"), taps=2)
    first = short(pictures(2, 37))
    assert len(first) == 2
    assert torch.equal(first[1], full[1])
    assert sum(buffer.numel() for buffer in short.buffers()) < 300_000


def test_vgg_is_the_network_of_the_paper():
    packaged = weights("vgg16")
    layers, width = [], 3
    for block in ((64, 64), (128, 128)):
        for out in block:
            layers += [torch.nn.Conv2d(width, out, 3, padding=1), torch.nn.ReLU()]
            width = out
        layers.append(torch.nn.MaxPool2d(2))
    plain = torch.nn.Sequential(*layers[:-1])
    for index, layer in enumerate(each for each in plain if isinstance(each, torch.nn.Conv2d)):
        name = f"VGG16_0.Conv_{index}"
        layer.weight.data = packaged[f"{name}.kernel"].permute(3, 2, 0, 1)
        layer.bias.data = packaged[f"{name}.bias"]
    seen = pictures(1, 24)
    mean, deviation = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    normed = (seen - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1)
    assert torch.allclose(VggFeatures(packaged, 2)(seen)[1], plain(normed), atol=1e-4)


def test_features_are_frozen_and_pass_gradients_to_the_picture():
    features = VggFeatures(weights("vgg16"), taps=1)
    seen = pictures(1, 16).requires_grad_()
    features(seen)[0].mean().backward()
    assert seen.grad is not None
    assert not list(features.parameters())
    assert not features.state_dict()


@pytest.mark.parametrize("network", ["alexnet", "vgg16"])
def test_distance_is_zero_for_equal_pictures_symmetric_and_per_pair(network):
    lpips = Lpips(weights(network), network)
    some, other = pictures(3, 48), pictures(3, 48, seed=1)
    distance = lpips(some, other)
    assert distance.shape == (3,)
    assert (distance > 0).all()
    assert torch.equal(lpips(some, some), torch.zeros(3))
    assert torch.allclose(lpips(other, some), distance)
    assert torch.allclose(lpips(some[1:2], other[1:2]), distance[1:2], rtol=1e-4)


def test_the_formula_is_that_of_zhang_et_al():
    packaged = weights("alexnet")
    some, other = pictures(1, 64), pictures(1, 64, seed=1)
    expected = 0.0
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    maps = [(each - mean) / deviation for each in (some, other)]
    for index, (stride, padding) in enumerate([(4, 2), (1, 2), (1, 1), (1, 1), (1, 1)]):
        kernel = packaged[f"AlexNet_0.Conv_{index}.kernel"].permute(3, 2, 0, 1)
        bias = packaged[f"AlexNet_0.Conv_{index}.bias"]
        if index in (1, 2):
            maps = [F.max_pool2d(each, 3, 2) for each in maps]
        maps = [F.relu(F.conv2d(each, kernel, bias, stride, padding)) for each in maps]
        unit = [(each / each.norm(dim=1, keepdim=True).clamp_min(1e-10)).numpy() for each in maps]
        head = packaged[f"NetLinLayer_{index}.Conv_0.kernel"].numpy().reshape(1, -1, 1, 1)
        expected += float((head * (unit[0] - unit[1]) ** 2).sum(axis=1).mean())
    assert float(Lpips(packaged, "alexnet")(some, other)) == pytest.approx(expected, rel=1e-4)


def test_the_map_is_large_where_the_pictures_differ():
    lpips = Lpips(weights("alexnet"), "alexnet")
    some = pictures(1, 128)
    other = some.clone()
    other[..., 64:, 64:] = pictures(1, 64, seed=1)
    found = lpips.spatial(some, other)
    assert found.shape == (1, 1, 128, 128)
    assert found[..., 80:, 80:].mean() > 4 * found[..., :48, :48].mean()
    assert float(found.mean()) == pytest.approx(float(lpips(some, other)), rel=0.1)


def test_a_flat_picture_has_finite_gradients():
    lpips = Lpips(
        {name: torch.zeros_like(each) for name, each in weights("alexnet").items()}, "alexnet"
    )
    seen = torch.zeros(1, 3, 48, 48, requires_grad=True)
    lpips(seen, pictures(1, 48)).sum().backward()
    assert torch.isfinite(seen.grad).all()


@pytest.fixture(scope="module", params=["alexnet", "vgg16"])
def packaged(request) -> Lpips:
    try:
        return perceptual_lpips(pull(f"perceptual-{request.param}"), request.param)
    except MytalkError as error:
        pytest.skip(f"no perceptual-{request.param} here: {error}")


def test_the_packaged_lpips_agrees_with_perception(packaged):
    picture = torch.from_numpy(astronaut()[20:180, 140:300].copy()).permute(2, 0, 1)[None] / 255

    def blurred(sigma: float) -> torch.Tensor:
        reach = torch.arange(-8, 9.0)
        kernel = torch.exp(-(reach**2) / (2 * sigma**2))
        kernel = (kernel / kernel.sum()).repeat(3, 1)
        padded = F.pad(picture, (8, 8, 8, 8), mode="replicate")
        across = F.conv2d(padded, kernel[:, None, None], groups=3)
        return F.conv2d(across, kernel[:, None, :, None], groups=3)

    def distance(other: torch.Tensor) -> float:
        return float(packaged(picture, other))

    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, picture.shape)).float()
    shifted = distance(picture.roll(1, -1))
    slight, strong = distance(blurred(1)), distance(blurred(3))
    # A shift of one pixel is hardly visible, though its squared error is that of a strong blur.
    assert 0 < shifted < slight / 2
    assert 0.05 < slight < strong < 0.8
    assert strong > 2 * slight
    assert 0.1 < distance(picture + noise) < 1.5


def test_the_packaged_features_are_vgg16():
    try:
        path = pull("perceptual-vgg16")
    except MytalkError as error:
        pytest.skip(f"no perceptual-vgg16 here: {error}")
    kernel = perceptual_vgg(path, taps=1).get_buffer("kernel_0")
    # The first row of the first filter of the published weights.
    assert kernel[0, 0, 0].tolist() == pytest.approx([-0.5537, 0.1427, 0.5290], abs=1e-4)
