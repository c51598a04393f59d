"""Take a page or a document down, restore it within its grace, or remove it for good.

A page is hidden by `Page.takedown` alone: `Page.objects`, and with it every queryset, screen and worker, leaves it out
from the moment the transaction ends. What was made of it before (rows of the search index, work, failures, exports) is
dealt with here.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from transcription.errors import Conflict
from transcription.models import (
    Charge,
    Document,
    Export,
    Failure,
    ImportedTranscript,
    Layout,
    Line,
    Original,
    Page,
    PageReading,
    Run,
    Takedown,
    Verb,
    Work,
)
from transcription.steps.append_only import may_delete
from transcription.steps.control import cancel_work, queue_cancelled
from transcription.steps.export_plan import forget_parts
from transcription.steps.files import delete_files
from transcription.steps.framings import image_files
from transcription.steps.record_deed import record
from transcription.steps.search_index import write_page


class AlreadyTakenDown(Conflict):
    code = "already-taken-down"


class NoLongerRestorable(Conflict):
    code = "no-longer-restorable"


def take_down_page(page: Page, *, reason: str, by: User) -> Takedown:
    """Hide one page. Raises AlreadyTakenDown where somebody was faster."""
    pages = Page.everything.filter(pk=page.pk)
    title = f"{page.document.title}, {page.label}"
    with transaction.atomic():
        return _take_down(pages, title=title, reason=reason, by=by, document=None)


def take_down_document(document: Document, *, reason: str, by: User) -> Takedown:
    """Hide a document with all of its pages that are not hidden yet. Raises AlreadyTakenDown."""
    pages = Page.everything.filter(document=document, takedown=None)
    with transaction.atomic():
        locked = Document.everything.select_for_update().get(pk=document.pk)
        if locked.takedown_id is not None:
            raise AlreadyTakenDown("This document was taken down already.")
        stone = _take_down(pages, title=locked.title, reason=reason, by=by, document=locked)
        locked.takedown = stone
        locked.title = f"† {stone.pk}"  # titles are unique in a collection, and this one is free again
        locked.save(update_fields=["takedown", "title"])
    return stone


def _take_down(pages: QuerySet[Page], *, title: str, reason: str, by: User, document: Document | None) -> Takedown:
    locked = list(pages.select_for_update(of=("self",)).order_by("pk").only("pk", "collection_id", "takedown"))
    if document is None and (not locked or locked[0].takedown_id is not None):
        raise AlreadyTakenDown("This page was taken down already.")
    collection = document.collection_id if document is not None else locked[0].collection_id
    stone = Takedown.objects.create(
        collection_id=collection,
        title=title[:400],
        whole_document=document is not None,
        reason=reason,
        pages=len(locked),
        author=by,
        restorable_until=timezone.now() + timedelta(days=settings.GRACE_DAYS),
    )
    keys = [page.pk for page in locked]
    Page.everything.filter(pk__in=keys).update(takedown=stone)
    cancel_work(Work.objects.filter(page__in=keys))
    for key in keys:
        write_page(key)
    record(
        Verb.TAKEN_DOWN,
        about=title,
        collection=collection,
        actor=by,
        details={"reason": reason[:200], "pages": len(keys), "takedown": stone.pk},
    )
    return stone


def restore(stone: Takedown, *, by: User) -> None:
    """Show it again, and go on with what was dropped. Raises NoLongerRestorable where it was removed for good."""
    with transaction.atomic():
        locked = _locked(stone)
        keys = list(Page.everything.filter(takedown=locked).order_by("pk").values_list("pk", flat=True))
        list(Page.everything.select_for_update().filter(pk__in=keys).order_by("pk").values_list("pk"))
        Page.everything.filter(pk__in=keys).update(takedown=None)
        document = Document.everything.filter(takedown=locked).first()
        if document is not None:
            document.takedown, document.title = None, _free_title(document, locked.title)
            document.save(update_fields=["takedown", "title"])
        locked.restored_at, locked.restored_by = timezone.now(), by
        locked.save(update_fields=["restored_at", "restored_by"])
        for key in keys:
            write_page(key)
        queue_cancelled(Work.objects.filter(page__in=keys))
        record(
            Verb.RESTORED,
            about=locked.title,
            collection=locked.collection_id,
            actor=by,
            details={"pages": len(keys), "takedown": locked.pk},
        )


def _free_title(document: Document, title: str) -> str:
    taken = Document.everything.filter(collection=document.collection_id, title=title[:250]).exclude(pk=document.pk)
    return f"{title[:225]} ({document.pk})" if taken.exists() else title[:250]


def purge(stone: Takedown, *, by: User | None = None) -> int:
    """Remove images, texts and readings of it for good; rows first, then files. Returns how many pages.

    The pages' rows stay, hidden and empty, so that no count of the past changes. Bytes of an original go once none of
    its pages is left; while one is, nobody is given the original. Exports that may hold it go too.
    """
    with transaction.atomic(), may_delete():
        locked = _locked(stone)
        pages = list(
            Page.everything.select_for_update(of=("self",))
            .filter(takedown=locked)
            .order_by("pk")
            .select_related("original")
        )
        keys = [page.pk for page in pages]
        files = {name for page in pages for name in image_files(page)}
        Page.everything.filter(pk__in=keys).update(run=None, layout=None, pyramid="", thumbnail="")
        Run.objects.filter(page__in=keys).delete()
        PageReading.objects.filter(run__page__in=keys).delete()
        Layout.objects.filter(page__in=keys).delete()
        Line.objects.filter(page__in=keys).delete()
        Failure.objects.filter(page__in=keys).delete()
        Work.objects.filter(page__in=keys).delete()
        Charge.objects.filter(page_id__in=keys, answer__isnull=False).update(answer=None)
        for page in pages:
            ImportedTranscript.objects.filter(original=page.original_id, frame=page.frame).delete()
        locked.purged_at, locked.purged_by = timezone.now(), by
        locked.save(update_fields=["purged_at", "purged_by"])
        files |= set(_bare_originals({page.original_id for page in pages}).values_list("file", flat=True))
        exports = Export.objects.filter(collection=locked.collection_id, created_at__lte=locked.created_at)
        files |= set(exports.values_list("file", flat=True)) - {""}
        kept = list(exports.values_list("pk", flat=True))
        exports.delete()
        record(
            Verb.PURGED,
            about=locked.title,
            collection=locked.collection_id,
            actor=by,
            details={"pages": len(keys), "takedown": locked.pk},
        )
    delete_files(sorted(files))
    for key in kept:
        forget_parts(key)
    return len(keys)


def _bare_originals(keys: set[UUID]) -> QuerySet[Original]:
    """Those of which every page was removed for good, the archives they came in and the scans they replaced: the other
    files of an archive are originals themselves."""
    found, new = set(keys), set(keys)
    while new:
        ways = Original.objects.filter(pk__in=new).values_list("container", "replaces")
        new = {key for pair in ways for key in pair if key is not None} - found
        found |= new
    keys = found
    left = Page.everything.filter(original__in=keys).exclude(takedown__purged_at__isnull=False)
    return Original.objects.filter(pk__in=keys).exclude(pk__in=left.values("original"))


def purge_overdue() -> int:
    """Purge whatever's grace is over, one transaction each; for the sweeper. Returns how many were purged."""
    overdue = list(Takedown.objects.overdue().order_by("pk")[:10])
    for stone in overdue:
        try:
            purge(stone)
        except NoLongerRestorable:
            continue  # restored or purged by somebody meanwhile
    return len(overdue)


def count_taken_down(collection: int) -> int:
    """Pages of a collection that nobody is shown."""
    counted = Page.everything.taken_down().filter(collection=collection).aggregate(count=Count("pk"))
    return int(counted["count"])


def _locked(stone: Takedown) -> Takedown:
    locked = Takedown.objects.select_for_update().get(pk=stone.pk)
    if locked.restored_at is not None:
        raise NoLongerRestorable("It was restored already.")
    if locked.purged_at is not None:
        raise NoLongerRestorable("It was removed for good; upload it again if it should come back.")
    return locked


def hidden_by(page: int) -> QuerySet[Takedown]:
    """What hides a page, if anything does."""
    return Takedown.objects.standing().filter(pk__in=Page.everything.filter(pk=page).values("takedown"))
