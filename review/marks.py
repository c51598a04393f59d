"""What the editor knows about each word of a line: how sure the vote was, what else was read, where it stands."""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, TypedDict


class Alternative(TypedDict):
    text: str
    passes: list[str]


class MarkedWord(TypedDict):
    """A word of the current text.

    ``index`` is its word in the vote, ``voted`` the vote's confidence there; ``confidence`` None: a person's word.
    """

    text: str
    index: int | None
    confidence: float | None
    voted: float | None
    settled: bool
    span: list[float] | None
    passes: list[str]
    alternatives: list[Alternative]


def mark_words(
    text: str, voted: Sequence[dict[str, Any]], settled: Container[int], *, unseen: bool = False
) -> list[MarkedWord]:
    """The words of ``text``, each with what the vote knows of it.

    Words that stand in the vote unchanged keep its confidence, also after a person corrected their neighbours: one
    correction does not make the rest of the line certain. ``settled`` are indexes that a person has decided. A word
    that a person put in place of a voted one has no confidence, and offers the machine's word as an alternative.
    ``unseen``: it was put there in many lines at once and nobody looked at this one. Such a word is as doubtful as the
    one that was read, until a person decides it.
    """
    tokens = text.split()
    known = [(index, word) for index, word in enumerate(voted) if word["text"].strip()]
    matcher = SequenceMatcher(None, [word["text"] for _, word in known], tokens, autojunk=False)
    words: list[MarkedWord] = []
    for tag, low, high, first, last in matcher.get_opcodes():
        if tag == "equal":
            words.extend(_as_voted(index, word, index in settled) for index, word in known[low:high])
        elif tag == "replace" and high - low == last - first:
            pairs = zip(known[low:high], tokens[first:last], strict=True)
            for (index, word), token in pairs:
                words.append(_in_place_of(index, word, token, unseen=unseen and index not in settled))
        else:
            spans = _spread([word for _, word in known[low:high]], last - first)
            words.extend(_typed(token, span) for token, span in zip(tokens[first:last], spans, strict=True))
    return words


def _as_voted(index: int, word: dict[str, Any], settled: bool) -> MarkedWord:
    return MarkedWord(
        text=word["text"],
        index=index,
        confidence=word["confidence"],
        voted=word["confidence"],
        settled=settled,
        span=word.get("span"),
        passes=list(word.get("passes", ())),
        alternatives=[Alternative(text=each["text"], passes=list(each["passes"])) for each in word["alternatives"]],
    )


def _in_place_of(index: int, word: dict[str, Any], token: str, *, unseen: bool) -> MarkedWord:
    machine = Alternative(text=word["text"], passes=list(word.get("passes", ())))
    others = [Alternative(text=each["text"], passes=list(each["passes"])) for each in word["alternatives"]]
    return MarkedWord(
        text=token,
        index=index,
        confidence=word["confidence"] if unseen else None,
        voted=word["confidence"],
        settled=not unseen,
        span=word.get("span"),
        passes=next((each["passes"] for each in others if each["text"] == token), []),
        alternatives=[each for each in [machine, *others] if each["text"] != token],
    )


def _typed(token: str, span: list[float] | None) -> MarkedWord:
    return MarkedWord(
        text=token, index=None, confidence=None, voted=None, settled=True, span=span, passes=[], alternatives=[]
    )


def _spread(replaced: Sequence[dict[str, Any]], count: int) -> Iterator[list[float] | None]:
    """``count`` equal parts of the ground that the replaced words covered; None where that is not known."""
    edges = [edge for word in replaced for edge in (word.get("span") or ())]
    low, high = (min(edges), max(edges)) if edges else (0.0, 0.0)
    for part in range(count):
        yield [low + (high - low) * part / count, low + (high - low) * (part + 1) / count] if edges else None
