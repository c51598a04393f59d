"""What is promised of text accepted unseen, in sentences; and the form by which an administrator asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from transcription.forms import PromiseForm
from transcription.htr import risk
from transcription.models import Audit, AuditLine, Collection, Promise, Role, Verb
from transcription.steps.promises import open_promise, request_weighing
from transcription.steps.record_deed import record
from transcription.steps.weigh_audits import LEAST_DECIDED, acceptable, decided_for, heaviest_page, weighed
from transcription.views.access import SignedInRequest, collection_or_404, signed_in


@dataclass(frozen=True, slots=True)
class PromiseNote:
    """A collection's promise as people read it: ``state`` is "", gathering, standing or expired."""

    collection: Collection
    state: str
    sentence: str
    more: Sequence[str]


@require_http_methods(["GET", "POST"])
@signed_in
def promise(request: SignedInRequest, pk: int) -> HttpResponse:
    """What a collection promises, what it rests on, and how to ask for another."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    form = PromiseForm(request.POST or None, collection=collection)
    if request.method == "POST" and form.is_valid():
        collection.promised_error, collection.audit_rate = form.error, form.rate
        collection.save(update_fields=["promised_error", "audit_rate"])
        request_weighing(collection)
        details = {"promised error": form.error, "audit rate": form.rate}
        record(Verb.SETTINGS_CHANGED, about=collection, collection=collection, details=details)
        messages.success(request, _("Saved. Pages are drawn for audits in the background."))
        return redirect("transcription:promise", collection.pk)
    context = {
        "section": "collections",
        "collection": collection,
        "form": form,
        "note": note_of(collection),
        "past": Promise.objects.filter(collection=collection, made_at__isnull=False, state=Promise.State.EXPIRED)[:10],
        "lines": AuditLine.objects.filter(audit__collection=collection).exclude(verdict="").count(),
        "open": Audit.objects.filter(collection=collection).waiting().count(),
    }
    return render(request, "transcription/promise.html", context, status=422 if form.errors else 200)


def promises_of(user: User) -> list[PromiseNote]:
    """What the collections that ``user`` reviews promise, or gather audits for."""
    collections = Collection.objects.visible_to(user, Role.REVIEWER)
    return [note_of(each) for each in collections.exclude(promised_error=None)]


def note_of(collection: Collection) -> PromiseNote:
    """The promise of a collection in a sentence, and what is to be known beside it."""
    found = open_promise(collection.pk)
    expired = Promise.objects.filter(collection=collection, made_at__isnull=False, state=Promise.State.EXPIRED).first()
    ended = [expiry(expired)] if expired is not None else []
    if found is not None and found.state == Promise.State.STANDING:
        return PromiseNote(collection, "standing", statement(found), _beside(found))
    if collection.promised_error is None:
        return PromiseNote(collection, "", _("Nothing is promised of text that is accepted unseen."), [])
    if found is None:
        waits = _("A promise needs %(count)d pages that were read and passed every check; so far there are fewer.")
        return PromiseNote(collection, "gathering", waits % {"count": LEAST_DECIDED}, ended)
    return PromiseNote(collection, "gathering", needed(found), ended)


def statement(found: Promise) -> str:
    """The promise as it may be quoted."""
    assert found.made_at is not None
    return _(
        "The text accepted unseen has a CER of at most %(error)s, with %(level)s confidence: %(pages)s and %(lines)s "
        "audited by %(date)s."
    ) % {
        "error": percent(found.error),
        "level": percent(found.level),
        "pages": ngettext("%(count)d page", "%(count)d pages", found.pages) % {"count": found.pages},
        "lines": ngettext("%(count)d line", "%(count)d lines", found.lines) % {"count": found.lines},
        "date": formats.date_format(timezone.localtime(found.made_at), "Y-m-d"),
    }


def needed(found: Promise) -> str:
    """How far the audits are from the promise."""
    audits = [each for each in weighed(found) if each.confidence >= found.thresholds[0]]
    heaviest = heaviest_page(found.collection, acceptable(decided_for(found)))
    losses = risk.relative([each.loss for each in audits], heaviest)
    least = risk.least_pages(found.error, found.level)
    wanted = risk.pages_needed(losses, found.error, found.level)
    values = {"error": percent(found.error), "level": percent(found.level), "done": len(audits), "least": least}
    if len(audits) < risk.LEAST_PAGES:
        return (
            _(
                "No promise yet: a CER of at most %(error)s with %(level)s confidence takes %(least)d audited pages or "
                "more of the surer half, even without an error; %(done)d are settled."
            )
            % values
        )
    values["measured"] = percent(risk.measured_rate(losses) or 0.0)
    if wanted is None:
        return (
            _(
                "No promise: the %(done)d audited pages of the surer half have a CER of %(measured)s, and no number of "
                "audits makes that a promise of %(error)s. Ask for a higher rate, or for better reading."
            )
            % values
        )
    values["more"] = max(1, wanted - len(audits))
    return (
        _(
            "No promise yet: the %(done)d audited pages of the surer half have a CER of %(measured)s. If it goes on "
            "like that, about %(more)d more make a promise of %(error)s with %(level)s confidence."
        )
        % values
    )


def expiry(found: Promise) -> str:
    """When and why a promise ended."""
    assert found.expired_at is not None
    return _("The promise of %(error)s expired on %(date)s: %(reason)s.") % {
        "error": percent(found.error),
        "date": formats.date_format(timezone.localtime(found.expired_at), "Y-m-d"),
        "reason": str(Promise.Reason(found.reason).label),
    }


def percent(share: float) -> str:
    """Such as “8 %” or “7.5 %”; the space does not break."""
    return f"{formats.number_format(round(100 * share, 1)).removesuffix('.0')}\N{NO-BREAK SPACE}%"


def _beside(found: Promise) -> list[str]:
    assert found.threshold is not None
    more = [
        _("Pages are accepted unseen from a confidence of %(threshold)s on.") % {"threshold": percent(found.threshold)}
    ]
    if found.measured is not None:
        more.append(_("Measured in these audits: %(rate)s.") % {"rate": percent(found.measured)})
    return more
