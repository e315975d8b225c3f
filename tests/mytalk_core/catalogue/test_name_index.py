"""Names that may stand once, compared on disk."""

from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.catalogue.name_index import NameIndex

NAMES = st.lists(st.tuples(st.sampled_from(["id", "output"]), st.text("abAB.é", max_size=3)))


@given(NAMES)
def test_the_first_place_of_every_name_is_known(names: list[tuple[str, str]]) -> None:
    places: dict[tuple[str, str], str] = {}
    with NameIndex() as index:
        for number, (kind, name) in enumerate(names):
            expected = places.setdefault((kind, name.casefold()), str(number))
            assert index.first_place(kind, name, str(number)) == expected
