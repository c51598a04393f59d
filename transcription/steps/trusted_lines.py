"""Voted lines of which it is known what truly stands there: what word confidence may be fitted on and judged by.

Only two kinds, because only these say as much of right words as of wrong ones:

- lines of blind audits, drawn at random and typed by somebody who did not see the vote;
- lines of pages that somebody approved after reading every line.

Where a person passed only the doubtful words, a sure word that is wrong was never looked at: it would count as right,
and confidence fitted on such pages learns that sure words are never wrong (selection bias). The same holds for single
lines that people corrected: they were corrected because they were wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models
from django.db.models import QuerySet

from transcription.models import AuditLine, Collection, LayoutLine, Page, PageState, Vote


class Origin(models.TextChoices):
    AUDIT = "audit", "audit"
    PAGE = "page", "page"


@dataclass(frozen=True, slots=True)
class TrustedLine:
    """A line's ``vote``, its run and the run's profile version loaded, and the ``text`` that truly stands there.

    ``page`` keeps lines of one hand together when data are divided; an empty ``text`` is a line without writing.
    """

    line: int
    page: int
    vote: Vote
    text: str
    origin: Origin


def trusted_lines(collection: Collection) -> Iterator[TrustedLine]:
    """Each trusted line once, by page; where it was audited, the audit's text. A page is read by its present run."""
    return _trusted(AuditLine.objects.filter(audit__collection=collection), collection.pages.all())


def trusted_lines_of(page: Page) -> Iterator[TrustedLine]:
    """Those of one page."""
    return _trusted(AuditLine.objects.filter(audit__page=page), Page.objects.filter(pk=page.pk))


def _trusted(audit_lines: QuerySet[AuditLine], pages: QuerySet[Page]) -> Iterator[TrustedLine]:
    audited: set[int] = set()
    for found in _audited(audit_lines):
        if found.line not in audited:
            audited.add(found.line)
            yield found
    for page in _read_whole(pages):
        votes = Vote.objects.filter(run=page.run_id).select_related("run__profile_version").latest_by_line()
        places = LayoutLine.objects.filter(layout=page.layout_id).select_related("line__current").order_by("position")
        for place in places:
            line = place.line
            if line.pk in audited or line.pk not in votes or line.current is None or line.current.mixed:
                continue
            yield TrustedLine(line.pk, page.pk, votes[line.pk], line.current.text, Origin.PAGE)


def _audited(lines: QuerySet[AuditLine]) -> Iterator[TrustedLine]:
    settled = lines.filter(truth__isnull=False, vote__isnull=False)
    settled = settled.select_related("audit", "vote__run__profile_version").order_by("audit__page", "-pk")
    for each in settled.iterator(chunk_size=500):
        assert each.vote is not None
        assert each.truth is not None
        yield TrustedLine(each.line_id, each.audit.page_id, each.vote, each.truth, Origin.AUDIT)


def _read_whole(pages: QuerySet[Page]) -> Iterator[Page]:
    pages = pages.filter(state=PageState.REVIEWED, approved_whole=True)
    yield from pages.exclude(run=None).order_by("pk").iterator(chunk_size=100)
