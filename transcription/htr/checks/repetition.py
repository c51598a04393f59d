"""Loops: a decoder that has lost the line says the same again and again.

Handwriting repeats itself, too: "&c. &c. &c.", dotted leaders, columns of "idem", "ha ha ha", sums of noughts. So only
what holds letters counts, short words must come often, and words that registers repeat count as nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from transcription.htr.checks.folding import plain, quoted, shortened, words_only

# (longest period in characters, repetitions from which it is a loop): the shorter the period, the more it takes.
# No transcript of the tune split reaches half of it but by words of DITTO.
LOOPS = ((2, 8.0), (6, 5.0), (12, 4.0), (24, 3.0), (120, 2.0))
LEAST_COVERED = 12  # characters
LEAST_WORDS = 12  # from here on a text is asked whether its sequences of words come back
SAID_BEFORE = 0.4  # share of a text's sequences of three words that stood in it before
DITTO = frozenset(
    """
    idem id item dito ditto do d dud dudit lad ladite et c cetera etc ca la ha ah oh ho eh o no non oui
    hip hurrah hurra holy saint st ste m mr mrs vive amen £ s de le du the of
    """.split()  # noqa: SIM905 as a list it would be a page
)
# A page reader loops by lines: so many lines at most, so often in a row, are no page that somebody wrote.
LONGEST_STANZA, LEAST_TURNS = 6, 5
_FIGURES = re.compile(r"\d+")


def repetition(text: str) -> str:
    """The unit that a text repeats, "" where it does not loop."""
    words = words_only(plain(shortened(text)))
    folded = _FIGURES.sub("0", " ".join(words))
    unit = _unit(folded) or _unit_of_letters(words)
    if unit:
        return quoted(unit)
    return _said_before(folded.split())


def looped_lines(lines: Sequence[str]) -> list[int]:
    """Which of a page's lines only say again what those before them said, by index.

    Only lines that are the same to the letter count, figures included: registers repeat their formulas, not their
    dates, and columns of "idem" say little.
    """
    looped: set[int] = set()
    for period in range(1, LONGEST_STANZA + 1):
        for start, run in _runs([one == other for one, other in zip(lines[period:], lines, strict=False)]):
            unit = words_only(plain(shortened(" ".join(lines[start : start + period]))))
            told = "".join(word for word in unit if word not in DITTO)
            if run + period >= LEAST_TURNS * period and sum(map(str.isalpha, told)) >= LEAST_COVERED:
                looped.update(range(start + period, start + period + run))
    return sorted(looped)


def _runs(same: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where each run of True begins, and its length."""
    at = 0
    for true, run in groupby(same):
        length = len(list(run))
        if true:
            yield at, length
        at += length


def _unit(text: str) -> str:
    """What stands several times in a row anywhere in ``text``."""
    if len(text) < LEAST_COVERED:
        return ""
    codes = np.frombuffer((text + " ").encode("utf-32-le"), np.uint32)
    for period in range(1, min(LOOPS[-1][0], len(codes) // 2) + 1):
        needed = next(times for longest, times in LOOPS if period <= longest)
        start, run = _longest_run(codes[period:] == codes[:-period])
        covered = run + period
        if covered < max(LEAST_COVERED, needed * period):
            continue
        unit = text[start : start + period].strip()
        if _counts(f"{text[start : start + 2 * period]}", covered / period):
            return unit
    return ""


def _unit_of_letters(words: Sequence[str]) -> str:
    """As ``_unit``, for a word that is itself a loop ("mmmmmmmmmmmm"), figures aside."""
    longest = max(words, key=len, default="")
    return _unit(longest) if len(longest) >= LEAST_COVERED and not any(map(str.isdigit, longest)) else ""


def _longest_run(same: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int]:
    """Where the longest run of True begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    best = int(lengths.argmax())
    return int(edges[2 * best]), int(lengths[best])


def _counts(repeated: str, times: float) -> bool:
    """Whether the words of a repeated unit are such as people do not write in rows."""
    if not any(map(str.isalpha, repeated)):
        return False
    told = [word for word in repeated.split() if word not in DITTO and any(map(str.isalpha, word))]
    return bool(told) or times > 3 * LOOPS[0][1]


def _said_before(words: Sequence[str]) -> str:
    """The sequence of words that comes back most, in a text that mostly says again what it has said: loops that change
    a little every time ("1. the house 2. the house …")."""
    if len(words) < LEAST_WORDS:
        return ""
    triples = [tuple(words[at : at + 3]) for at in range(len(words) - 2)]
    seen: Counter[tuple[str, ...]] = Counter()
    again = 0
    for triple in triples:
        if all(word in DITTO or not word.isalpha() for word in triple):
            continue
        again += triple in seen
        seen[triple] += 1
    if again < SAID_BEFORE * len(triples):
        return ""
    return quoted(" ".join(seen.most_common(1)[0][0]))
