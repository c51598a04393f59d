"""Tell writing from bytes that merely decode to letters."""

from __future__ import annotations

import unicodedata
from collections import Counter

_MOST_ODD = 0.1  # share of characters without a meaning that all agree on; medieval fonts use some
_LETTERS = {"Lu", "Ll", "Lo"}
_MOST_OTHER = 0.1  # share of letters beside those of the two commonest scripts
_ONE_WRITING = dict.fromkeys(["HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"], "CJK")


def is_writing(text: str) -> bool:
    """False for control characters, for many code points of no character or of private use, and for letters of more
    than two scripts mixed as chance mixes them. A few words of a third script are quoted in many a letter."""
    kinds = Counter(unicodedata.category(char) for char in text if not char.isspace())
    if kinds["Cc"] or kinds["Cs"] or kinds["Cn"] + kinds["Co"] > _MOST_ODD * kinds.total():
        return False
    letters = [char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) in _LETTERS]
    scripts = Counter(map(_script, letters))
    others = scripts.total() - sum(count for _, count in scripts.most_common(2))
    return others <= 1 or others <= _MOST_OTHER * scripts.total()


def _script(letter: str) -> str:
    """The script of a letter, by the first word of its name: the standard library knows no better."""
    word = unicodedata.name(letter, "?").split(" ", 1)[0]
    return _ONE_WRITING.get(word, word)
