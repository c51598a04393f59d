"""Words that a collection is known to hold: which of them stand near what was read.

Nearness is edit distance over letters without case and accents, with ſ as s, v as u and j as i, as old hands write
them. Edits change the length of a word and the letters it holds by little: that leaves few of 100,000 to be compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

MOST_EDITS = 2
SHORTEST = 4  # letters: shorter words are near to everything
TWO_EDITS_FROM = 6
ACCENT_COST, CONFUSABLE_COST, FIRST_LETTER_COST = 0.3, 0.6, 0.2
# Letters that hands write alike.
_CONFUSABLE = frozenset(
    pair
    for group in (
        "ao",
        "ou",
        "un",
        "nm",
        "nr",
        "ce",
        "ei",
        "il",
        "lt",
        "lb",
        "hk",
        "hb",
        "iy",
        "gy",
        "gq",
        "fs",
        "rs",
        "xs",
        "pf",
    )
    for pair in (group, group[::-1])
)
_ONE_SPELLING = str.maketrans({"ſ": "s", "v": "u", "j": "i"})
_ELIDED = re.compile(r"(?:[cdjlmnst]|qu)['’](?=\w\w)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"(?<=\w\w)['’]s$")
_MARKS = frozenset("⟦⟧⸢⸣[]")


@dataclass(frozen=True, slots=True)
class Near:
    """A word of the lexicon as it would stand in place of what was read, with its weighted distance."""

    text: str
    cost: float


class Lexicon:
    """Words, indexed once so that what is near a word is found in a fraction of a millisecond among 100,000."""

    def __init__(self, words: Iterable[str]) -> None:
        cores = {core for _, core, _ in map(_around, words) if core}
        self._known = {_one_spelling(core) for core in cores}
        found = sorted((len(core), _bare(core), core) for core in cores if len(core) >= SHORTEST)
        self._words = [core for _, _, core in found]
        self._bare = [bare for _, bare, _ in found]
        self._signatures = np.array([_signature(bare) for bare in self._bare], np.uint64)
        self._lengths = np.array([length for length, _, _ in found], np.int64)  # rising

    def __len__(self) -> int:
        return len(self._known)

    def knows(self, word: str) -> bool:
        """Whether ``word`` is one of the words but for case, old spellings of letters and punctuation around it."""
        return core_of(word) in self._known

    def near(self, word: str, *, limit: int, sure: bool = False) -> list[Near]:
        """Up to ``limit`` words at most one edit from ``word`` (two from six letters on), nearest first.

        Each is spelled as ``word`` is where the two agree: its case, its ſ, its punctuation. ``word`` itself is not
        among them. Of a word that reads ``sure``-ly only a slip is looked for: one edit, and below six letters only
        its accents, as short words are near to many. Words with white space or doubt marks inside have none.
        """
        before, core, after = _around(word)
        if len(core) < SHORTEST or _MARKS & set(core) or any(map(str.isspace, core)):
            return []
        bare = _bare(core)
        edits = MOST_EDITS if len(bare) >= TWO_EDITS_FROM else 1
        edits -= sure
        candidates = self._candidates(bare, edits)
        close = process.extract(
            bare, [self._bare[k] for k in candidates], scorer=Levenshtein.distance, score_cutoff=edits, limit=None
        )
        found: dict[str, float] = {}
        for _, distance, place in close:  # by distance
            if sum(cost < distance * CONFUSABLE_COST for cost in found.values()) >= limit:
                break  # what follows costs more than all that is wanted
            index = candidates[place]
            spelled, cost = _in_place_of(core, bare, self._words[index], self._bare[index])
            if spelled != core:
                found[spelled] = min(cost, found.get(spelled, cost))
        nearest = sorted(found.items(), key=lambda item: (round(item[1], 6), item[0]))[:limit]
        return [Near(f"{before}{spelled}{after}", cost) for spelled, cost in nearest]

    def _candidates(self, bare: str, edits: int) -> list[int]:
        """Indexes of the words whose length and letters leave it open whether they are within ``edits``."""
        first, last = np.searchsorted(self._lengths, [len(bare) - edits, len(bare) + edits + 1])
        apart = np.bitwise_count(self._signatures[first:last] ^ np.uint64(_signature(bare)))
        # An edit takes one letter away, brings one, or both.
        candidates: list[int] = (np.flatnonzero(apart <= 2 * edits) + first).tolist()
        return candidates


def words_of(terms: Iterable[str]) -> frozenset[str]:
    """The words of ``terms``, which may hold several each ("Saint-Denis sur Loire"); single characters left out."""
    return frozenset(word for term in terms for word in term.split() if len(_around(word)[1]) > 1)


def core_of(word: str) -> str:
    """The word itself, without what stands around it, in one spelling: what words are known by. "" where there are no
    letters or figures."""
    return _one_spelling(_around(word)[1])


def _signature(bare: str) -> int:
    """Bits for the letters that a word holds at least once, and for those that it holds at least twice."""
    signature = 0
    for char in bare:
        bit = 1 << (ord(char) & 31)
        signature |= bit << 32 if signature & bit else bit
    return signature


def _around(word: str) -> tuple[str, str, str]:
    """What stands before a word, the word itself, what stands after it; NFC. Marks of punctuation are not of the word,
    nor are an elided article or pronoun before it ("l'", "qu'") and an English possessive after it."""
    word = unicodedata.normalize("NFC", word)
    inside = [index for index, char in enumerate(word) if char.isalnum()]
    if not inside:
        return word, "", ""
    start, end = inside[0], inside[-1] + 1
    while end < len(word) and unicodedata.combining(word[end]):
        end += 1
    elided = _ELIDED.match(word, start, end)
    start = elided.end() if elided else start
    possessive = _POSSESSIVE.search(word, start, end)
    end = possessive.start() if possessive else end
    return word[:start], word[start:end], word[end:]


def _one_spelling(core: str) -> str:
    """Without case, with one letter each for s and ſ, u and v, i and j; as long as ``core``."""
    plain = core.lower()
    plain = plain if len(plain) == len(core) else "".join(map(_lower, core))
    return plain.translate(_ONE_SPELLING)


def _bare(core: str) -> str:
    """One spelling, without accents; as long as ``core``."""
    plain = _one_spelling(core)
    return plain if plain.isascii() else "".join(map(_letter, plain)).translate(_ONE_SPELLING)


@lru_cache(maxsize=4096)
def _lower(char: str) -> str:
    lower = char.lower()
    return lower if len(lower) == 1 else char


@lru_cache(maxsize=4096)
def _letter(char: str) -> str:
    """The letter under an accent."""
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isalnum() else char


def _in_place_of(core: str, bare: str, word: str, bare_word: str) -> tuple[str, float]:
    """``word`` spelled as ``core`` is where they agree, and what their differences weigh."""
    shouted = len(core) > 1 and core.isupper()
    given = word.lower() if word.isupper() and not shouted else word
    given = given.upper() if shouted and len(word.upper()) == len(word) else given
    mine, theirs = _one_spelling(core), _one_spelling(word)
    parts: list[str] = []
    cost = 0.0
    for step in Levenshtein.opcodes(bare, bare_word):
        low, high, first, last = step.src_start, step.src_end, step.dest_start, step.dest_end
        if step.tag != "equal":
            parts.append(given[first:last])
            cost += _weight(bare[low:high], bare_word[first:last]) + (FIRST_LETTER_COST if low == 0 else 0.0)
        elif mine[low:high] == theirs[first:last]:
            parts.append(core[low:high])
        else:
            for at, other in zip(range(low, high), range(first, last), strict=True):
                same = mine[at] == theirs[other]
                parts.append(core[at] if same else _cased_as(core[at], given[other]))
                cost += 0.0 if same else ACCENT_COST
    spelled = "".join(parts)
    if core[0].isalpha() and spelled[:1].isalpha():
        spelled = _cased_as(core[0], spelled[0]) + spelled[1:]
    return unicodedata.normalize("NFC", spelled), cost


def _cased_as(model: str, char: str) -> str:
    changed = char.upper() if model.isupper() else char.lower()
    return changed if len(changed) == 1 else char


def _weight(ours: str, theirs: str) -> float:
    """Cost of one replacement, insertion or deletion of letters; both are bare."""
    if len(ours) != len(theirs):
        return float(max(len(ours), len(theirs)))
    pairs = (one + other for one, other in zip(ours, theirs, strict=True))
    return sum(CONFUSABLE_COST if pair in _CONFUSABLE else 1.0 for pair in pairs)
