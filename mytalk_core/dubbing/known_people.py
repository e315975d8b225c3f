"""The reference frames of the people who are being drawn, for the latest few tracks."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from mytalk_core.appearance.album import AlbumConfig, AlbumPage, with_others
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.reference_choice import joined_mouths, mouths_of
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.track_look import TrackLook
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_KEPT = 2  # tracks; the maps of a reference that is used take 1 MB
_ALBUM = AlbumConfig()


class KnownPeople:
    """Encodes a reference of a track once for all pieces that a process draws from it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[object, PersonReferences] = OrderedDict()

    def references(
        self,
        renderer: Renderer,
        look: TrackLook,
        others: Sequence[TrackLook],
        scheme: LandmarkScheme,
    ) -> PersonReferences:
        """The references of a track, with fitting ones of other tracks of its member."""
        key = (id(renderer), look.pictures, tuple(each.pictures for each in others))
        if key not in self._kept:
            self._kept[key] = _chosen(renderer, look, others, scheme)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _chosen(
    renderer: Renderer, look: TrackLook, others: Sequence[TrackLook], scheme: LandmarkScheme
) -> PersonReferences:
    crops, timestamps = look.crops, look.timestamps
    if others:
        pages = [AlbumPage(each.crops, each.timestamps, each.faces) for each in others]
        # Whatever mouths the other tracks show may be needed: the dub does not decide.
        shown = [mouths_of(p.crops, np.full(len(p.timestamps), np.nan), scheme) for p in pages]
        crops, timestamps = with_others(
            crops, timestamps, joined_mouths(shown), pages, scheme, _ALBUM
        )
    return PersonReferences(renderer, crops, timestamps, scheme)
