"""Who agreed to be dubbed, and who is missing."""

from collections.abc import Iterable, Iterator
from datetime import date

from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.dubbing.title_spec import ONE_STEM, Consent, TitleSpec
from mytalk_core.films.cast_map import CastEntry
from mytalk_core.films.members import Member
from mytalk_core.speech.character_names import name_key

_REMEDY = "Add a consent with member, who and reference, or set require_consent to false."


def consent_of(spec: TitleSpec, member: Member) -> Consent | None:
    """The consent of a member of the film; None where there is none."""
    entry = next((each for each in spec.cast.members if each.id == member.id), None)
    return _consent(spec, {name_key(member.id), name_key(member.name), *_keys(entry)})


def missing_consent(spec: TitleSpec, dubbed: Iterable[Member]) -> list[TitleProblem]:
    """Members of the film whose lips are to be changed without consent, where it is required."""
    if not spec.require_consent:
        return []
    return [_missing(member.name) for member in dubbed if consent_of(spec, member) is None]


def consent_problems(spec: TitleSpec, today: date) -> list[TitleProblem]:
    """What is wrong with the consents before the film is known: expired and missing ones.

    Members that the specification says to speak must have one: those of the cast, of the stems and
    of the option `member`. Others are found by `missing_consent` once the film is known.
    """
    problems = list(_expired(spec, today))
    if spec.require_consent:
        named = {name_key(name): name for name in (*spec.dub, spec.options.member) if name}
        for entry in spec.cast.members:
            keys = _keys(entry)
            for key in keys:
                named.pop(key, None)
            if entry.speaks and _consent(spec, keys) is None:
                problems.append(_missing(entry.name or entry.id))
        problems += [_missing(name) for key, name in named.items() if _consent(spec, {key}) is None]
    return problems


def stem_problems(spec: TitleSpec, characters: Iterable[str]) -> list[TitleProblem]:
    """Stems of names that neither the cast nor the script knows.

    Args:
        characters: of the script. Without any, and without a cast, every name is accepted: it may
            be that of a member of the film.
    """
    known = {name_key(name): name for name in characters if name}
    for entry in spec.cast.members:
        known |= {name_key(name): name for name in (entry.id, entry.name, *entry.characters)}
    if not known:
        return []
    listed = ", ".join(sorted(filter(None, known.values())))
    return [
        TitleProblem(
            f"dub.{name}",
            "is the stem of a name that neither the cast nor the script has",
            f"They have {listed}.",
        )
        for name in spec.dub
        if name != ONE_STEM and name_key(name) not in known
    ]


def _expired(spec: TitleSpec, today: date) -> Iterator[TitleProblem]:
    for number, consent in enumerate(spec.consent):
        if consent.until and consent.until < today:
            yield TitleProblem(
                f"consent[{number}].until",
                f"was {consent.until}: the consent of {consent.who} has expired",
                "Renew it.",
            )


def _missing(name: str) -> TitleProblem:
    return TitleProblem("consent", f"has no entry for {name}, and require_consent is set", _REMEDY)


def _consent(spec: TitleSpec, keys: set[str]) -> Consent | None:
    return next((each for each in spec.consent if name_key(each.member) in keys), None)


def _keys(entry: CastEntry | None) -> set[str]:
    if entry is None:
        return set()
    return {name_key(name) for name in (entry.id, entry.name, *entry.characters) if name}
