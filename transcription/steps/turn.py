"""Turn a page so that its writing stands upright; its lines and their texts turn with it."""

from __future__ import annotations

from django.db import transaction

from transcription.models import Page, Part, Source, Turner
from transcription.models.layout import CARRIED
from transcription.steps.renew_image import renew_image


def turn_page(*, page: Page, quarters: int, lane: int) -> Page:
    """Turn ``page`` by quarter turns clockwise, as a person says, as often as they like. Takes the page lock."""
    with transaction.atomic():
        locked = Page.objects.select_for_update().get(pk=page.pk)
        if quarters % 4:
            turn_locked(locked, quarters, by=Turner.PERSON, lane=lane)
    return locked


def turn_locked(page: Page, quarters: int, *, by: Turner, lane: int) -> None:
    """The same for who holds the page lock: the image is made anew, then the lines are read again."""
    page.turn = (page.turn + quarters) % 4
    page.turned_by = by
    if page.part == Part.WHOLE and page.gutter is not None:
        # A spread on its head parts as far from its other side; one on its side is none.
        page.gutter = 1 - page.gutter if quarters % 2 == 0 else None
    renew_image(page, lane=lane)


def may_machine_turn(page: Page) -> bool:
    """Whether the segmenter's word counts: once, and never against a person or on a page that one has worked on."""
    return page.turned_by == Turner.NOBODY and page.approved_at is None and not is_worked_on(page)


def is_worked_on(page: Page) -> bool:
    """Whether a line has a text that a person typed or brought, or people have drawn lines."""
    typed = page.lines.filter(current__isnull=False).exclude(current__source=Source.VOTE)
    drawn = page.layouts.filter(author__isnull=False).exclude(change__in=CARRIED)
    if typed.exists() or drawn.exists():
        return True
    layout = page.layout
    while layout is not None and layout.change in CARRIED:  # what was drawn may have come along from another page
        layout = layout.parent
    return layout is not None and layout.author_id is not None
