"""A decision about a speaker from the log odds of all possible ones, with its reasons in words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.films.speaking import Evidence, SpeakerDecision, SpeakerScore, Speaking

Floats = NDArray[np.float64]

LARGEST_CONFIDENCE = 0.97
"""Confidence of a decision that all evidence supports: models are wrong now and then."""

_WORTH_NAMING = 0.3  # log odds; weaker evidence is not in the report


@dataclass(frozen=True)
class ChoiceConfig:
    """When a speaker is decided."""

    # Probability, 0..1, below which no speaker is chosen.
    least: float = 0.6


@dataclass(frozen=True)
class Candidate:
    """A possible speaker."""

    member: str | None  # id; None: a voice of no member
    speaking: Speaking  # on or off screen


@dataclass(frozen=True)
class Terms:
    """All evidence about one stretch, of H candidates."""

    candidates: tuple[Candidate, ...]
    shares: Floats  # (H,) probabilities
    parts: Mapping[str, Floats]  # kind of `Evidence` -> (H,) log odds
    sync: Mapping[str, float]  # member id -> standard deviations above other sounds, if visible


def decide(
    terms: Terms, names: Mapping[str, str], config: ChoiceConfig | None = None
) -> SpeakerDecision:
    """Choose the speaker of a stretch; none where the evidence is too weak.

    Args:
        names: of members, by id.
    """
    chosen = config or ChoiceConfig()
    best = int(terms.shares.argmax())
    share, candidate = float(terms.shares[best]), terms.candidates[best]
    off = np.array([each.speaking is Speaking.OFF_SCREEN for each in terms.candidates])
    if share >= chosen.least:
        return SpeakerDecision(
            candidate.speaking,
            candidate.member,
            min(share, LARGEST_CONFIDENCE),
            _reason(candidate, terms, names),
            _evidence(best, terms),
        )
    share_off = float(terms.shares[off].sum())
    if share_off >= chosen.least:
        return SpeakerDecision(
            Speaking.OFF_SCREEN,
            None,
            min(share_off, LARGEST_CONFIDENCE),
            f"No visible face is in step with the sound ({_faces(terms, names)}).",
            _evidence(best, terms),
        )
    return SpeakerDecision(
        Speaking.UNDECIDED, None, share, undecided_reason(speaker_scores(terms), names)
    )


def speaker_scores(terms: Terms) -> tuple[SpeakerScore, ...]:
    """Return the probabilities of all candidates."""
    return tuple(
        SpeakerScore(each.member, each.speaking, float(share))
        for each, share in zip(terms.candidates, terms.shares, strict=True)
        if share > 0
    )


def speaker_name(member: str | None, names: Mapping[str, str]) -> str:
    """Return what a report calls a speaker."""
    return "a voice of no member" if member is None else names.get(member, member)


def undecided_reason(scores: tuple[SpeakerScore, ...], names: Mapping[str, str]) -> str:
    """Return the sentence that names the two most probable speakers."""
    leading = sorted(scores, key=lambda each: -each.probability)[:2]
    listed = " and ".join(
        f"{speaker_name(each.member, names)} {_place(each.speaking)} {each.probability:.0%}"
        for each in leading
    )
    return f"The evidence is too weak: {listed}." if listed else "There is no evidence."


def _place(speaking: Speaking) -> str:
    return "on screen" if speaking is Speaking.ON_SCREEN else "off screen"


def _reason(candidate: Candidate, terms: Terms, names: Mapping[str, str]) -> str:
    name = speaker_name(candidate.member, names)
    faces = _faces(terms, names)
    voice = terms.parts["voice"]
    index = terms.candidates.index(candidate)
    if candidate.speaking is Speaking.ON_SCREEN and candidate.member is not None:
        score = terms.sync[candidate.member]
        others = {id: each for id, each in terms.sync.items() if id != candidate.member}
        best = f", the next face {max(others.values()):.1f}" if others else ""
        return (
            f"The lips of {name} are in step with the sound, {score:.1f} standard deviations above"
            f" other sounds{best}."
        )
    if candidate.member is not None:
        return (
            f"The voice is that of {name} (log odds {voice[index]:+.1f}), whose lips do not speak"
            f" here ({faces})."
        )
    return f"No visible face is in step with the sound ({faces}), and the voice is of no member."


def _faces(terms: Terms, names: Mapping[str, str]) -> str:
    if not terms.sync:
        return "no face is visible"
    listed = ", ".join(
        f"{speaker_name(id, names)} {score:+.1f}"
        for id, score in sorted(terms.sync.items(), key=lambda pair: -pair[1])[:3]
    )
    return f"standard deviations above other sounds: {listed}"


def _evidence(best: int, terms: Terms) -> tuple[Evidence, ...]:
    """Return each signal's log odds for the chosen candidate against the next one."""
    others = np.where(np.arange(len(terms.shares)) == best, -1.0, terms.shares)
    rival = int(others.argmax())
    if others[rival] <= 0:
        return ()
    against = terms.candidates[rival]
    place = _place(against.speaking)
    versus = f"against {against.member or 'a voice of no member'} {place}"
    texts = {
        "sync": f"lips and sound, {versus}",
        "voice": f"the voice, {versus}",
        "turn": f"the stretches before and after, {versus}",
        "only member": "it is the only member of the film",
    }
    odds = {kind: float(part[best] - part[rival]) for kind, part in terms.parts.items()}
    return tuple(
        Evidence(kind, odds[kind], text)
        for kind, text in texts.items()
        if abs(odds.get(kind, 0.0)) >= _WORTH_NAMING
    )
