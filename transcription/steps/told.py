"""What a notification says, in the reader's language."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from transcription.models import Notification

Kind = Notification.Kind


def sentence(told: Notification) -> str:
    """One sentence, without a full stop; ``details`` of the notification fill it."""
    actor = told.actor
    name = (actor.get_full_name() or actor.get_username()) if actor is not None else _("somebody")
    page = told.page.label if told.page is not None else ""
    count = int(told.details.get("count", 1))
    values = {"name": name, "page": page, "collection": told.collection.title, "count": count}
    return _template(told, count) % values


def path_of(told: Notification) -> str:
    """Where it is looked at: the page in the editor, with what was said, the pages that are mine, the collection."""
    if told.kind == Kind.FINISHED:
        return reverse("transcription:collection", args=[told.collection_id])
    if told.page is None:
        return f"{reverse('review:queue')}?whose=me&collection={told.collection_id}"
    editor = reverse("review:editor", args=[told.page.pk])
    return f"{editor}#talk-{told.details.get('line') or 0}" if told.kind == Kind.COMMENT else editor


def _template(told: Notification, count: int) -> str:
    if told.kind == Kind.ASSIGNED:
        if told.page is not None:
            return _("%(name)s assigned “%(page)s” to you, in %(collection)s")
        return ngettext(
            "%(name)s assigned %(count)d page of %(collection)s to you",
            "%(name)s assigned %(count)d pages of %(collection)s to you",
            count,
        )
    if told.kind == Kind.RETURNED:
        if told.details.get("what") == "rejected":
            return _("%(name)s rejected your review of “%(page)s”, in %(collection)s")
        return _("%(name)s asks you to change “%(page)s”, in %(collection)s")
    if told.kind == Kind.COMMENT:
        return _("%(name)s commented on “%(page)s”, in %(collection)s")
    return ngettext(
        "%(collection)s is finished: its %(count)d page is done",
        "%(collection)s is finished: all of its %(count)d pages are done",
        count,
    )
