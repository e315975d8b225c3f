"""Probabilities of the speakers of one line: from the film's own sound, names and marks."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from mytalk_core.films.script_names import NameMatch
from mytalk_core.films.speaking import (
    Evidence,
    FilmSpeakers,
    SpeakerScore,
    Speaking,
    SpokenStretch,
)
from mytalk_core.speech.lines import DubLine, Presence
from mytalk_core.speech.transcript import Interval

_LEAST = 1e-4  # probability below which nothing is excluded


@dataclass(frozen=True)
class LineScoreConfig:
    """How much statements and positions count for a line."""

    # Seconds to the nearest stretch of a line during which nothing is said in the original.
    nearest: Fraction = Fraction(1)
    # Share of the probabilities of that stretch that is kept; the rest says nothing.
    kept: float = 0.75
    # Log odds of a mark in the script: (OFF), V.O., (ON).
    mark: float = 2.5
    # Log odds of a statement of people, as the report shows them.
    stated: float = 6.0
    # Probability that the only member speaks where nothing is said in the original, if visible.
    only_member: float = 0.75
    # Probability, 0..1, of other evidence that outweighs a weak prior or a visible face.
    clear: float = 0.8
    # Weight, 0..1, of the match of names and members.
    names: float = 0.8


@dataclass(frozen=True)
class Beliefs:
    """Probabilities of the speakers of a line."""

    scores: tuple[SpeakerScore, ...]  # they add up to 1; empty where nothing is known
    why: str
    evidence: tuple[Evidence, ...] = ()

    def probability(self, member: str | None, speaking: Speaking) -> float:
        """Return the probability of one speaker."""
        return sum(
            each.probability
            for each in self.scores
            if each.member == member and each.speaking is speaking
        )

    def by_member(self) -> dict[str | None, float]:
        """Return the probability of each member, on or off screen."""
        found: dict[str | None, float] = {}
        for each in self.scores:
            found[each.member] = found.get(each.member, 0.0) + each.probability
        return found


def measured(line: DubLine, speakers: FilmSpeakers, config: LineScoreConfig) -> Beliefs:
    """Return who speaks in the original where a line is: stretches weighted by their overlap."""
    near = _near(line.slot, speakers.stretches)
    parts = [(_overlap(each.interval, line.slot), each) for each in near]
    within = [(float(overlap), each) for overlap, each in parts if overlap > 0]
    if within:
        main = max(within, key=lambda pair: pair[0])[1]
        return Beliefs(_average(within), main.decision.why, main.decision.evidence)
    overlap, nearest = max(parts, key=lambda pair: pair[0], default=(Fraction(0), None))
    if nearest is None or -overlap > config.nearest:
        what = "Nothing is said in the original here." if speakers.sound else "The film is silent."
        return Beliefs((), what)
    rest = (1 - config.kept) / (len(nearest.scores) or 1)
    scores = tuple(
        replace(each, probability=config.kept * each.probability + rest) for each in nearest.scores
    )
    distance = -float(overlap)
    why = f"Nothing is said in the original here; {distance:.1f} s away: {nearest.decision.why}"
    return Beliefs(scores, why, nearest.decision.evidence)


def only_member(belief: Beliefs, member: str, seen: float, config: LineScoreConfig) -> Beliefs:
    """Return the belief about a line of a film with one member.

    Where nothing is said in the original, that member speaks if visible.
    """
    if belief.scores:
        return belief
    on = config.only_member if seen > 0 else 0.0
    off = config.only_member - on
    rest = 1 - config.only_member
    scores = (
        SpeakerScore(member, Speaking.ON_SCREEN, on),
        SpeakerScore(member, Speaking.OFF_SCREEN, off),
        SpeakerScore(None, Speaking.OFF_SCREEN, rest),
    )
    text = "it is the only member of the film"
    why = f"{belief.why} {member} is the only member of the film, visible for {seen:.0%} of it."
    odds = float(np.log(config.only_member / rest))
    return Beliefs(scores, why, (Evidence("only member", odds, text),))


def with_names(
    belief: Beliefs, line: DubLine, names: NameMatch, config: LineScoreConfig
) -> Beliefs:
    """Return the belief with the script's name of a line as further evidence."""
    odds = names.log_odds(line.character, belief.scores) if line.character in names.counts else {}
    if not odds:
        return belief
    if not belief.scores:
        return _from_name(belief, line.character, odds, config)
    by_member = {member: config.names * value for member, value in odds.items()}
    scores = _updated(belief.scores, [by_member.get(each.member, 0.0) for each in belief.scores])
    return _explained(belief, scores, by_member, "script", f"the script names {line.character}")


