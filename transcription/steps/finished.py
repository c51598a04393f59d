"""Notice when the last page of a collection is done, once, and when there is something to do again."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from transcription.models import Collection, Page, PageState
from transcription.steps.notify import notify_finished

# Listed, not excluded: each is then found by the index over collection and state, whatever the collection's size.
UNDONE = tuple(state for state in PageState if state not in (PageState.ACCEPTED, PageState.REVIEWED))


def notice_finished() -> list[int]:
    """Tell of the collections that have become done since the last look; their ids. One whose pages went back to work
    may become done, and be told of, again."""
    undone = Page.objects.filter(collection=OuterRef("pk"), state__in=UNDONE)
    some = Page.objects.filter(collection=OuterRef("pk"))
    Collection.objects.exclude(finished_at=None).filter(Exists(undone)).update(finished_at=None)
    found = []
    for pk in Collection.objects.filter(Exists(some), ~Exists(undone), finished_at=None).values_list("pk", flat=True):
        with transaction.atomic():
            # Several sweepers may look at once: one of them writes, and tells.
            if Collection.objects.filter(pk=pk, finished_at=None).update(finished_at=Now()):
                notify_finished(Collection.objects.get(pk=pk))
                found.append(pk)
    return found
