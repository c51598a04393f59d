"""A list of words that a beam search favors: names, places, terms. A bonus, never a limit.

The words form a tree of characters. A prefix of a text stands at the root where a word may begin, at the node that the
letters since then spell, or nowhere. It is lent part of the bonus on its way down and pays it back when it leaves the
tree or its word ends too early; a word that ends where a listed word ends keeps the whole of it. So the weight depends
on the text alone, and a text without listed words has none.
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


@dataclass(frozen=True, slots=True)
class Bonus:
    """Natural logarithms: a listed word brings ``word`` + ``letter`` for each of its characters, of which the share
    ``lent`` is given on the way, evenly by character."""

    word: float = 1.0
    letter: float = 0.3
    lent: float = 0.5


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
        other_case = {number[char]: number[char.swapcase()] for char in alphabet if char.swapcase() in number}
        children: list[dict[int, int]] = [{}, {}]
        loans, whole = [0.0, 0.0], [0.0, 0.0]
        for codes in self._words:
            node = _ROOT
            value = bonus.word + bonus.letter * len(codes)
            for depth, code in enumerate(codes, 1):
                following = children[node].get(code)
                if following is None:
                    following = children[node][code] = len(children)
                    children.append({})
                    loans.append(0.0)
                    whole.append(0.0)
                    if depth == 1 and code in other_case:
                        children[_ROOT].setdefault(other_case[code], following)
                node = following
                loans[node] = max(loans[node], bonus.lent * value * depth / len(codes))
            whole[node] = max(whole[node], value)
        table = np.zeros((len(children), self._classes), np.int32)
        for node, ways in enumerate(children):
            table[node, list(ways)] = list(ways.values())
        # A word ends, and the next may begin, at anything that is no letter and no figure.
        between = [0, *(place + 1 for place, char in enumerate(alphabet) if not _PIECE.fullmatch(char))]
        table[:, between] = _ROOT
        self._following = table.reshape(-1)
        self._loan = np.exp(np.array(loans)).astype(np.float32)
        self._settled = np.exp(np.array(whole) - np.array(loans)).astype(np.float32)

    def __len__(self) -> int:
        return len(self._words)

    def following(self, nodes: NDArray[np.intp], chars: NDArray[np.intp]) -> NDArray[np.int32]:
        """Where a character leads, for arrays of one shape."""
        return self._following.take(nodes * self._classes + chars)

    def gains(self, nodes: NDArray[np.intp], chars: NDArray[np.intp]) -> NDArray[np.float32]:
        """What a character multiplies the weight by."""
        following = self._following.take(nodes * self._classes + chars)
        settled = np.where(following == _ROOT, self._settled.take(nodes), np.float32(1) / self._loan.take(nodes))
        gains: NDArray[np.float32] = settled * self._loan.take(following)
        return gains

    def ends(self, nodes: NDArray[np.intp]) -> NDArray[np.float32]:
        """What the line's end multiplies the weight by."""
        gains: NDArray[np.float32] = self._settled.take(nodes)
        return gains
