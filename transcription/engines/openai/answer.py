"""What came back: the text, how sure the model was of each character, what was counted."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from transcription.errors import EngineFailure
from transcription.htr.records import Usage
from transcription.htr.text import UNCLEAR, clean, clusters

MOST_COUNTED = 10**9  # tokens of one call: more is no count
UNCLEAR_SCORE = 0.2  # of a word that the model itself calls unclear
_UNCLEAR = re.compile(r"\[unclear\]", re.IGNORECASE)
_FENCE = re.compile(r"^\s*```\w*\s*$")


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer as it was sent: ``scores`` one in [0, 1] per character of ``text``, None where the endpoint told no
    probabilities; ``usage`` None where it did not count."""

    text: str
    scores: tuple[float, ...] | None
    usage: Usage | None
    finish: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class ScoredLine:
    """One line as Longhand stores it, with a score per character."""

    text: str
    chars: tuple[float, ...]


def read_completion(body: bytes) -> Completion:
    """Parse an answer with status 200. Raises EngineFailure where it is none."""
    parsed = parse_object(body)
    try:
        choice = parsed["choices"][0]
        message = choice["message"]
        content = message.get("content")
        text = _joined(content)
        refusal = message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise EngineFailure(
            "The endpoint's answer is no chat completion; check its address and its model.", code="endpoint-answer"
        ) from None
    text = storable(text)
    return Completion(
        text=text,
        scores=_character_scores(text, choice.get("logprobs")),
        usage=_usage(parsed.get("usage")),
        finish=str(choice.get("finish_reason") or ""),
        refusal=refusal if isinstance(refusal, str) else "",
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises EngineFailure."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise EngineFailure("The endpoint's answer is not JSON; check its address.", code="endpoint-answer")
    return parsed


def storable(text: str) -> str:
    """``text`` without what no database takes: NULs and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def scored_lines(completion: Completion, fixed_score: float) -> list[ScoredLine]:
    """The answer cut at its line breaks, fences of code around it and empty lines left out."""
    scores = completion.scores or (fixed_score,) * len(completion.text)
    lines: list[ScoredLine] = []
    start = 0
    for raw in completion.text.splitlines(keepends=True):
        line = _stored(raw, scores[start : start + len(raw)])
        start += len(raw)
        if line.text and not _FENCE.match(raw):
            lines.append(line)
    return lines


def joined_line(lines: list[ScoredLine]) -> ScoredLine:
    """Lines as one: an engine that was asked for one line and broke it read one all the same."""
    chars: list[float] = []
    for line in lines:
        chars += [line.chars[0], *line.chars] if chars else line.chars
    return ScoredLine(" ".join(line.text for line in lines), tuple(chars))


def _joined(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):  # some servers answer in parts
        return "".join(part["text"] for part in content if part["type"] == "text")
    raise TypeError


def _usage(found: object) -> Usage | None:
    """What the endpoint counted. Where its total is more than the two parts, the rest was thought, and came out."""
    if not isinstance(found, dict):
        return None
    came_in, went_out = _count(found.get("prompt_tokens")), _count(found.get("completion_tokens"))
    if came_in is None or went_out is None:
        return None
    total = _count(found.get("total_tokens"))
    if total is not None:
        went_out = max(went_out, total - came_in)
    return Usage(tokens_in=came_in, tokens_out=went_out)


def _count(value: object) -> int | None:
    is_one = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNTED
    return value if is_one else None  # type: ignore[return-value]


def _character_scores(text: str, logprobs: object) -> tuple[float, ...] | None:
    """Each character gets the probability of the token it came from, the lowest where several made it.

    Tokens may end within a character, so they are laid over the text byte by byte; where they do not spell the text,
    its scores are unknown.
    """
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content:
        return None
    spelled, values = bytearray(), list[float]()
    for token in content:
        part = _token_bytes(token)
        if part is None:
            return None
        spelled += part
        values += [_probability(token.get("logprob"))] * len(part)
    encoded = text.encode()
    place = bytes(spelled).find(encoded)  # what opens or ends an answer may be among the tokens
    if place < 0:
        return None
    scores = []
    for char in text:
        width = len(char.encode())
        scores.append(min(values[place : place + width]))
        place += width
    return tuple(scores)


def _token_bytes(token: object) -> bytes | None:
    if not isinstance(token, dict):
        return None
    raw = token.get("bytes")
    if isinstance(raw, list):
        try:
            return bytes(raw)
        except (TypeError, ValueError):
            return None
    written = token.get("token")
    return written.encode("utf-8", "replace") if isinstance(written, str) else None


def _probability(logprob: object) -> float:
    if isinstance(logprob, bool) or not isinstance(logprob, (int, float)) or math.isnan(logprob):
        return 0.0
    return math.exp(min(0.0, max(-100.0, logprob)))


def _stored(raw: str, scores: tuple[float, ...]) -> ScoredLine:
    """One line with its marks as Longhand writes them, clean, the scores following every change."""
    text, chars = _with_marks(raw, scores)
    kept: list[tuple[str, float]] = []
    place = 0
    for cluster in clusters(text):
        score = min(chars[place : place + len(cluster)])
        place += len(cluster)
        for char in unicodedata.normalize("NFC", cluster):
            if not char.isspace():
                kept.append((char, score))
            elif kept and kept[-1][0] != " ":
                kept.append((" ", score))
    if kept and kept[-1][0] == " ":
        kept.pop()
    joined = "".join(char for char, _ in kept)
    tidy = clean(joined)
    if tidy == joined:
        return ScoredLine(joined, tuple(score for _, score in kept))
    # Control characters went, or parts composed across clusters: rare enough for the lowest score to stand for all.
    return ScoredLine(tidy, (min((score for _, score in kept), default=0.0),) * len(tidy))


def _with_marks(raw: str, scores: tuple[float, ...]) -> tuple[str, list[float]]:
    """``[UNCLEAR]`` as ``[?]``; it and the word it is written at are doubtful however sure the model was of them."""
    text, chars, end = "", list[float](), 0
    for match in _UNCLEAR.finditer(raw):
        text += raw[end : match.start()]
        chars += scores[end : match.start()]
        at = len(text)
        while at and not text[at - 1].isspace():
            at -= 1
            chars[at] = min(chars[at], UNCLEAR_SCORE)
        text += UNCLEAR
        chars += [UNCLEAR_SCORE] * len(UNCLEAR)
        end = match.end()
    return text + raw[end:], [*chars, *scores[end:]]
