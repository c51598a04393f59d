"""Tell people what happened: a row each, in the transaction in which it happened. Mails are made of them later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.functions import Now

from transcription.models import Collection, Membership, Notification, Page, Role
from transcription.models.collection import roles_from

Kind = Notification.Kind


def notify(
    kind: Notification.Kind,
    *,
    to: Iterable[User],
    actor: User | None = None,
    page: Page | None = None,
    collection: Collection | None = None,
    details: dict[str, Any] | None = None,
) -> int:
    """Write a notification for each of ``to`` but the actor, and but those who do not see the collection (any more);
    how many. ``collection`` is the page's unless given."""
    about = collection.pk if collection is not None else page.collection_id if page is not None else None
    assert about is not None, "a notification is about a page or a collection"
    told = [
        user
        for user in dict.fromkeys(to)
        if user.is_active
        and user != actor
        and Collection.objects.visible_to(user, Role.STAFF).filter(pk=about).exists()
    ]
    Notification.objects.bulk_create(
        Notification(user=user, kind=kind, actor=actor, collection_id=about, page=page, details=details or {})
        for user in told
    )
    return len(told)


def notify_finished(collection: Collection) -> int:
    """Tell those who lead a collection that all of its pages are done."""
    leading = Membership.objects.filter(collection=collection, role__in=roles_from(Role.LEAD)).select_related("user")
    pages = collection.pages.count()
    return notify(Kind.FINISHED, to=[each.user for each in leading], collection=collection, details={"count": pages})


def unread(user: User) -> QuerySet[Notification]:
    return Notification.objects.filter(user=user, read_at=None)


def mark_read(notifications: QuerySet[Notification]) -> int:
    """Mark those of them that are not read yet; who has read one needs no mail about it."""
    return notifications.filter(read_at=None).update(read_at=Now(), to_mail=False)
