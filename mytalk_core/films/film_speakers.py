"""Who speaks in a film: sync of faces, voices, turns and priors summed as log odds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mytalk_core.films.film_faces import FilmFaces
from mytalk_core.films.members import Cast
from mytalk_core.films.speaker_decision import (
    Candidate,
    ChoiceConfig,
    Terms,
    decide,
    speaker_scores,
)
from mytalk_core.films.speaker_evidence import FaceEvidence, SpeakerEvidence, StretchEvidence
from mytalk_core.films.speaking import FilmSpeakers, Speaking, SpokenStretch
from mytalk_core.films.turns import TurnConfig, bonus, smoothed
from mytalk_core.films.voice_affinity import VoiceConfig, Voices, match_voices

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SyncOddsConfig:
    """Log odds that a face speaks, from its sync.

    The first three are a logistic regression on 2,600 pairs of lips and sounds, 6 to 46 windows
    long, of three speakers of GRID and four of natural speech, half of them own sounds and half
    other people's. On six other people its mean log loss is 0.34, as low as on those.
    """

    constant: float = -0.42
    # For each standard deviation above other sounds.
    score: float = 1.55
    # For the root of the number of windows: the longer a face in step, the higher its score.
    root_windows: float = -0.32
    # Largest log odds either way.
    limit: float = 6.0
    # Music under a voice lowers the score of the face that speaks, so that a low score says less.
    # dB of clarity from which it says everything, and at which it says the least share, 0..1.
    clear: float = 18.0
    unclear: float = 6.0
    least_share: float = 0.4
    # Standard deviation of the mouth opening, inter-ocular units, below which a mouth is still.
    still: float = 0.008
    # Log odds of a still mouth, at most.
    still_odds: float = -3.0


@dataclass(frozen=True)
class PriorConfig:
    """Log odds before any evidence, of hypotheses other than a visible face."""

    # A voice of no member, off screen.
    stranger: float = -1.0
    # A member that is not in the picture.
    absent: float = -1.0
    # A member that is in the picture, while the lips do not speak: a voice over the picture.
    voice_over: float = -3.0
    # A visible face, where the film has one member only.
    only_member: float = 1.5


@dataclass(frozen=True)
class SpeakerConfig:
    """How the speakers of a film are decided."""

    sync: SyncOddsConfig = field(default_factory=SyncOddsConfig)
    voice: VoiceConfig = field(default_factory=VoiceConfig)
    turns: TurnConfig = field(default_factory=TurnConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    # Probability that the evidence of a stretch is useless, at `unclear` dB of clarity; it falls to
    # 0 half way to `clear`.
    doubt: float = 0.15
    choice: ChoiceConfig = field(default_factory=ChoiceConfig)


def film_speakers(
    faces: FilmFaces,
    cast: Cast,
    evidence: SpeakerEvidence | None,
    config: SpeakerConfig | None = None,
) -> FilmSpeakers:
    """Decide who speaks in each stretch of a film's own sound.

    Args:
        evidence: None: the film has no sound of its own.
    """
    chosen = config or SpeakerConfig()
    if evidence is None:
        return FilmSpeakers(0, (), sound=False)
    if not evidence.stretches:
        return FilmSpeakers(evidence.offset, ())
    film = _FilmOdds(cast, evidence.stretches, chosen)
    alone = film.probabilities(None)
    voices = match_voices(
        [each.voice for each in evidence.stretches],
        [float(each.stretch.interval.length) for each in evidence.stretches],
        {id: alone[:, film.column(id, on_screen=True)] for id in film.ids},
        chosen.voice,
    )
    names = {member.id: member.name for member in cast.members}
    terms = film.terms(voices)
    return FilmSpeakers(
        evidence.offset,
        tuple(
            SpokenStretch(
                each.stretch.interval, decide(here, names, chosen.choice), speaker_scores(here)
            )
            for each, here in zip(evidence.stretches, terms, strict=True)
        ),
    )


class _FilmOdds:
    """Log odds of all candidates in all stretches, (S, H): members on and off screen, strangers."""

    def __init__(
        self, cast: Cast, stretches: Sequence[StretchEvidence], config: SpeakerConfig
    ) -> None:
        self.ids = [member.id for member in cast.members]
        self._stretches = stretches
        self._config = config
        self._candidates = (
            *(Candidate(id, Speaking.ON_SCREEN) for id in self.ids),
            *(Candidate(id, Speaking.OFF_SCREEN) for id in self.ids),
            Candidate(None, Speaking.OFF_SCREEN),
        )
        self._shares = np.array([evidence_share(each.clarity, config.sync) for each in stretches])
        self._faces = [_by_member(each.faces, cast) for each in stretches]
        pairs = zip(self._faces, stretches, strict=True)
        self._sync = np.stack([self._sync_odds(faces, each.clarity) for faces, each in pairs])
        self._prior = np.stack([self._prior_odds(faces) for faces in self._faces])
        self._only = np.zeros(len(self._candidates))
        if len(self.ids) == 1:
            self._only[0] = config.prior.only_member
        self._bonuses = [
            bonus(before.stretch, after.stretch, config.turns)
            for before, after in pairwise(stretches)
        ]
        speakers = np.array([*range(len(self.ids)), *range(len(self.ids)), -1])
        self._same = speakers[:, None] == speakers[None]

    def column(self, id: str, on_screen: bool) -> int:
        """Return the column of a member."""
        return self.ids.index(id) + (0 if on_screen else len(self.ids))

    def probabilities(self, voices: Voices | None) -> Floats:
        """Return the probabilities of all candidates, (S, H)."""
        local = self._sync + self._prior + self._only + self._voice_odds(voices)
        return smoothed(local, self._bonuses, self._same)

    def terms(self, voices: Voices) -> list[Terms]:
        """Return all evidence about each stretch."""
        voice = self._voice_odds(voices)
        shares = self._doubted(self.probabilities(voices))
        local = self._sync + self._prior + self._only + voice
        with np.errstate(divide="ignore", invalid="ignore"):
            turn = np.where(shares > 0, np.log(shares) - local, 0.0)
        return [
            Terms(
                self._candidates,
                shares[number],
                {
                    "sync": self._sync[number],
                    "voice": voice[number],
                    "turn": turn[number],
                    "only member": self._only,
                },
                {id: face.sync.score for id, face in faces.items()},
            )
            for number, faces in enumerate(self._faces)
        ]

    def _doubted(self, shares: Floats) -> Floats:
        """Return probabilities (S, H) that allow for useless evidence under loud music."""
        sync = self._config.sync
        fading = [sync.unclear, (sync.unclear + sync.clear) / 2]
        clarity = [each.clarity for each in self._stretches]
        doubt = np.interp(clarity, fading, [self._config.doubt, 0.0])[:, None]
        possible = shares > 0
        doubted: Floats = (1 - doubt) * shares + doubt * possible / possible.sum(axis=1)[:, None]
        return doubted

    def _sync_odds(self, faces: dict[str, FaceEvidence], clarity: float) -> Floats:
        odds = np.zeros(len(self._candidates))
        odds[: len(self.ids)] = -np.inf
        for id, face in faces.items():
            column = self.column(id, on_screen=True)
            odds[column] = sync_log_odds(face, clarity, self._config.sync)
        return odds

    def _prior_odds(self, faces: dict[str, FaceEvidence]) -> Floats:
        prior = self._config.prior
        absent = max(len(self.ids) - len(faces), 1)
        odds = np.zeros(len(self._candidates))
        for id in self.ids:
            away = prior.absent - np.log(absent)
            odds[self.column(id, on_screen=False)] = prior.voice_over if id in faces else away
        odds[-1] = prior.stranger
        return odds

    def _voice_odds(self, voices: Voices | None) -> Floats:
        odds = np.zeros((len(self._stretches), len(self._candidates)))
        if voices is not None:
            for id, fit in voices.members.items():
                for on_screen in (True, False):
                    odds[:, self.column(id, on_screen)] = fit
            odds[:, -1] = voices.unknown
            odds *= self._shares[:, None]
        return odds


def sync_log_odds(face: FaceEvidence, clarity: float, config: SyncOddsConfig) -> float:
    """Return the log odds that a face speaks against any other source of the sound.

    Args:
        clarity: dB, from `speech_clarity`.
    """
    sync = face.sync
    share = evidence_share(clarity, config)
    expected = config.constant + config.root_windows * sync.windows**0.5
    odds = share * expected + config.score * share**0.5 * sync.score
    if face.movement < config.still:
        odds = min(odds, config.still_odds)
    return float(np.clip(odds, -config.limit, config.limit))


def evidence_share(clarity: float, config: SyncOddsConfig) -> float:
    """Return the share, 0..1, of a score's meaning that is left at a clarity in dB."""
    shares = [config.least_share, 1.0]
    return float(np.interp(clarity, [config.unclear, config.clear], shares))


def _by_member(faces: Sequence[FaceEvidence], cast: Cast) -> dict[str, FaceEvidence]:
    """Return the face of each visible member: of a person and a mirror, the one in step."""
    found: dict[str, FaceEvidence] = {}
    for face in faces:
        member = cast.by_track.get(face.track)
        if member is None:
            continue
        known = found.get(member.id)
        if known is None or face.sync.score > known.sync.score:
            found[member.id] = face
    return found
