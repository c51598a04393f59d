"""A list of words that a beam search favors: names, places, terms. A bonus, never a limit.

The words form a tree of characters, and a prefix of a text stands at its root where a word may begin, at the node that
the letters since then spell, or nowhere. Of a name it has never seen a language model is surprised at every letter;
where the letters go on as a listed word, the surprise is capped at what the list itself would say, P(next letter |
letters so far) over all listed words: so a short list helps much, a list of ten thousand words little, and a word that
the model knows anyway gains next to nothing. What is so gained is only lent: it is paid back where the tree is left or
the word ends too early, and kept where a listed word ends. The weight depends on the text alone, and a text without
listed words has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcription.htr.text import plain_superscripts, strict

_ROOT = 1  # node 0 is nowhere
_PIECE = re.compile(r"[^\W_^]+(?:\^[^\W_^]+)*|\^")  # "M^r" is one word

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bonus:
    """``trust`` is the logarithm of the chance that the list is what explains a letter (the cap on surprise is lower
    by so much); ``word`` is a logarithm that every listed word gains besides."""

    trust: float = -1.0
    word: float = 0.5


class Vocabulary:
    """The tree of ``words``, split at whatever is no letter and no figure ("Saint-Denis", "l'Abbé"); the case of a
    first letter does not matter. Characters that the alphabet lacks are left out; single characters bring nothing."""

    root = _ROOT

    def __init__(self, words: Iterable[str], alphabet: str, bonus: Bonus) -> None:
        number = {char: index + 1 for index, char in enumerate(alphabet)}
        pieces = {piece for word in words for piece in _PIECE.findall(plain_superscripts(strict(word)))}
        spelled = {tuple(number[char] for char in piece if char in number) for piece in pieces}
        self._words = sorted(codes for codes in spelled if len(codes) > 1)
        self._classes = len(alphabet) + 1
        self._bonus = bonus
        other_case = {number[char]: number[char.swapcase()] for char in alphabet if char.swapcase() in number}
        children: list[dict[int, int]] = [{}, {}]
        counts, listed = [1, max(1, len(self._words))], [False, False]
        for codes in self._words:
            node = _ROOT
            for depth, code in enumerate(codes, 1):
                following = children[node].get(code)
                if following is None:
                    following = children[node][code] = len(children)
                    children.append({})
                    counts.append(0)
                    listed.append(False)
                    if depth == 1 and code in other_case:
                        children[_ROOT].setdefault(other_case[code], following)
                node = following
                counts[node] += 1
            listed[node] = True
        table = np.zeros((len(children), self._classes), np.int32)
        for node, ways in enumerate(children):
            table[node, list(ways)] = list(ways.values())
        # A word ends, and the next may begin, at anything that is no letter and no figure.
        between = [0, *(place + 1 for place, char in enumerate(alphabet) if not _PIECE.fullmatch(char))]
        table[:, between] = _ROOT
        self._following = table.reshape(-1)
        self._logs = np.log(np.array(counts, np.float32))  # of the number of words below a node
        self._listed = np.array(listed)

    def __len__(self) -> int:
        return len(self._words)

    def following(self, nodes: NDArray[np.intp], chars: NDArray[np.intp]) -> NDArray[np.int32]:
        """Where a character leads, for arrays of one shape."""
        return self._following.take(nodes * self._classes + chars)

    def gains(
        self, nodes: NDArray[np.intp], lent: Floats, chars: NDArray[np.intp], surprise: Floats, alpha: float
    ) -> tuple[Floats, Floats]:
        """What characters add to the logarithm of a prefix's weight, and what is lent after them, (…) each.

        ``lent`` is what the prefix owes, ``surprise`` the model's -ln P of the character, ``alpha`` the model's weight.
        """
        following = self._following.take(nodes * self._classes + chars)
        inside = following > _ROOT
        spared = surprise + np.float32(self._bonus.trust) + self._logs.take(following) - self._logs.take(nodes)
        spared = np.where(inside, np.maximum(spared, 0) * np.float32(alpha), np.float32(0))
        kept = (following == _ROOT) & self._listed.take(nodes)
        gains = np.where(inside, spared, np.where(kept, np.float32(self._bonus.word), -lent))
        return gains, np.where(inside, lent + spared, np.float32(0))

    def ends(self, nodes: NDArray[np.intp], lent: Floats) -> Floats:
        """What the line's end adds."""
        return np.where(self._listed.take(nodes), np.float32(self._bonus.word), -lent)
