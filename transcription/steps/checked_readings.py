"""What engines answer, before anything believes it: engines are other people's code, their models other people's
weights, and a page may say what it likes."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import replace
from itertools import chain, starmap
from typing import TypeVar

from transcription.errors import EngineFailure
from transcription.htr.checks.repetition import looped_lines
from transcription.htr.records import Hypothesis, ItemError, PageText, ReadingRecord
from transcription.htr.text import clean

LONGEST_LINE = 2_000  # characters; the longest of 40,000 lines of ground truth has 190
LONGEST_PAGE, MOST_LINES = 40_000, 1_000  # a broadsheet of small print has a third of it
MOST_HYPOTHESES = 32
LONGEST_MESSAGE = 500
ROUNDING = 1e-3  # a score may lie so far outside [0, 1]: half precision
MOST_RESULTS = 2, 100  # times the lines there are, and so many more; an engine that gives more has lost its count

Record = TypeVar("Record", ReadingRecord, PageText)


def checked(results: Iterable[object], lines: Sized) -> Iterator[ReadingRecord | ItemError]:
    """``results`` as they may be stored, each bearing the index of one of ``lines`` (which grow while the engine takes
    them); what bears another key is left out, so that its line is one without a result.

    Raises EngineFailure when the engine does not stop giving results.
    """
    return starmap(checked_result, _placed(results, lines, "lines"))


def checked_pages(results: Iterable[object], pages: Sized) -> Iterator[PageText | ItemError]:
    """As ``checked``, for readings of whole pages."""
    return starmap(checked_page, _placed(results, pages, "pages"))


def _placed(results: Iterable[object], items: Sized, called: str) -> Iterator[tuple[object, int]]:
    """The results that belong to one of ``items``, and to which."""
    times, more = MOST_RESULTS
    for number, result in enumerate(results):
        if number >= times * len(items) + more:
            raise EngineFailure(f"The engine gave {number} results for {len(items)} {called} and did not stop.")
        key = getattr(result, "key", None)
        place = int(key) if isinstance(key, numbers.Integral) else -1
        if 0 <= place < len(items):
            yield result, place


def checked_result(result: object, key: int) -> ReadingRecord | ItemError:
    """One result: text in NFC without control characters, finite scores and shares in [0, 1], one score for each
    character; or what is wrong with it. Never raises.

    Characters that cleaning leaves keep their scores; where it joins some (NFC), each gets the mean of all, for which
    is whose cannot be said any more.
    """
    return _whole(result, key, ReadingRecord, _checked)


def checked_page(result: object, key: int) -> PageText | ItemError:
    """As ``checked_result``, for a page: each line's text and scores. Lines that only repeat those before them, as a
    model says them that has lost its place, are left out, and lines of which nothing is left; ``raw`` keeps them. A
    page that is endless or whose scores are no numbers fails as a whole: nobody could say where the rest stands.
    """
    return _whole(result, key, PageText, _checked_page)


def _whole(
    result: object, key: int, kind: type[Record], check: Callable[[Record], Record | ItemError]
) -> Record | ItemError:
    if isinstance(result, ItemError):
        message = clean(str(result.message))[:LONGEST_MESSAGE] or "the engine did not say why."
        return ItemError(key, clean(str(result.code))[:40] or "error", message)
    if not isinstance(result, kind):
        return ItemError(key, "bad-result", f"the engine gave a {type(result).__name__} where a reading was expected.")
    try:
        return check(replace(result, key=key))
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        return ItemError(key, "bad-result", f"the engine gave a reading that cannot be stored ({error}).")


def _checked(record: ReadingRecord) -> ReadingRecord | ItemError:
    if len(record.text) > LONGEST_LINE:
        count = f"{len(record.text):,} characters for one line, where {LONGEST_LINE:,} are the most"
        return ItemError(record.key, "endless-text", f"the engine gave {count}; it may be repeating itself.")
    chars = _shares(record.chars)
    if chars is None:
        return ItemError(record.key, "bad-scores", "the engine gave scores that are not numbers from 0 to 1.")
    spans = record.spans
    if len(spans) != len(record.text) or any(len(span) != 2 for span in spans) or _shares(chain(*spans)) is None:
        spans = ()  # where a character stands is a bonus
    text, chars, kept = _cleaned(record.text, chars)
    spans = tuple(spans[place] for place in kept) if spans and kept is not None else ()
    milliseconds, nbest = _duration(record.milliseconds), _nbest(record.nbest, text)
    return replace(record, text=text, chars=chars, spans=spans, milliseconds=milliseconds, nbest=nbest)


def _checked_page(record: PageText) -> PageText | ItemError:
    count = max(len(record.raw), sum(map(len, record.lines)))
    if count > LONGEST_PAGE or len(record.lines) > MOST_LINES:
        said = f"{count:,} characters in {len(record.lines):,} lines for one page"
        most = f"{LONGEST_PAGE:,} and {MOST_LINES:,} are the most"
        return ItemError(record.key, "endless-text", f"the engine gave {said}, where {most}; it may repeat itself.")
    lines: list[str] = []
    scores: list[tuple[float, ...]] = []
    for line, given in zip(record.lines, record.chars, strict=True):
        chars = _shares(given)
        if chars is None:
            return ItemError(record.key, "bad-scores", "the engine gave scores that are not numbers from 0 to 1.")
        if len(chars) != len(line):
            raise ValueError(f"{len(chars)} scores for {len(line)} characters")
        text, chars, _ = _cleaned(line, chars)
        lines.append(text)
        scores.append(chars)
    looped = set(looped_lines(lines))
    kept = [row for row, line in enumerate(lines) if line and row not in looped]
    return replace(
        record,
        lines=tuple(lines[row] for row in kept),
        chars=tuple(scores[row] for row in kept),
        milliseconds=_duration(record.milliseconds),
    )


def _duration(milliseconds: float) -> float:
    return milliseconds if math.isfinite(milliseconds) and milliseconds >= 0 else 0.0


def _cleaned(text: str, chars: tuple[float, ...]) -> tuple[str, tuple[float, ...], Sequence[int] | None]:
    """``text`` as it may be stored, its characters' scores, and where they stood; None where some were made of
    others."""
    cleaned = clean(text)
    if cleaned == text:
        return text, chars, range(len(text))
    kept = _kept(text, cleaned)
    if kept is None:
        return cleaned, (sum(chars) / len(chars),) * len(cleaned), None
    return cleaned, tuple(chars[place] for place in kept), kept


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
