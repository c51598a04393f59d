"""ROVER: several readings of one line make one text, with what lost kept beside it. Fiscus, ASRU 1997.

1. Readings with the same text are one hypothesis. The medoid (least total distance to all readings) is the pivot; the
   others are aligned to it one by one, nearest first, and each sees the words that earlier ones inserted. Each column
   holds one word of every hypothesis, or nothing (a NULL arc). Columns join where readings disagree on word breaks.
2. A word's *mass* is the sum of its readers' votes: weight × mean character score of their whole line. (Scores of the
   single word or character break ties only: as weights they were measured to favor confident nonsense over agreement.)
   Passes of one voice are correlated (see ``electorate``): at ρ = 0.5 one more adds 1/3 of a vote, another voice a
   whole one, and a voice never exceeds two.
3. A word with more than half of the mass wins. Otherwise the words that resemble the strongest one are voted on
   character by character (grapheme clusters), so that only characters which some reading has at that place are used.
4. What a reader weighed besides (its n-best list) has no vote and changes none: it is offered after the losing words.
5. Ties go to the better engine (the one with more weight), then to the higher character score, then to the pass first
   by name. The order of the readings never matters.
6. Texts are NFC and in the order in which they are spoken, whatever their direction; ſ, ligatures and the like are
   characters of their own, as transcripts are diplomatic, and a base is never parted from its combining marks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from operator import itemgetter, mul
from unicodedata import is_normalized

from rapidfuzz.distance import Levenshtein

from transcription.errors import PermanentError
from transcription.htr.arcs import Network, Ranges, word_network
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import UNCALIBRATED, Knows, assess, tells_nothing, word_features
from transcription.htr.ctc import Span, covering, tidy
from transcription.htr.electorate import Chosen, Electorate, Voter, clipped, mean_score
from transcription.htr.hypotheses import offered, offers_by_column, offers_of
from transcription.htr.records import Alternative, Consensus, ReadingRecord, WordVote
from transcription.htr.text import clusters

# Between votes of one voice. `manage.py evaluate passes` measures 0.81 between errors of the bundled passes (tune);
# votes at 0.5 and at 0.8 are equally right there, alone and beside other networks, and 0.5 hears more differences.
CORRELATION = 0.5
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
    """What one pass of one engine read; ``weight`` (about 1) is how much this engine is trusted. Engines that err
    together have one ``voice``; "" is the engine's own."""

    pass_name: str
    engine: str
    reading: ReadingRecord
    weight: float = 1.0
    voice: str = ""


@dataclass(slots=True)
class _Group:
    """Voters whose readings have the same text, a hypothesis; ``words`` are its words and ``surest`` the voter who is
    surest of each, with the score."""

    text: str
    words: list[str]
    voters: list[Voter]
    chosen: Chosen
    surest: list[tuple[float, Voter]]

    def place(self, first: int, last: int) -> tuple[int, int]:
        """Where words first to last (not included) stand in the text; (0, 0) for none."""
        words = self.voters[0].words
        return (words[first][0], words[last - 1][1]) if last > first else (0, 0)

    def surest_of(self, first: int, last: int) -> tuple[float, Voter]:
        """The voter with the highest score for these words, the first of equals; for no words, for the line."""
        start, end = self.place(first, last)
        return max([(voter.score(start, end), voter) for voter in self.voters], key=itemgetter(0))


