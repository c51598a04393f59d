"""What recognisers weighed besides the text they settled on, word by word: offered beside the words of a vote, and
how much they believed in these.

Such words have no vote of their own: whoever weighed them voted for something else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from transcription.htr.alignment import stretches
from transcription.htr.arcs import Ranges
from transcription.htr.records import Alternative, Hypothesis, ReadingRecord

MOST_OFFERS = 3  # for one word
LEAST_SHARE = 0.02  # of a recogniser's belief

Offer = tuple[int, int, str, float]  # words first to last (not included) might read so; its share of the belief


def offers_of(text: str, nbest: Sequence[Hypothesis]) -> list[Offer]:
    """Where the other texts of ``nbest`` differ from ``text`` and what stands there; a word inserted replaces the word
    before it by both (at the line's start the one after it), a word left out is replaced by ""."""
    words = text.split()
    found: list[Offer] = []
    for other in nbest:
        if other.share < LEAST_SHARE or other.text == text:
            continue
        theirs = other.text.split()
        for equal, sources, targets in stretches(words, theirs):
            if equal:
                continue
            if len(sources) == len(targets):
                found += [(i, i + 1, theirs[j], other.share) for i, j in zip(sources, targets, strict=True)]
            elif sources:
                found.append((sources.start, sources.stop, " ".join(theirs[targets.start : targets.stop]), other.share))
            elif sources.start:
                found.append(
                    (sources.start - 1, sources.start, " ".join(theirs[targets.start - 1 : targets.stop]), other.share)
                )
            elif words:
                found.append((0, 1, " ".join(theirs[targets.start : targets.stop + 1]), other.share))
    return found


def offers_by_column(
    network: Sequence[Ranges], readers: Iterable[tuple[int, Sequence[str], Sequence[Offer], float]]
) -> dict[int, dict[str, float]]:
    """The offers for each column of a vote, with the sum of shares × power.

    ``readers`` are (row of the network, words, offers, power). What reaches over a column's edge is left out.
    """
    found: dict[int, dict[str, float]] = {}
    columns: dict[int, list[int]] = {}
    for row, words, offers, power in readers:
        if not offers:
            continue
        if row not in columns:
            columns[row] = [k for k, column in enumerate(network) for _ in range(column[row][0], column[row][1])]
        of_word = columns[row]
        for first, last, text, share in offers:
            column = of_word[first]
            if of_word[last - 1] != column:
                continue
            start, end = network[column][row]
            whole = " ".join([*words[start:first], *([text] if text else []), *words[last:end]])
            beliefs = found.setdefault(column, {})
            beliefs[whole] = beliefs.get(whole, 0.0) + share * power
    return found


def offered(beliefs: dict[str, float], known: Iterable[str]) -> tuple[Alternative, ...]:
    """The offers that are not known already, the most believed first, without support."""
    taken = set(known)
    ranked = sorted((-round(belief, 9), text) for text, belief in beliefs.items() if text not in taken)
    return tuple(Alternative(text, 0.0) for _, text in ranked[:MOST_OFFERS])


def beliefs(words: Sequence[str], readings: Iterable[tuple[ReadingRecord, float]]) -> list[float | None]:
    """For each of a line's voted ``words`` the share, in [0, 1], of what ``readings`` weighed that has it in its place.

    Readings count by their weights; those that do not say what they weighed are passed over, None where none says.
    """
    # Sums by fsum: the same numbers in another order come to the same.
    shares: dict[str, list[float]] = {}
    totals: list[float] = []
    for reading, weight in readings:
        if not reading.nbest:
            continue
        totals.append(weight * max(1.0, math.fsum([each.share for each in reading.nbest])))
        for each in reading.nbest:
            shares.setdefault(each.text, []).append(weight * each.share)
    total = math.fsum(totals)
    if not total:
        return [None] * len(words)
    tokens = [token for word in words for token in word.split(" ")]
    held: list[list[float]] = [[] for _ in tokens]
    for text, weighed in shares.items():
        for equal, sources, _ in stretches(tokens, text.split()):
            if equal:
                for place in sources:
                    held[place] += weighed
    believed: list[float | None] = []
    at = 0
    for word in words:
        end = at + word.count(" ") + 1
        believed.append(min(1.0, min(map(math.fsum, held[at:end])) / total))
        at = end
    return believed
