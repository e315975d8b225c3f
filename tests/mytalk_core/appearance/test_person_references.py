"""References are encoded when they are needed, and their maps depend on nothing else."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.faces.landmark_scheme import MESH478


@pytest.fixture
def person(
    drawn_clip: Callable[..., AppearanceClip], tiny_renderer: Callable[..., Renderer]
) -> Callable[[], PersonReferences]:
    """Ten references, none of them encoded."""
    crops = drawn_clip(0.2 + 0.2 * np.sin(np.arange(10) / 3)).crops
    renderer = tiny_renderer()
    return lambda: PersonReferences(renderer, crops, np.arange(10.0), MESH478)


def test_only_references_that_are_used_are_encoded_and_each_once(
    person: Callable[[], PersonReferences], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    encode = Renderer.encode_references

    def counting(renderer: Renderer, references: object) -> object:
        counted.append(references)
        return encode(renderer, references)  # type: ignore[arg-type]

    monkeypatch.setattr(Renderer, "encode_references", counting)
    used = person()
    for chosen, total in (([[3, 5], [5, 3]], 2), ([[5, 7]], 3), ([[3, 7]], 3)):
        references, skins = used.encoded(torch.tensor(chosen))
        assert len(counted) == total
        assert references.points.shape[:2] == skins.shape[:2] == (len(chosen), 2)


def test_maps_do_not_depend_on_what_was_used_before(
    person: Callable[[], PersonReferences],
) -> None:
    chosen = torch.tensor([[8, 2], [0, 8]])
    fresh, used = person(), person()
    used.encoded(torch.tensor([[1, 2, 8, 4, 9, 0]]))
    (maps, skins), (others, same) = fresh.encoded(chosen), used.encoded(chosen)
    assert torch.equal(skins, same)
    for one, other in zip(
        [maps.pictures, maps.halves, maps.points, *maps.features],
        [others.pictures, others.halves, others.points, *others.features],
        strict=True,
    ):
        assert torch.equal(one, other)
    assert torch.equal(maps.points[0, 0], maps.points[1, 1])
    assert not torch.equal(maps.points[0, 0], maps.points[0, 1])
