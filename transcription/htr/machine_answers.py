"""What a language model answered, as text with a score for each character: its tokens put together, its lines parted,
its marker for an unclear word turned into ours. What is not proven to be wrapping stays: the vote weighs it.
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transcription.htr.text import UNCLEAR, clean, clusters

UNCLEAR_SCORE = 0.2  # at most, on a word that the model itself calls unclear
_MARKER = re.compile(r"\[\s*(?:UNCLEAR|\?)\s*\]", re.IGNORECASE)
_FENCE = re.compile(r"```[\w-]*")


@dataclass(frozen=True, slots=True)
class ScoredText:
    """``chars`` holds one score in [0, 1] per character of ``text``."""

    text: str
    chars: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.chars) != len(self.text):
            raise ValueError(f"{len(self.chars)} scores for {len(self.text)} characters")

    def part(self, start: int, end: int) -> ScoredText:
        return ScoredText(self.text[start:end], self.chars[start:end])


def joined_tokens(tokens: Iterable[tuple[bytes, float]]) -> ScoredText:
    """Tokens, each its bytes and the logarithm of its probability, as text.

    A character has the probability of its token, or the product of those that it takes several of: what a model says
    of a token it does not say of the letters in it. Bytes that are no UTF-8 become U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text: list[str] = []
    chars: list[float] = []
    pending = 0.0  # logarithms of the tokens that began a character which is not complete
    for data, logarithm in tokens:
        came = decoder.decode(data)
        pending += logarithm
        if came:
            text.append(came)
            chars += [math.exp(min(0.0, pending))] * len(came)
            pending = logarithm if decoder.getstate()[0] else 0.0
    rest = decoder.decode(b"", final=True)
    chars += [math.exp(min(0.0, pending))] * len(rest)
    return ScoredText("".join([*text, rest]), tuple(chars))


def answered_line(answer: ScoredText) -> ScoredText:
    """The one line that an answer about a line's image holds; line breaks in it become spaces."""
    return _tidy(_unfenced(answer))


def answered_lines(answer: ScoredText) -> list[ScoredText]:
    """The lines of an answer about a page, blank ones left out."""
    lines = (_tidy(line) for line in _split(_unfenced(answer)))
    return [line for line in lines if line.text]


def repeats(tokens: Sequence[int], times: int, *, longest: int = 24, least: int = 24) -> int:
    """How many tokens at the end of ``tokens`` only say again what stands before them; 0 where nothing does.

    An end is a repetition when its last stretch of up to ``longest`` tokens stands there at least ``times`` times in a
    row and over ``least`` tokens in all: a row of dots or dashes is writing.
    """
    for length in range(1, min(longest, len(tokens) // max(2, times)) + 1):
        needed = max(times, -(-least // length))
        if needed * length > len(tokens):
            continue
        last = tokens[-length:]
        if all(tokens[-(k + 1) * length : -k * length] == last for k in range(1, needed)):
            return (needed - 1) * length
    return 0


def _unfenced(answer: ScoredText) -> ScoredText:
    """Without a code fence that wraps the whole answer: the only wrapping that no page has."""
    lines = [line for line in _split(answer) if line.text.strip()]
    if len(lines) < 3 or not _FENCE.fullmatch(lines[0].text.strip()) or lines[-1].text.strip() != "```":
        return answer
    start = answer.text.index("\n", answer.text.index("```")) + 1
    return answer.part(start, answer.text.rindex("```"))


def _split(answer: ScoredText) -> list[ScoredText]:
    parts = []
    start = 0
    for line in answer.text.splitlines(keepends=True):
        kept = line.rstrip("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
        parts.append(answer.part(start, start + len(kept)))
        start += len(line)
    return parts


def _tidy(line: ScoredText) -> ScoredText:
    """Markers as ours with the doubt they bring; then the text as it may be stored, each character with its score."""
    text: list[str] = []
    chars: list[float] = []
    end = 0
    for marker in _MARKER.finditer(line.text):
        text.append(line.text[end : marker.start()])
        chars += line.chars[end : marker.start()]
        word = re.search(r"\S*\Z", text[-1])
        assert word is not None
        for place in range(len(chars) - len(word[0]), len(chars)):
            chars[place] = min(chars[place], UNCLEAR_SCORE)
        text.append(UNCLEAR)
        chars += [UNCLEAR_SCORE] * len(UNCLEAR)
        end = marker.end()
    text.append(line.text[end:])
    chars += line.chars[end:]
    return _storable(ScoredText("".join(text), tuple(chars)))


def _storable(line: ScoredText) -> ScoredText:
    """As `text.clean` makes it, with scores: a character composed of several has the least of theirs."""
    text: list[str] = []
    chars: list[float] = []
    start = 0
    for cluster in clusters(line.text):
        scores = line.chars[start : start + len(cluster)]
        start += len(cluster)
        if cluster.isspace():
            if text and text[-1] != " ":
                text.append(" ")
                chars.append(min(scores))
            continue
        kept = clean(cluster)
        if kept:
            text += kept
            chars += [min(scores)] * len(kept)
    if text and text[-1] == " ":
        text.pop()
        chars.pop()
    whole = "".join(text)
    composed = unicodedata.normalize("NFC", whole)
    if composed != whole:  # what stood apart by a character that was taken out
        return ScoredText(composed, tuple([min(chars)] * len(composed)))
    return ScoredText(whole, tuple(chars))
