"""What engines answer, before anything believes it: engines are other people's code, their models other people's
weights, and a page may say what it likes."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import replace
from itertools import chain

from transcription.errors import EngineFailure
from transcription.htr.records import Hypothesis, ItemError, ReadingRecord
from transcription.htr.text import clean

LONGEST_LINE = 2_000  # characters; the longest of 40,000 lines of ground truth has 190
MOST_HYPOTHESES = 32
LONGEST_MESSAGE = 500
ROUNDING = 1e-3  # a score may lie so far outside [0, 1]: half precision
MOST_RESULTS = 2, 100  # times the lines there are, and so many more; an engine that gives more has lost its count


def checked(results: Iterable[object], lines: Sized) -> Iterator[ReadingRecord | ItemError]:
    """``results`` as they may be stored, each bearing the index of one of ``lines`` (which grow while the engine takes
    them); what bears another key is left out, so that its line is one without a result.

    Raises EngineFailure when the engine does not stop giving results.
    """
    times, more = MOST_RESULTS
    for number, result in enumerate(results):
        if number >= times * len(lines) + more:
            raise EngineFailure(f"The engine gave {number} results for {len(lines)} lines and did not stop.")
        key = getattr(result, "key", None)
        place = int(key) if isinstance(key, numbers.Integral) else -1
        if 0 <= place < len(lines):
            yield checked_result(result, place)


def checked_result(result: object, key: int) -> ReadingRecord | ItemError:
    """One result: text in NFC without control characters, finite scores and shares in [0, 1], one score for each
    character; or what is wrong with it. Never raises.

    Characters that cleaning leaves keep their scores; where it joins some (NFC), each gets the mean of all, for which
    is whose cannot be said any more.
    """
    if isinstance(result, ItemError):
        message = clean(str(result.message))[:LONGEST_MESSAGE] or "the engine did not say why."
        return ItemError(key, clean(str(result.code))[:40] or "error", message)
    if not isinstance(result, ReadingRecord):
        return ItemError(key, "bad-result", f"the engine gave a {type(result).__name__} where a reading was expected.")
    try:
        return _checked(replace(result, key=key))
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        return ItemError(key, "bad-result", f"the engine gave a reading that cannot be stored ({error}).")


def _checked(record: ReadingRecord) -> ReadingRecord | ItemError:
    if len(record.text) > LONGEST_LINE:
        count = f"{len(record.text):,} characters for one line, where {LONGEST_LINE:,} are the most"
        return ItemError(record.key, "endless-text", f"the engine gave {count}; it may be repeating itself.")
    chars = _shares(record.chars)
    if chars is None:
        return ItemError(record.key, "bad-scores", "the engine gave scores that are not numbers from 0 to 1.")
    text, spans = clean(record.text), record.spans
    if len(spans) != len(record.text) or any(len(span) != 2 for span in spans) or _shares(chain(*spans)) is None:
        spans = ()  # where a character stands is a bonus
    if text != record.text:
        kept = _kept(record.text, text)
        if kept is None:
            chars, spans = (sum(chars) / len(chars),) * len(text), ()
        else:
            chars, spans = tuple(chars[place] for place in kept), tuple(spans[place] for place in kept if spans)
    milliseconds = record.milliseconds if math.isfinite(record.milliseconds) and record.milliseconds >= 0 else 0.0
    nbest = _nbest(record.nbest, text)
    return replace(record, text=text, chars=chars, spans=spans, milliseconds=milliseconds, nbest=nbest)


def _kept(before: str, after: str) -> list[int] | None:
    """Where the characters of ``after`` stand in ``before``; None where some were made of others."""
    places: list[int] = []
    at = 0
    for char in after:
        while at < len(before) and before[at] != char and not (char == " " and before[at].isspace()):
            at += 1
        if at == len(before):
            return None
        places.append(at)
        at += 1
    return places


def _nbest(nbest: Sequence[Hypothesis], text: str) -> tuple[Hypothesis, ...]:
    """The hypotheses, each text once, ``text`` first; none where they do not begin with it."""
    found: dict[str, Hypothesis] = {}
    for each in nbest[:MOST_HYPOTHESES]:
        share = _shares([each.share])
        if share is not None and len(each.text) <= LONGEST_LINE:
            cleaned = clean(each.text)
            found.setdefault(cleaned, Hypothesis(cleaned, share[0]))
    return tuple(found.values()) if found and next(iter(found)) == text else ()


def _shares(values: Iterable[float]) -> tuple[float, ...] | None:
    """``values`` as floats in [0, 1]; None where one is not."""
    shares = tuple(map(float, values))
    if not shares:
        return shares
    least, most = min(shares), max(shares)
    if math.isnan(sum(shares)) or least < -ROUNDING or most > 1 + ROUNDING:
        return None
    return shares if least >= 0 and most <= 1 else tuple(min(max(share, 0.0), 1.0) for share in shares)
