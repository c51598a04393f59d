"""ROVER: several readings of one line make one text, with what lost kept beside it. Fiscus, ASRU 1997.

1. Readings with the same text are one hypothesis. The medoid (least total distance to all readings) is the pivot; the
   others are aligned to it one by one, nearest first, and each sees the words that earlier ones inserted. Each column
   holds one word of every hypothesis, or nothing (a NULL arc). Columns join where readings disagree on word breaks.
2. A word's *mass* is the sum of its readers' votes: weight × mean character score of their whole line. (Scores of the
   single word or character break ties only: as weights they were measured to favor confident nonsense over agreement.)
   Passes of one engine see with the same eyes, so its k-th vote for the same word, largest first, counts
   f(k) - f(k - 1) with f(k) = k / (1 + (k - 1) ρ), Kish's effective sample size at correlation ρ = 0.5: one more pass
   of the same engine adds 1/3 of a vote, another engine a whole one; an engine never exceeds two.
3. A word with more than half of the mass wins. Otherwise the words that resemble the strongest one are voted on
   character by character (grapheme clusters), so that only characters which some reading has at that place are used.
4. What a reader weighed besides (its n-best list) has no vote and changes none: it is offered after the losing words.
5. Ties go to the higher character score, then to the pass first by name. The order of the readings never matters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from rapidfuzz.distance import Levenshtein

from transcription.errors import PermanentError
from transcription.htr.arcs import Network, Ranges, word_network
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import UNCALIBRATED, Knows, assess, tells_nothing, word_features
from transcription.htr.ctc import Span, tidy
from transcription.htr.hypotheses import Offer, offered, offers_by_column, offers_of
from transcription.htr.records import Alternative, Consensus, ReadingRecord, WordVote
from transcription.htr.text import clusters

CORRELATION = 0.5  # between votes of one engine's passes
UNSEEN = 0.25  # mass of the reading that nobody offered, so that one voice alone never scores its own full score
EMPTY_SCORE = 0.5  # a pass that read nothing has no character scores; it counts as half sure of it
LEAST_WEIGHT = 1e-3  # of a reading without any score, so that it still wins where it stands alone
SIMILAR = 0.5  # words less alike than this are different words, not misspellings of one

_ATOMS = re.compile(r"(\[\?\]|\[…\])")
_MARK_PAIRS = ("⟦⟧", "⸢⸣")


class NoReadings(PermanentError):
    """A vote was called without any reading."""

    code = "no-readings"


@dataclass(frozen=True, slots=True)
class PassReading:
    """What one pass of one engine read; ``weight`` (about 1) is how much this engine is trusted."""

    pass_name: str
    engine: str
    reading: ReadingRecord
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class _Voter:
    """A reading made ready: NFC, single spaces, ``words`` as (start, end) in ``text``; ``power`` is its vote."""

    name: str
    engine: str
    weight: float
    text: str
    words: tuple[tuple[int, int], ...]
    chars: tuple[float, ...]
    spans: tuple[Span, ...]
    mean: float
    power: float
    offers: tuple[Offer, ...]


@dataclass(slots=True)
class _Arc:
    """One reading of a column: its voters as (voter, start, end) in their texts, and the mean score of its best."""

    text: str
    voters: list[tuple[_Voter, int, int]]
    mass: float = 0.0
    best: float = 0.0
    support: float = 0.0

    @property
    def passes(self) -> tuple[str, ...]:
        return tuple(sorted({voter.name for voter, _, _ in self.voters}))


@dataclass(slots=True)
class _Winner:
    """A column's word; ``arc`` is the arc read so, or the one most like a composed word."""

    text: str
    arc: _Arc
    support: float
    low: float
    mean: float
    composed: bool


