"""Put a document's pages in order: by the names of their files as people count, or as a person says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Max

from transcription.models import Document, Page, Step, Work
from transcription.models.work import WorkState

_NUMBERS = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a file name in which 2 comes before 10 and “p2.jpg” before “p2 (copy).jpg”; case does not matter."""
    stem, _, _ = name.casefold().rpartition(".")
    parts = _NUMBERS.split(stem or name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def arrange_pages(document: Document) -> int:
    """Number the document's pages 1, 2, 3 … by file name, frame and part, once all of its files are open; where a
    person has put pages in order those stay so, and later ones follow.

    The caller holds the document's lock. Returns how many pages moved.
    Files that are sent side by side are opened in any order; while some are still to be opened nothing is moved.
    """
    waiting = [WorkState.QUEUED, WorkState.RUNNING]
    if Work.objects.filter(original__document=document, step=Step.UNPACK, state__in=waiting).exists():
        return 0
    return _number(sorted(_in_order(document), key=_by_hand(document)))


def move_page(*, page: Page, position: int) -> list[int]:
    """Put ``page`` at ``position`` (1-based, held within the document); the ids of its document's pages as they stand
    then. Takes the document's lock."""
    with transaction.atomic():
        document = Document.objects.select_for_update(no_key=True).get(pk=page.document_id)
        pages = _in_order(document)
        moving = next((each for each in pages if each.pk == page.pk), None)
        if moving is not None:
            pages.remove(moving)
            pages.insert(max(1, min(position, len(pages) + 1)) - 1, moving)
        _number(pages)
        document.ordered_through = document.pages.aggregate(last=Max("pk"))["last"]
        document.save(update_fields=["ordered_through"])
    return [each.pk for each in pages]


def order_by_name(document: Document) -> list[int]:
    """Forget the order a person gave; the ids of the pages by file name. Takes the document's lock."""
    with transaction.atomic():
        locked = Document.objects.select_for_update(no_key=True).get(pk=document.pk)
        locked.ordered_through = None
        locked.save(update_fields=["ordered_through"])
        arrange_pages(locked)
        return [page.pk for page in _in_order(locked)]


def _in_order(document: Document) -> list[Page]:
    return list(document.pages.select_related("original").order_by("position", "pk"))


def _by_name(page: Page) -> Any:
    return natural_key(page.original.name), page.original.received_at, page.frame, page.part


def _by_hand(document: Document) -> Callable[[Page], Any]:
    """Sort key of a page: where a person put it, or the other part of its frame; else by name, after those."""
    if document.ordered_through is None:
        return _by_name
    put = document.pages.filter(pk__lte=document.ordered_through).order_by("-position")
    places = {
        (original, frame): position for original, frame, position in put.values_list("original", "frame", "position")
    }

    def key(page: Page) -> Any:
        place = places.get((page.original_id, page.frame))
        return (1, 0, _by_name(page)) if place is None else (0, place, page.part)

    return key


def _number(pages: list[Page]) -> int:
    moved = []
    for position, page in enumerate(pages, start=1):
        if page.position != position:
            page.position = position
            moved.append(page)
    Page.objects.bulk_update(moved, ["position"], batch_size=500)
    return len(moved)