@dataclass(slots=True)
class _Arc:
    """One reading of a column: who has it, and in which of their words; ``best`` is the mean score of ``reader``, the
    surest of them."""

    text: str
    chosen: Chosen
    places: list[tuple[_Group, int, int]]
    best: float
    reader: Voter
    place: tuple[int, int]  # where it stands in the reader's text
    mass: float = 0.0
    support: float = 0.0

    def scores(self, tokens: list[str], row: Ranges) -> list[float]:
        """For each range of ``tokens`` in ``row``, the highest of its readers' scores; for none that of the whole."""
        readers = [(voter, group.place(first, last)) for group, first, last in self.places for voter in group.voters]
        if len(tokens) < len(self.text):
            edges = list(accumulate(map(len, tokens), initial=0))
            tops = [max([v.score(at + i, at + j) for v, (at, _) in readers]) for i, j in pairwise(edges)]
        else:
            tops = list(map(max, zip(*[v.chars[i:j] for v, (i, j) in readers], strict=True)))
            if not all(0.0 <= top <= 1.0 for top in tops):
                tops = [max(map(clipped, each)) for each in zip(*[v.chars[i:j] for v, (i, j) in readers], strict=True)]
        return [tops[first] if last > first else self.best for first, last in row]


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
    """Combine readings of one line by ROVER; ties go to the better engine, then to the higher confidence.

    Each word carries every losing alternative with its share of the vote; "" stands for "no word here", and a word
    that was voted away is kept as an alternative of its neighbor ("neighbor lost"). Words of n-best lists come last,
    with no support. Empty readings vote for nothing being there. ``knows`` tells known words from others: that changes
    how sure words are, never which win. Raises NoReadings if empty.  Fiscus, ASRU 1997.
    """
    if not readings:
        raise NoReadings("A vote needs at least one reading of the line, and there is none: read the line first.")
    voters = sorted(map(_voter, readings), key=lambda v: (v.name, v.voice, v.text, v.weight, v.chars, v.spans))
    electorate = Electorate(voters, CORRELATION)
    groups, agreement = _pivot_first(_grouped(voters))
    network = word_network([group.words for group in groups])
    weighed = _offers(network, groups)
    words: list[WordVote] = []
    lost: list[tuple[int, _Arc]] = []  # (number of words before it, what was voted away)
    for place, column in enumerate(network):
        arcs = _arcs(column, groups, electorate)
        winner = _winner(arcs, electorate)
        if winner is None:
            lost += [(len(words), arc) for arc in arcs if arc.text]
            continue
        word = _word(winner, arcs, agreement, electorate)
        if place in weighed:
            known = [word.text, *(arc.text for arc in arcs)]
            word = replace(word, alternatives=word.alternatives + offered(weighed[place], known))
        words.append(word)
    return Consensus(
        text=" ".join(word.text for word in words),
        words=assess(
            _with_lost(words, lost, electorate),
            [(each.reading, each.weight) for each in readings],
            calibration,
            knows,
        ),
        readings=len(readings),
        features={
            "agreement": agreement,
            "voices": float(len({voter.voice for voter in voters})),
            "distinct": float(len(groups)),
            "votes": electorate.votes(electorate.everyone),
        },
    )


def _voter(given: PassReading) -> Voter:
    record = given.reading
    spans = record.spans if len(record.spans) == len(record.text) else ()
    text, chars = record.text, record.chars
    found = text.split()
    if text != " ".join(found) or not is_normalized("NFC", text):
        ready = tidy(text, list(chars), list(spans))
        text, chars, spans = ready.text, ready.chars, ready.spans
        found = text.split()
    starts = accumulate([len(word) + 1 for word in found], initial=0)
    words = [(start, start + len(word)) for start, word in zip(starts, found, strict=False)]
    mean = mean_score(chars) if text else EMPTY_SCORE
    weight = max(LEAST_WEIGHT, given.weight)
    return Voter(
        name=given.pass_name,
        voice=given.voice or given.engine,
        weight=weight,
        text=text,
        words=words,
        means=_means(chars, words),
        chars=chars,
        spans=spans,
        mean=mean,
        power=weight * max(LEAST_WEIGHT, mean),
        offers=tuple(offers_of(text, record.nbest)) if len(record.nbest) > 1 else (),
    )


def _means(chars: Sequence[float], words: Sequence[tuple[int, int]]) -> list[float]:
    """``mean_score`` of each word, all at once: most of a vote's words are never asked about again."""
    means = [sum(chars[start:end]) / (end - start) for start, end in words]
    return means if all(0.0 <= mean <= 1.0 for mean in means) else list(map(clipped, means))


def _grouped(voters: Sequence[Voter]) -> list[_Group]:
    by_text: dict[str, list[int]] = {}
    for k, voter in enumerate(voters):
        by_text.setdefault(voter.text, []).append(k)
    groups = []
    for text, those in by_text.items():
        same = [voters[k] for k in those]
        surest = [(mean, same[0]) for mean in same[0].means]
        for voter in same[1:]:
            pairs = zip(surest, voter.means, strict=True)
            surest = [(mean, voter) if mean > best[0] else best for best, mean in pairs]
        groups.append(_Group(text, text.split(), same, sum([1 << k for k in those]), surest))
    return groups


def _pivot_first(groups: list[_Group]) -> tuple[list[_Group], float]:
    """Hypotheses, the medoid first and the others by distance from it; and the mean likeness of pairs of readings."""
    if len(groups) == 1:
        return groups, 1.0
    count = len(groups)
    distances = [[0] * count for _ in groups]
    unlike = 0.0
    for i, one in enumerate(groups):
        for j in range(i + 1, count):
            other = groups[j]
            distance = Levenshtein.distance(one.text, other.text)
            distances[i][j] = distances[j][i] = distance
            unlike += len(one.voters) * len(other.voters) * distance / max(len(one.text), len(other.text))
    sizes = [len(group.voters) for group in groups]
    totals = [sum(map(mul, sizes, row)) for row in distances]
    ranks = [
        (
            -max([v.weight for v in group.voters]),
            -max([round(v.mean, 9) for v in group.voters]),
            group.voters[0].name,
            group.text,
        )
        for group in groups
    ]
    pivot = min(range(count), key=lambda k: (totals[k], ranks[k]))
    others = sorted((k for k in range(count) if k != pivot), key=lambda k: (distances[pivot][k], ranks[k]))
    voters = sum(sizes)
    return [groups[k] for k in (pivot, *others)], 1.0 - unlike / (voters * (voters - 1) / 2)