def vote(
    readings: Sequence[PassReading], *, calibration: Calibration = UNCALIBRATED, knows: Knows = tells_nothing
) -> Consensus:
    """Combine readings of one line by ROVER; ties go to the higher confidence.

    Each word carries every losing alternative with its share of the vote; "" stands for "no word here", and a word
    that was voted away is kept as an alternative of its neighbor ("neighbor lost"). Words of n-best lists come last,
    with no support. Empty readings vote for nothing being there. ``knows`` tells known words from others: that changes
    how sure words are, never which win. Raises NoReadings if empty.  Fiscus, ASRU 1997.
    """
    if not readings:
        raise NoReadings("A vote needs at least one reading of the line, and there is none: read the line first.")
    voters = sorted(map(_voter, readings), key=lambda v: (v.name, v.engine, v.text, v.weight, v.chars, v.spans))
    by_text: dict[str, list[_Voter]] = {}
    for voter in voters:
        by_text.setdefault(voter.text, []).append(voter)
    order, agreement = _pivot_first(by_text)
    network = word_network([text.split() for text in order])
    groups = [by_text[text] for text in order]
    everyone = _effective([(voter.engine, voter.weight) for voter in voters])
    readers = [(row, order[row].split(), v.offers, v.power) for row, group in enumerate(groups) for v in group]
    weighed = offers_by_column(network, readers)
    words: list[WordVote] = []
    lost: list[tuple[int, _Arc]] = []  # (number of words before it, what was voted away)
    for place, column in enumerate(network):
        arcs = _arcs(column, groups)
        winner = _winner(arcs)
        if winner is None:
            lost += [(len(words), arc) for arc in arcs if arc.text]
            continue
        word = _word(winner, arcs, agreement, everyone)
        if place in weighed:
            known = [word.text, *(arc.text for arc in arcs)]
            word = replace(word, alternatives=word.alternatives + offered(weighed[place], known))
        words.append(word)
    return Consensus(
        text=" ".join(word.text for word in words),
        words=assess(_with_lost(words, lost), [(each.reading, each.weight) for each in readings], calibration, knows),
        readings=len(readings),
        features={
            "agreement": agreement,
            "engines": float(len({voter.engine for voter in voters})),
            "distinct": float(len(by_text)),
            "votes": everyone,
        },
    )


def _voter(given: PassReading) -> _Voter:
    record = given.reading
    spans = record.spans if len(record.spans) == len(record.text) else ()
    ready = tidy(record.text, list(record.chars), list(spans))
    words, at = [], 0
    for word in ready.text.split():
        words.append((at, at + len(word)))
        at += len(word) + 1
    mean = _mean(ready.chars) if ready.text else EMPTY_SCORE
    weight = max(LEAST_WEIGHT, given.weight)
    power = weight * max(LEAST_WEIGHT, mean)
    offers = tuple(offers_of(ready.text, record.nbest)) if len(record.nbest) > 1 else ()
    return _Voter(
        given.pass_name, given.engine, weight, ready.text, tuple(words), ready.chars, ready.spans, mean, power, offers
    )


def _mean(scores: Sequence[float]) -> float:
    """Mean clipped to [0, 1]; 0 where a score is not a number."""
    mean = sum(scores) / len(scores)
    return mean if 0.0 <= mean <= 1.0 else float(mean > 1.0)


def _effective(votes: Sequence[tuple[str, float]]) -> float:
    """Votes (engine, weight) added up, those of one engine as correlated."""
    if len(votes) == 1:
        return votes[0][1]
    total, counts = 0.0, dict[str, int]()
    for weight, engine in sorted([(weight, engine) for engine, weight in votes], reverse=True):
        k = counts[engine] = counts.get(engine, 0) + 1
        total += weight if k == 1 else weight * (_together(k) - _together(k - 1))
    return total


def _together(passes: int) -> float:
    """Effective votes of so many passes of one engine. Kish, Survey Sampling, 1965."""
    return passes / (1 + (passes - 1) * CORRELATION)


