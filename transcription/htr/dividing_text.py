"""A line's text when the line is cut or joined: words stay whole."""

from __future__ import annotations

from collections.abc import Sequence

from transcription.htr.text import strict


def words_before(text: str, share: float) -> int:
    """How many words of ``text`` stand before the point at ``share`` of its length, in [0, 1]: the nearest gap between
    two words, or either end."""
    words = strict(text).split(" ") if strict(text) else []
    total = len(strict(text))
    gaps = [0.0]
    for word in words:
        gaps.append(gaps[-1] + len(word) + 1)
    # A gap lies in the middle of its space; the ends have none.
    places = [min(max(gap - 0.5, 0.0), total) for gap in gaps]
    return min(range(len(places)), key=lambda count: (abs(places[count] - share * total), count))


def divide_text(text: str, words: int) -> tuple[str, str]:
    """The first ``words`` words, and the rest."""
    all_words = strict(text).split(" ") if strict(text) else []
    count = min(max(words, 0), len(all_words))
    return " ".join(all_words[:count]), " ".join(all_words[count:])


def join_texts(texts: Sequence[str]) -> str:
    """One text of several, in their order; what is empty leaves no gap."""
    return " ".join(text for text in map(strict, texts) if text)
