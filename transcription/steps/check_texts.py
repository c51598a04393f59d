"""Hold what was read against checks: which readings are heard at the vote, and what a voted text is worth.

Everything here is worked out anew with each vote, from rows that do not change: whatever is interrupted is done again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import F

from transcription.htr.checks import CAP, CODES, Context, failures, own_failures
from transcription.htr.crop import proportion
from transcription.htr.ink import ink_share
from transcription.htr.languages import language_tag
from transcription.htr.records import Consensus, Gray
from transcription.htr.voting import PassReading
from transcription.models import LayoutLine, Run, Vote
from transcription.steps.profiles import registry

# One line with ink and no text may be a stain; several on a page are lines that were missed.
UNREAD, LEAST_UNREAD, UNREAD_SHARE = "lines-unread", 2, 0.2
_NOT_READ = "not-read"


def ink_of(places: Sequence[LayoutLine], crops: Mapping[int, Gray]) -> dict[int, float]:
    """Ink of the lines of which nobody has measured it yet, by the key of their place; ``crops`` go by line."""
    return {
        place.pk: round(ink_share(crops[place.line_id]), 4)
        for place in places
        if place.ink is None and place.line_id in crops
    }


def keep_ink(found: Mapping[int, float]) -> None:
    """Write what ``ink_of`` found; the first measure stands. The caller holds the page lock."""
    places = list(LayoutLine.objects.filter(pk__in=found, ink=None).only("pk"))
    for place in places:
        place.ink = found[place.pk]
    LayoutLine.objects.bulk_update(places, ["ink"])


def contexts_of(run: Run) -> dict[int, Context]:
    """What checks are told of each line of the run's layout."""
    if run.layout is None:
        return {}
    language = language_tag(run.page.collection.language)
    prompts = registry().prompts()
    return {
        place.line_id: Context(proportion(place.geometry), place.ink, language, prompts)
        for place in run.layout.places.all()
    }


def heard(readings: Sequence[PassReading], context: Context) -> tuple[list[PassReading], dict[str, list[str]]]:
    """The readings that vote, and the codes of those that do not, by pass.

    One that fails a check of its own is left out where another stands; where none does, all are heard, and the
    voted text fails as they do.
    """
    failed = {id(each): own_failures(each.reading.text, context) for each in readings}
    standing = [each for each in readings if not failed[id(each)]]
    left_out: dict[str, list[str]] = {
        each.pass_name: [one.code for one in failed[id(each)]] for each in readings if failed[id(each)]
    }
    if not standing:
        return list(readings), {}
    return standing, left_out


def judged(
    consensus: Consensus, readings: Sequence[PassReading], context: Context, left_out: Mapping[str, Sequence[str]]
) -> tuple[Consensus, dict[str, Any]]:
    """The consensus with its words' confidence capped where its text fails a check, and ``Vote.checks`` of it.

    ``readings`` are those that were heard. Features stay as they were: what is calibrated is the vote.
    """
    families: dict[str, list[str]] = defaultdict(list)
    literal = set[str]()
    for each in readings:
        family = registry().family(each.engine)
        families[family].append(each.reading.text)
        if registry().is_literal(each.engine):
            literal.add(family)
    failed = failures(consensus.text, context, families, literal)
    checks: dict[str, Any] = {}
    if failed:
        checks["failed"] = [{"code": each.code, "detail": each.detail} for each in failed]
        capped = tuple(replace(word, confidence=min(CAP, word.confidence)) for word in consensus.words)
        consensus = replace(consensus, words=capped)
    if left_out:
        checks["left_out"] = {name: list(codes) for name, codes in left_out.items()}
    return consensus, checks


def without_readings(context: Context) -> dict[str, Any]:
    """``Vote.checks`` of a line that no pass could read."""
    failed = failures("", context, {})
    return {"failed": [{"code": each.code, "detail": each.detail} for each in failed]} if failed else {}


def failed_lines(run: Run) -> dict[str, int]:
    """How many lines of the run fail each check, by its code, by their latest votes; in the order of the codes."""
    latest: dict[int, Any] = dict(
        Vote.objects.filter(run=run, line__places__layout=F("run__layout"))
        .order_by("stage")
        .values_list("line", "checks")
    )
    counts: Counter[str] = Counter(failed["code"] for checks in latest.values() for failed in checks.get("failed", []))
    found: dict[str, int] = {code: counts[code] for code in CODES if counts[code] and code != _NOT_READ}
    if counts[_NOT_READ] >= max(LEAST_UNREAD, UNREAD_SHARE * len(latest)):
        found[UNREAD] = counts[_NOT_READ]
    return found