def _offers(network: list[Ranges], groups: list[_Group]) -> dict[int, dict[str, float]]:
    readers = [(row, group.words, v.offers, v.power) for row, group in enumerate(groups) for v in group.voters]
    return offers_by_column(network, [reader for reader in readers if reader[2]])


def _arcs(column: Ranges, groups: list[_Group], electorate: Electorate) -> list[_Arc]:
    """The column's different words (and "" for none) with their mass, strongest first."""
    places = [(group, first, last) for group, (first, last) in zip(groups, column, strict=True)]
    texts = [g.words[first] if last == first + 1 else " ".join(g.words[first:last]) for g, first, last in places]
    surest = [g.surest[first] if last == first + 1 else g.surest_of(first, last) for g, first, last in places]
    if texts.count(texts[0]) == len(texts):
        best = max(surest, key=itemgetter(0))
        group, first, last = places[surest.index(best)]
        everyone, place = electorate.everyone, group.place(first, last)
        return [_Arc(texts[0], everyone, places, *best, place, electorate.mass(everyone), 1.0)]
    found: dict[str, _Arc] = {}
    for text, where, (score, reader) in zip(texts, places, surest, strict=True):
        arc = found.get(text)
        group, first, last = where
        if arc is None:
            found[text] = _Arc(text, group.chosen, [where], score, reader, group.place(first, last))
            continue
        arc.chosen |= group.chosen
        arc.places.append(where)
        if score > arc.best:
            arc.best, arc.reader, arc.place = score, reader, group.place(first, last)
    arcs = list(found.values())
    for arc in arcs:
        arc.mass = electorate.mass(arc.chosen)
    total = sum([arc.mass for arc in arcs])
    for arc in arcs:
        arc.support = arc.mass / total
    if len({round(arc.mass, 9) for arc in arcs}) == len(arcs):  # nothing ties: the rest of the rank decides nothing
        return sorted(arcs, key=lambda arc: -arc.mass)
    return sorted(arcs, key=lambda arc: _rank(arc, electorate))


def _rank(arc: _Arc, electorate: Electorate) -> tuple[float, float, float, bool, tuple[str, ...], str]:
    # Rounded, as sums of the same votes in another order must tie; on a full tie a word is worth more than none.
    mass, best = round(arc.mass, 9), round(arc.best, 9)
    who = arc.chosen
    return (-mass, -electorate.trust(who), -best, not arc.text, electorate.passes(who), arc.text)


def _winner(arcs: list[_Arc], electorate: Electorate) -> _Winner | None:
    """The word of a column, or None where most of the mass says that there is none; a tie keeps the word."""
    if len(arcs) == 1:
        return _as_read(arcs[0]) if arcs[0].text else None
    spoken = [arc for arc in arcs if arc.text]
    nothing = sum([arc.support for arc in arcs if not arc.text])
    if not spoken or nothing > 0.5 + 1e-9:
        return None
    top = spoken[0]
    if len(spoken) > 1 and top.support <= 0.5 + 1e-9:
        composed = _compose(top, spoken, electorate)
        if composed is not None:
            return composed
    return _as_read(top)


def _as_read(arc: _Arc) -> _Winner:
    low = min(1.0, max(0.0, min(arc.reader.chars[arc.place[0] : arc.place[1]])))
    return _Winner(arc.text, arc, arc.support, low, arc.best, composed=False)


def _compose(top: _Arc, spoken: list[_Arc], electorate: Electorate) -> _Winner | None:
    """Vote on the characters of the words that resemble ``top``; None where that makes no proper word."""
    alike = [arc for arc in spoken if Levenshtein.normalized_similarity(top.text, arc.text) >= SIMILAR]
    if len(alike) < 2:
        return None
    others = 0
    for arc in alike[1:]:
        others |= arc.chosen
    if round(top.mass, 9) > round(electorate.mass(others), 9):
        return None  # every character of the word itself would win
    tokens = [_characters(arc.text) for arc in alike]
    rows = Network(tokens).rows
    shown = [[of[k] if to > k else "" for k, to in row] for of, row in zip(tokens, rows, strict=True)]
    surest = zip(*[arc.scores(of, row) for arc, of, row in zip(alike, tokens, rows, strict=True)], strict=True)
    parts: list[str] = []
    shares: list[float] = []
    scores: list[float] = []
    for column, best in zip(zip(*shown, strict=True), surest, strict=True):
        if column.count(column[0]) == len(column):
            part, share, score = column[0], 1.0, max(best)
        else:
            part, share, score = _character(column, best, alike, electorate)
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
    return _Winner(text, top, support, min(scores), mean_score(scores), composed=True)


