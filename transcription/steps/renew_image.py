"""Have a page's image made anew, turned or cut another way than before; its lines go with it."""

from __future__ import annotations

from django.db.models import Q
from django.db.models.functions import Now

from transcription.models import Failure, Page, PageState, Step, Work, WorkState
from transcription.steps.flow import OPEN
from transcription.steps.queue import enqueue, lock_in_order


def renew_image(page: Page, *, lane: int) -> None:
    """Queue the preparation of the next image of ``page``; what was under way on the present one is dropped.

    The caller holds the page lock, and has changed ``turn``, ``part`` or ``gutter``. The present image stays until the
    new one is stored: ``prepare`` then moves the lines with it and has them read again.
    """
    stop_work(page)
    page.image += 1
    page.run = None
    page.state = PageState.RECEIVED
    page.confidence = page.expected_cer = None
    page.save()
    enqueue(step=Step.PREPARE, collection_id=page.collection_id, lane=lane, page_id=page.pk, stage=page.image)


def stop_work(page: Page) -> None:
    """Cancel what is queued, running or given up for ``page``; results of what runs are dropped."""
    Failure.objects.filter(page=page, resolved_at=None).update(resolved_at=Now())
    unfinished = Work.objects.filter(Q(state__in=OPEN) | Q(state=WorkState.FAILED), page=page)
    lock_in_order(unfinished).update(state=WorkState.CANCELLED, token=None, lease_until=None, ended_at=Now())
