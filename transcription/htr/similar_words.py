"""How near two spellings of a word are, where spelling was free."""

from __future__ import annotations

import re

from rapidfuzz.distance import OSA

LEAST_LETTERS = 3  # a shorter word is near too many
# Letters that scribes (and the printers after them) used for each other.
_INTERCHANGED = str.maketrans({"y": "i", "j": "i", "v": "u", "w": "u", "k": "c", "q": "c", "z": "s"})
_DOUBLED = re.compile(r"(.)\1+")
_PAIRS = (("ph", "f"), ("ck", "c"), ("th", "t"), ("gh", "g"), ("ea", "e"), ("ie", "i"), ("ae", "e"), ("oe", "e"))


def most_edits(word: str) -> int:
    """How many letters a spelling similar to ``word`` may have otherwise; 0: none is looked for."""
    if len(word) < LEAST_LETTERS or any(char.isdigit() for char in word):
        return 0  # another number is never a spelling of this one
    return 1 if len(word) < 5 else 2 if len(word) < 9 else 3


def skeleton(word: str) -> str:
    """``word`` (folded) with what was spelt freely made one: Smythe, Smith → smit; Katharyne → catarin."""
    for pair, one in _PAIRS:
        word = word.replace(pair, one)
    word = _DOUBLED.sub(r"\1", word.translate(_INTERCHANGED))
    return word[:-1] if len(word) > LEAST_LETTERS and word.endswith("e") else word


def distance(word: str, other: str) -> int:
    """Edits from ``word`` to ``other``, a swap of two neighbours being one; 1 where only free spelling parts them."""
    if word == other:
        return 0
    if len(word) > LEAST_LETTERS and skeleton(word) == skeleton(other):
        return 1
    return int(OSA.distance(word, other))
