"""All checks of one text, in their order: what the text says of itself, what its line has room for, what others read.

``own_failures`` need nothing but one reading and its line: a reading that has any is left out of the vote where another
stands. ``failures`` are those of a text that was voted, and cap its confidence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from transcription.htr.checks.codes import Code, Failed
from transcription.htr.checks.families import likeness, unlike_others
from transcription.htr.checks.folding import MOST
from transcription.htr.checks.languages import foreign_script, other_language
from transcription.htr.checks.markup import markup
from transcription.htr.checks.modern import modernised
from transcription.htr.checks.repetition import repetition
from transcription.htr.checks.room import no_ink, not_read, too_long
from transcription.htr.checks.talk import chatter, prompt_leak, refusal

CAP = 0.3  # confidence of a text that failed a check: below every threshold that is worth setting
CONFIRMED = (
    0.65  # likeness from which another family has read the same text, names and figures that translations keep aside
)
# Failures that make a reading no witness of what stands on the line, whatever others read.
OWN: frozenset[Code] = frozenset(
    {"repetition", "refusal", "chatter", "prompt-leak", "markup", "foreign-script", "too-long"}
)


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a line beside its readings: ``proportion`` is its length divided by its height, ``ink`` the
    share of its crop that is ink (None where nobody measured); ``language`` a BCP-47 tag, "" for unknown; ``prompts``
    what language models were asked."""

    proportion: float | None = None
    ink: float | None = None
    language: str = ""
    prompts: tuple[str, ...] = ()


def own_failures(text: str, context: Context) -> tuple[Failed, ...]:
    """Checks that a reading fails by itself. They never raise, whatever the text."""
    # Passes of one engine mostly agree, and the vote with them: each text of a line is looked at once.
    return _remembered(text, context) if len(text) <= MOST else _own_failures(text, context)


def _own_failures(text: str, context: Context) -> tuple[Failed, ...]:
    return _failed(
        [
            ("repetition", repetition(text)),
            ("refusal", refusal(text)),
            ("prompt-leak", prompt_leak(text, context.prompts)),
            ("chatter", chatter(text)),
            ("markup", markup(text)),
            ("foreign-script", foreign_script(text, context.language)),
            ("too-long", too_long(text, context.proportion)),
        ]
    )


_remembered = lru_cache(maxsize=256)(_own_failures)


def source_failures(
    text: str, context: Context, others: Sequence[str], literal: Sequence[str] = ()
) -> tuple[Failed, ...]:
    """Checks against the line's ink, the collection's language and what ``others``, engines of other families, read.

    A text in a strange language that another family has read alike stands there so, and so does one that is in
    ``literal``, what engines read that cannot translate; where others read something else, it takes less to show that
    it is strange.
    """
    confirmed = any(likeness(text, other) >= CONFIRMED for other in (*others, *literal))
    language = "" if confirmed else other_language(text, context.language, names=not any(others))
    return _failed(
        [
            ("other-language", language),
            ("unlike-others", unlike_others(text, others)),
            ("modernised", next(filter(None, (modernised(text, other) for other in others)), "")),
            ("no-ink", no_ink(text, context.ink)),
            ("not-read", not_read(text, context.ink)),
        ]
    )


def failures(
    text: str, context: Context, readings: Mapping[str, Sequence[str]], literal: Collection[str] = ()
) -> tuple[Failed, ...]:
    """All checks of a voted text; ``readings`` are what each engine family read, ``literal`` the families of engines
    that put down letter for letter what they see. The family whose reading it resembles most is where it comes from,
    the others are held against it."""
    source = max(
        sorted(readings),
        key=lambda family: max((likeness(text, each) for each in readings[family]), default=0.0),
        default="",
    )
    others = [each for family in sorted(readings) if family != source for each in readings[family]]
    seen = [each for family in literal for each in readings.get(family, ())]
    return own_failures(text, context) + source_failures(text, context, others, seen)


def _failed(found: Sequence[tuple[Code, str]]) -> tuple[Failed, ...]:
    return tuple(Failed(code, detail) for code, detail in found if detail)