def _pivot_first(by_text: dict[str, list[_Voter]]) -> tuple[list[str], float]:
    """Hypotheses, the medoid first and the others by distance from it; and the mean likeness of pairs of readings."""
    texts = list(by_text)
    if len(texts) == 1:
        return texts, 1.0
    distances: dict[tuple[str, str], int] = {}
    unlike = 0.0
    for i, one in enumerate(texts):
        for other in texts[i + 1 :]:
            distance = Levenshtein.distance(one, other)
            distances[one, other] = distances[other, one] = distance
            unlike += len(by_text[one]) * len(by_text[other]) * distance / max(len(one), len(other))
    count = sum(map(len, by_text.values()))
    rank = {text: (-max(round(v.mean, 9) for v in by_text[text]), by_text[text][0].name, text) for text in texts}
    total = {one: sum(len(by_text[o]) * distances[one, o] for o in texts if o != one) for one in texts}
    pivot = min(texts, key=lambda text: (total[text], rank[text]))
    others = sorted((t for t in texts if t != pivot), key=lambda text: (distances[pivot, text], rank[text]))
    return [pivot, *others], 1.0 - unlike / (count * (count - 1) / 2)


def _arcs(column: Ranges, groups: list[list[_Voter]]) -> list[_Arc]:
    """The column's different words (and "" for none) with their mass, strongest first."""
    found: dict[str, _Arc] = {}
    for (first, last), voters in zip(column, groups, strict=True):
        pivot = voters[0]
        start, end = (pivot.words[first][0], pivot.words[last - 1][1]) if last > first else (0, 0)
        text = pivot.text[start:end]
        arc = found.setdefault(text, _Arc(text, []))
        arc.voters += [(voter, start, end) for voter in voters]
    for arc in found.values():
        arc.best = max([_mean(v.chars[start:end]) if end else v.mean for v, start, end in arc.voters])
        arc.mass = _effective([(v.engine, v.power) for v, _, _ in arc.voters])
    total = sum(arc.mass for arc in found.values())
    for arc in found.values():
        arc.support = arc.mass / total
    if len(found) == 1:
        return list(found.values())
    return sorted(found.values(), key=_rank)


def _rank(arc: _Arc) -> tuple[float, float, bool, tuple[str, ...], str]:
    # Rounded, as sums of the same votes in another order must tie; on a full tie a word is worth more than none.
    return (-round(arc.mass, 9), -round(arc.best, 9), not arc.text, arc.passes, arc.text)


def _winner(arcs: list[_Arc]) -> _Winner | None:
    """The word of a column, or None where most of the mass says that there is none; a tie keeps the word."""
    spoken = [arc for arc in arcs if arc.text]
    nothing = sum(arc.support for arc in arcs if not arc.text)
    if not spoken or nothing > 0.5 + 1e-9:
        return None
    top = spoken[0]
    if len(spoken) > 1 and top.support <= 0.5 + 1e-9:
        composed = _compose(top, spoken)
        if composed is not None:
            return composed
    return _as_read(top)


def _as_read(arc: _Arc) -> _Winner:
    voter, start, end = _best_voter(arc)
    low = min(1.0, max(0.0, min(voter.chars[start:end])))
    return _Winner(arc.text, arc, arc.support, low, arc.best, composed=False)


def _best_voter(arc: _Arc) -> tuple[_Voter, int, int]:
    return max(arc.voters, key=lambda v: _mean(v[0].chars[v[1] : v[2]]))


def _compose(top: _Arc, spoken: list[_Arc]) -> _Winner | None:
    """Vote on the characters of the words that resemble ``top``; None where that makes no proper word."""
    alike = [arc for arc in spoken if Levenshtein.normalized_similarity(top.text, arc.text) >= SIMILAR]
    if len(alike) < 2:
        return None
    tokens = [_characters(arc.text) for arc in alike]
    starts = [list(accumulate(map(len, parts), initial=0)) for parts in tokens]
    parts: list[str] = []
    shares: list[float] = []
    scores: list[float] = []
    for column in Network(tokens).columns:
        cut = [(arc, at[first], at[last]) for (first, last), arc, at in zip(column, alike, starts, strict=True)]
        part, share, score = _character(cut)
        if part:
            parts.append(part)
            scores.append(score)
        shares.append(share)
    text = "".join(parts)
    for arc in alike:
        if arc.text == text:
            return _as_read(arc)
    # Characters of different readings may meet in ways that none of them meant.
    paired = all(text.count(pair[0]) == text.count(pair[1]) for pair in _MARK_PAIRS)
    if not text or not paired or _characters(text) != parts or text != " ".join(text.split()):
        return None
    support = sum(arc.support for arc in alike) * sum(shares) / len(shares)
    return _Winner(text, top, support, min(scores), _mean(scores), composed=True)


