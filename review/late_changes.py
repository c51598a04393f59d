"""What was corrected on a page after it was approved: the page stays reviewed, and what changed is marked."""

from __future__ import annotations

from dataclasses import dataclass

from review.stages import name_of
from transcription.models import Page, PageState, Source, TranscriptRevision


@dataclass(frozen=True, slots=True)
class LateChanges:
    """Lines whose text a person changed since the approval that stands, and who did."""

    lines: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


def late_changes(page: Page) -> LateChanges:
    if page.state != PageState.REVIEWED or page.approved_at is None:
        return LateChanges()
    later = TranscriptRevision.objects.filter(
        line__page=page, source=Source.PERSON, created_at__gt=page.approved_at, line__places__layout=page.layout_id
    ).select_related("author")
    lines, names = dict[int, None](), dict[str, None]()
    for revision in later.order_by("pk"):
        lines[revision.line_id] = None
        if revision.author is not None:
            names[name_of(revision.author)] = None
    return LateChanges(tuple(lines), tuple(names))