def _character(
    column: Sequence[str], best: Sequence[float], arcs: list[_Arc], electorate: Electorate
) -> tuple[str, float, float]:
    """The strongest character ("" for none) of a disputed column, with its share of the vote and best score; ``column``
    and ``best`` are each arc's character and score."""
    chosen: dict[str, Chosen] = {}
    scores: dict[str, float] = {}
    for part, score, arc in zip(column, best, arcs, strict=True):
        chosen[part] = chosen.get(part, 0) | arc.chosen
        scores[part] = max(scores.get(part, 0.0), score)
    mass = {part: electorate.mass(who) for part, who in chosen.items()}
    # Arcs come strongest first, so the first of equals is of the stronger word.
    part = max(mass, key=lambda p: (round(mass[p], 9), electorate.trust(chosen[p]), round(scores[p], 9)))
    return part, mass[part] / sum(mass.values()), scores[part]


def _characters(text: str) -> list[str]:
    """Grapheme clusters, with the marks for unclear and illegible kept whole."""
    if "[" not in text:
        return clusters(text)
    pieces = _ATOMS.split(text)  # text and marks in turn
    return [part for k, piece in enumerate(pieces) for part in ([piece] if k % 2 else clusters(piece))]


def _word(winner: _Winner, arcs: list[_Arc], agreement: float, electorate: Electorate) -> WordVote:
    rest = arcs if winner.composed else [arc for arc in arcs if arc is not winner.arc]
    if winner.composed:
        votes = winner.support * electorate.votes(electorate.everyone)
    else:
        votes = electorate.votes(winner.arc.chosen)
    features = word_features(
        text=winner.text,
        min_char=winner.low,
        mean_char=winner.mean,
        support=winner.support,
        runner_up=max([arc.support for arc in rest], default=0.0),
        alternatives=len(rest),
        votes=votes,
        agreement=agreement,
    )
    total = sum([arc.mass for arc in arcs])
    return WordVote(
        text=winner.text,
        score=winner.support * total / (total + UNSEEN) * winner.mean,
        confidence=0.0,  # assessed when all words stand
        support=winner.support,
        span=_span(winner.arc, arcs),
        passes=() if winner.composed else electorate.passes(winner.arc.chosen),
        alternatives=tuple(
            [Alternative(arc.text, arc.support, electorate.passes(arc.chosen), _span_of(arc)) for arc in rest]
        ),
        features=features,
    )


def _span(won: _Arc, arcs: list[_Arc]) -> Span | None:
    """Where the word stands: by its best reader that knows, else by whoever saw another word there."""
    for arc in (won, *arcs):
        found = _span_of(arc)
        if found is not None:
            return found
    return None


def _span_of(arc: _Arc) -> Span | None:
    """Where the surest of an arc's readers that know saw it."""
    voter, (start, end) = arc.reader, arc.place
    if not voter.spans or end == start:
        readers = [(v, group.place(first, last)) for group, first, last in arc.places for v in group.voters]
        known = [(v, place) for v, place in readers if v.spans and place[1] > place[0]]
        if not known:
            return None
        voter, (start, end) = max(known, key=lambda k: k[0].score(*k[1]))
    return covering(voter.spans[start:end])


def _with_lost(words: list[WordVote], lost: list[tuple[int, _Arc]], electorate: Electorate) -> list[WordVote]:
    """Hang each word that was voted away on its neighbor: the word before it, or the one after at the line's start."""
    if not lost or not words:
        return words
    added: dict[int, list[Alternative]] = {}
    for before, arc in lost:
        owner = max(0, before - 1)
        pair = (words[owner].text, arc.text) if before else (arc.text, words[owner].text)
        # Who read the lost word may have read its neighbor otherwise: then nobody read the two together.
        passes = tuple(name for name in electorate.passes(arc.chosen) if name in words[owner].passes)
        spans = [span for span in (words[owner].span, _span_of(arc)) if span is not None]
        span = covering(spans) if spans else None
        added.setdefault(owner, []).append(Alternative(" ".join(pair), arc.support, passes, span))
    return [
        replace(word, alternatives=word.alternatives + tuple(added[k])) if k in added else word
        for k, word in enumerate(words)
    ]
