"""Between tokens and text: which character came with which token, and how to spell a given text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transcription.htr.text import clusters


@dataclass(frozen=True, slots=True)
class Spelt:
    """``tokens`` read as ``text``. ``parts``: for each token that completes characters, how many it completes and the
    first of the tokens (index) that were needed for it: one character of UTF-8 may take several."""

    text: str
    parts: tuple[tuple[int, int, int], ...]  # (characters, first token, last token)

    def scores(self, log_probs: Sequence[float]) -> tuple[float, ...]:
        """For each character the probability of the tokens that made it."""
        return tuple(
            min(1.0, math.exp(sum(log_probs[first : last + 1])))
            for count, first, last in self.parts
            for _ in range(count)
        )

    def logarithms(self, log_probs: Sequence[float]) -> tuple[float, ...]:
        """For each character a logarithm, so that they sum up to that of the tokens: a token's stands at the last
        character it completes (of « the» the e and not the space, so that a word has its own), 0 at the others."""
        found: list[float] = []
        for count, first, last in self.parts:
            found += [0.0] * (count - 1)
            found.append(sum(log_probs[first : last + 1]))
        return tuple(found)


class Spelling:
    """Spells with a transformers tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._special = frozenset(tokenizer.all_special_ids)
        self._unknown = tokenizer.unk_token_id

    def is_text(self, token: int) -> bool:
        return token not in self._special

    def read(self, tokens: Sequence[int]) -> Spelt:
        """``tokens`` without special ones as text, by decoding every beginning of them."""
        text = self._decode(tokens)
        parts: list[tuple[int, int, int]] = []
        done = first = 0
        for last in range(len(tokens)):
            # Half a character decodes as U+FFFD, which the next token replaces: only what stays has been completed.
            begun = self._decode(tokens[: last + 1]) if last + 1 < len(tokens) else text
            here = _common(begun, text)
            if here > done:
                parts.append((here - done, first, last))
                done, first = here, last + 1
        return Spelt(text, tuple(parts))

    def spell(self, text: str) -> list[int] | None:
        """The tokens of ``text``; None when the tokenizer has no way to write it."""
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if self._unknown in tokens or self._decode(tokens) != text:
            return None
        return tokens

    def _decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False))


def stored(text: str, scores: Sequence[float]) -> tuple[str, tuple[float, ...]]:
    """``text`` as it may be stored (see ``htr/text.clean``), and its characters' scores in step with it.

    Characters that become one, or one space, have the least of their scores; what is no character has none.
    """
    kept: list[tuple[str, float]] = []
    place = 0
    for cluster in clusters(text):
        least = min(scores[place : place + len(cluster)])
        place += len(cluster)
        if cluster.isspace():
            if kept and kept[-1][0] == " ":
                kept[-1] = (" ", min(kept[-1][1], least))
            elif kept:
                kept.append((" ", least))
            continue
        composed = unicodedata.normalize("NFC", cluster)
        kept += [
            (char, least) for char in composed if unicodedata.category(char) not in {"Cc", "Cs"} and char != "\ufffd"
        ]
    if kept and kept[-1][0] == " ":
        kept.pop()
    return "".join(char for char, _ in kept), tuple(score for _, score in kept)


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))
