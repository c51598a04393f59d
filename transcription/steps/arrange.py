"""Put a document's pages in order: by the names of their files as people count, whatever order they arrived in."""

from __future__ import annotations

import re

from transcription.models import Document, Page, Step, Work
from transcription.models.work import WorkState

_NUMBERS = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a file name in which 2 comes before 10 and “p2.jpg” before “p2 (copy).jpg”; case does not matter."""
    stem, _, _ = name.casefold().rpartition(".")
    parts = _NUMBERS.split(stem or name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def arrange_pages(document: Document) -> int:
    """Number the document's pages 1, 2, 3 … by file name, frame and part, once all of its files are open.

    The caller holds the document's lock. Returns how many pages moved.
    Files that are sent side by side are opened in any order; while some are still to be opened nothing is moved.
    """
    waiting = [WorkState.QUEUED, WorkState.RUNNING]
    if Work.objects.filter(original__document=document, step=Step.UNPACK, state__in=waiting).exists():
        return 0
    pages = list(document.pages.select_related("original").order_by("position", "pk"))
    pages.sort(key=lambda page: (natural_key(page.original.name), page.original.received_at, page.frame, page.part))
    moved = []
    for position, page in enumerate(pages, start=1):
        if page.position != position:
            page.position = position
            moved.append(page)
    Page.objects.bulk_update(moved, ["position"], batch_size=500)
    return len(moved)