def _character(column: list[tuple[_Arc, int, int]]) -> tuple[str, float, float]:
    """The strongest character ("" for none) of a column of arcs' (start, end), with its share and best score."""
    votes: dict[str, list[tuple[str, float]]] = {}
    best: dict[str, float] = {}
    for arc, first, last in column:
        part = arc.text[first:last]
        cast = votes.setdefault(part, [])
        for voter, start, end in arc.voters:
            score = _mean(voter.chars[start + first : start + last] if part else voter.chars[start:end])
            cast.append((voter.engine, voter.power))
            if score >= best.get(part, 0.0):
                best[part] = score
    if len(votes) == 1:
        return part, 1.0, best[part]
    mass = {part: _effective(cast) for part, cast in votes.items()}
    # Arcs come strongest first, so the first of equals is of the stronger word.
    part = max(mass, key=lambda p: (round(mass[p], 9), round(best[p], 9)))
    return part, mass[part] / sum(mass.values()), best[part]


def _characters(text: str) -> list[str]:
    """Grapheme clusters, with the marks for unclear and illegible kept whole."""
    if "[" not in text:
        return clusters(text)
    pieces = _ATOMS.split(text)  # text and marks in turn
    return [part for k, piece in enumerate(pieces) for part in ([piece] if k % 2 else clusters(piece))]


def _word(winner: _Winner, arcs: list[_Arc], agreement: float, everyone: float) -> WordVote:
    rest = arcs if winner.composed else [arc for arc in arcs if arc is not winner.arc]
    if winner.composed:
        votes = winner.support * everyone
    else:
        votes = _effective([(voter.engine, voter.weight) for voter, _, _ in winner.arc.voters])
    features = word_features(
        text=winner.text,
        min_char=winner.low,
        mean_char=winner.mean,
        support=winner.support,
        runner_up=max((arc.support for arc in rest), default=0.0),
        alternatives=len(rest),
        votes=votes,
        agreement=agreement,
    )
    total = sum(arc.mass for arc in arcs)
    return WordVote(
        text=winner.text,
        score=winner.support * total / (total + UNSEEN) * winner.mean,
        confidence=0.0,  # assessed when all words stand
        support=winner.support,
        span=_span(winner.arc, arcs),
        passes=() if winner.composed else winner.arc.passes,
        alternatives=tuple(Alternative(arc.text, arc.support, arc.passes) for arc in rest),
        features=features,
    )


def _span(won: _Arc, arcs: list[_Arc]) -> Span | None:
    """Where the word stands: by its best reader that knows, else by whoever saw another word there."""
    for arc in (won, *arcs):
        known = [v for v in arc.voters if v[0].spans and v[2] > v[1]]
        if known:
            voter, start, end = max(known, key=lambda v: _mean(v[0].chars[v[1] : v[2]]))
            return voter.spans[start][0], voter.spans[end - 1][1]
    return None


def _with_lost(words: list[WordVote], lost: list[tuple[int, _Arc]]) -> list[WordVote]:
    """Hang each word that was voted away on its neighbor: the word before it, or the one after at the line's start."""
    if not lost or not words:
        return words
    added: dict[int, list[Alternative]] = {}
    for before, arc in lost:
        owner = max(0, before - 1)
        pair = (words[owner].text, arc.text) if before else (arc.text, words[owner].text)
        # Who read the lost word may have read its neighbor otherwise: then nobody read the two together.
        passes = tuple(name for name in arc.passes if name in words[owner].passes)
        added.setdefault(owner, []).append(Alternative(" ".join(pair), arc.support, passes))
    return [
        replace(word, alternatives=word.alternatives + tuple(added[k])) if k in added else word
        for k, word in enumerate(words)
    ]