def _from_name(
    belief: Beliefs, name: str, odds: Mapping[str | None, float], config: LineScoreConfig
) -> Beliefs:
    """Return the belief about a line of which the name alone is known, as visible if seen."""
    weights = {member: float(np.exp(value)) for member, value in odds.items()}
    total = sum(weights.values())
    scores = tuple(
        SpeakerScore(
            member,
            Speaking.OFF_SCREEN if member is None else Speaking.ON_SCREEN,
            config.kept * weight / total,
        )
        for member, weight in weights.items()
    )
    text = f"the script names {name}, who speaks other lines"
    why = f"{belief.why} {text[0].upper()}{text[1:]}."
    return Beliefs(scores, why, (Evidence("script", max(odds.values()), text),))


def with_marks(belief: Beliefs, line: DubLine, config: LineScoreConfig) -> Beliefs:
    """Return the belief with the script's mark of a line, on or off screen."""
    if line.presence is Presence.UNKNOWN or not belief.scores:
        return belief
    wanted = Speaking.OFF_SCREEN if line.presence is Presence.OFF_SCREEN else Speaking.ON_SCREEN
    odds = [config.mark if each.speaking is wanted else 0.0 for each in belief.scores]
    scores = _updated(belief.scores, odds)
    place = "off" if wanted is Speaking.OFF_SCREEN else "on"
    text = f"the script marks it as {place} screen"
    agrees = max(scores, key=lambda each: each.probability).speaking is wanted
    mark = Evidence("script", config.mark if agrees else -config.mark, text)
    return Beliefs(scores, f"{belief.why} {text[0].upper()}{text[1:]}.", (*belief.evidence, mark))


def _explained(
    belief: Beliefs,
    scores: tuple[SpeakerScore, ...],
    odds: Mapping[str | None, float],
    kind: str,
    text: str,
) -> Beliefs:
    best, rival = ([*sorted(scores, key=lambda each: -each.probability), None, None])[:2]
    if best is None:
        return belief
    against = odds.get(rival.member, 0.0) if rival else 0.0
    gain = odds.get(best.member, 0.0) - against
    share = f"log odds {gain:+.1f}"
    why = f"{belief.why} {text[0].upper()}{text[1:]} ({share})."
    return Beliefs(scores, why, (*belief.evidence, Evidence(kind, gain, text)))


def _average(parts: Sequence[tuple[float, SpokenStretch]]) -> tuple[SpeakerScore, ...]:
    total = sum(weight for weight, _ in parts)
    found: dict[tuple[str | None, Speaking], float] = {}
    for weight, stretch in parts:
        for each in stretch.scores:
            key = each.member, each.speaking
            found[key] = found.get(key, 0.0) + weight / total * each.probability
    return tuple(SpeakerScore(*key, probability) for key, probability in found.items())


def _updated(scores: Sequence[SpeakerScore], log_odds: Sequence[float]) -> tuple[SpeakerScore, ...]:
    weights = [
        (each.probability + _LEAST) * np.exp(odds)
        for each, odds in zip(scores, log_odds, strict=True)
    ]
    total = sum(weights)
    return tuple(
        replace(each, probability=float(weight / total))
        for each, weight in zip(scores, weights, strict=True)
    )


def _near(slot: Interval, stretches: Sequence[SpokenStretch]) -> Sequence[SpokenStretch]:
    """Return the stretches within a slot, the one before and the one after it."""
    first = bisect_right(stretches, slot.start, key=lambda each: each.interval.start) - 2
    end = bisect_left(stretches, slot.end, key=lambda each: each.interval.start) + 1
    return stretches[max(first, 0) : end]


def _overlap(one: Interval, other: Interval) -> Fraction:
    """Return the seconds that two intervals share; negative: the seconds between them."""
    return min(one.end, other.end) - max(one.start, other.start)
