from pathlib import Path

from mytalk_core.dubbing.title_consent import consent_of, missing_consent, stem_problems
from mytalk_core.dubbing.title_spec import Consent, TitleSpec
from mytalk_core.films.cast_map import CastEntry, CastMap
from mytalk_core.films.members import Member

ANNA = Member("m1", "Anna", (), 1.0)
BEN = Member("m2", "m2", (), 1.0)


def _spec(require: bool = True, **dub: str) -> TitleSpec:
    return TitleSpec(
        id="pilot",
        film=Path("/film.mp4"),
        language="de",
        dub={name: Path(path) for name, path in (dub or {"": "/dub.wav"}).items()},
        output=Path("/out.mp4"),
        cast=CastMap((CastEntry("m1", characters=("DR. ÁNNA",)),)),
        consent=(Consent("dr anna", "Anna Example", "7"),),
        require_consent=require,
    )


def test_consent_is_found_by_a_character_of_the_member() -> None:
    found = consent_of(_spec(), ANNA)
    assert found is not None
    assert found.who == "Anna Example"
    assert consent_of(_spec(), BEN) is None


def test_a_dubbed_member_without_consent_is_missing_where_it_is_required() -> None:
    assert ["no entry for m2" in str(each) for each in missing_consent(_spec(), [ANNA, BEN])] == [
        True
    ]
    assert missing_consent(_spec(require=False), [ANNA, BEN]) == []


def test_stems_have_names_of_the_cast_or_of_the_script() -> None:
    spec = _spec(anna="/a.wav", Ben="/b.wav", m1="/c.wav")
    assert [each.where for each in stem_problems(spec, ())] == ["dub.anna", "dub.Ben"]
    assert [each.where for each in stem_problems(spec, ("BEN", ""))] == ["dub.anna"]
    assert stem_problems(_spec(), ("BEN",)) == []
