"""Draw the frames of a staged film."""

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.films.layout import Canvas, Panel, Portrait, still_panel
from tests.films.staging import StagedActor, StagedFilm, StagedShot
from tests.films.takes import take_pictures
from tests.films.truth import Box, ShotTruth

Picture = NDArray[np.uint8]

# Colours of rooms and light on people by scene, RGB.
_ROOMS = (
    ((96, 82, 70), (1.0, 1.0, 1.0)),
    ((58, 84, 72), (0.9, 0.92, 0.95)),
    ((120, 112, 104), (1.04, 1.0, 0.92)),
    ((48, 50, 78), (0.88, 0.9, 1.0)),
    ((150, 140, 120), (1.05, 1.03, 1.0)),
    ((84, 50, 48), (1.0, 0.94, 0.88)),
)
_SLATES = ((178, 42, 40), (36, 98, 170), (202, 168, 48))
_SWAY = 6.0  # pixels by which a board moves


def film_pictures(
    film: StagedFilm, canvas: Canvas, portraits: Mapping[str, Portrait]
) -> Iterator[Picture]:
    """Yield all frames, (height, width, 3) RGB; always the same."""
    for shot in film.shots:
        yield from _shot_pictures(shot, canvas, portraits)


def _shot_pictures(
    shot: StagedShot, canvas: Canvas, portraits: Mapping[str, Portrait]
) -> Iterator[Picture]:
    truth = shot.truth
    if not shot.actors:
        slate = _slate(truth, canvas)
        for _ in range(truth.first, truth.end):
            yield slate
        return
    room, light = _ROOMS[truth.scene % len(_ROOMS)]
    background = _room(room, truth, canvas)
    for still, take in shot.stills:
        picture = take_pictures(take)[take.frames // 2]
        drawn = still_panel(portraits[still.person], still.box).drawn(picture)
        _put(background, _framed(drawn), still.box)
    films = [take_pictures(actor.take) for actor in shot.actors]
    table = [np.clip(np.arange(256) * gain, 0, 255).round().astype(np.uint8) for gain in light]
    levels = np.stack(table, axis=-1)[None]
    for at in range(truth.end - truth.first):
        frame = background.copy()
        for actor, pictures in zip(shot.actors, films, strict=True):
            picture = cv2.LUT(pictures[_frame_of(actor, at)], levels)
            _put(frame, actor.panel.drawn(np.asarray(picture, np.uint8)), actor.panel.box)
            if actor.panel.board:
                _cover(frame, actor.panel, at)
        yield frame


def _frame_of(actor: StagedActor, at: int) -> int:
    """The frame of the take at a frame of the shot; outside of its sentence it goes back and forth.

    Only frames without speech are shown twice, so the picture never jumps.
    """
    take = actor.take
    if actor.start is None:
        last = take.frames - 1
        return last - _back_and_forth(at, take.quiet_after)
    within = at - actor.start
    if within < 0:
        return _back_and_forth(-within, take.quiet_before)
    if within >= take.frames:
        return take.frames - 1 - _back_and_forth(within - take.frames + 1, take.quiet_after)
    return within


def _back_and_forth(steps: int, frames: int) -> int:
    turn = steps % (2 * frames - 2)
    return turn if turn < frames else 2 * frames - 2 - turn


def _put(frame: Picture, part: Picture, box: Box) -> None:
    frame[box.y : box.y + box.height, box.x : box.x + box.width] = part


def _cover(frame: Picture, panel: Panel, at: int) -> None:
    """Draw a wooden board over the mouth."""
    board = panel.board
    assert board is not None  # the caller checked it
    x = board.x + round(_SWAY * np.sin(at / 9))
    y = board.y + round(_SWAY / 2 * np.sin(at / 14))
    x = int(np.clip(x, panel.box.x, panel.box.x + panel.box.width - board.width))
    end = min(y + board.height, panel.box.y + panel.box.height)
    grain = 12 * np.sin(np.arange(board.height)[:, None] / 3 + np.arange(board.width) / 40)
    wood = np.array([128, 92, 60]) + grain[..., None]
    frame[y:end, x : x + board.width] = wood[: end - y].astype(np.uint8)


def _framed(picture: Picture) -> Picture:
    framed = picture.copy()
    height, width = framed.shape[:2]
    cv2.rectangle(framed, (0, 0), (width - 1, height - 1), (40, 30, 20), 6)
    return framed


def _room(colour: tuple[int, int, int], shot: ShotTruth, canvas: Canvas) -> Picture:
    random = np.random.default_rng([1, shot.scene])
    shade = np.linspace(0.7, 1.15, canvas.height)[:, None, None]
    texture = cv2.GaussianBlur(random.standard_normal((canvas.height, canvas.width)), (0, 0), 2)
    room = np.array(colour) * shade + 25 * texture[..., None]
    return np.clip(room, 0, 255).astype(np.uint8)


def _slate(shot: ShotTruth, canvas: Canvas) -> Picture:
    """A card with a pattern like lines of text."""
    random = np.random.default_rng([2, shot.number])
    card = np.full((canvas.height, canvas.width, 3), _SLATES[shot.scene % len(_SLATES)], np.uint8)
    step = canvas.height // 12
    for row in range(3, 9):
        x = canvas.width // 6
        while x < canvas.width * 5 // 6:
            length = int(random.integers(step, 4 * step))
            top = row * step
            card[top : top + step // 2, x : x + length] = 235
            x += length + step // 2
    return card
