"""The audit log as a screen and as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from transcription.formats.spreadsheet import inert_cell
from transcription.forms import AccessibleForm
from transcription.models import Collection, Deed, Role, Verb
from transcription.models.deed import DeedQuerySet
from transcription.models.keyset import Slice, paged
from transcription.steps.record_deed import record
from transcription.views.access import SignedInRequest, signed_in

PAGE_SIZE = 100
MOST_ROWS = 100_000
COLUMNS = ["at", "who", "did", "about", "collection", "address", "details"]


class LogFilter(AccessibleForm, forms.Form):
    """Which deeds; everything is optional."""

    who = forms.CharField(label=_("who"), required=False, max_length=150)
    did = forms.ChoiceField(label=_("what"), required=False, choices=[("", _("anything")), *Verb.choices])
    collection = forms.ModelChoiceField(
        label=_("collection"), required=False, queryset=Collection.objects.none(), empty_label=_("any")
    )
    since = forms.DateField(label=_("from"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("to"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def fill_in(self) -> None:
        field = self.fields["collection"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Collection.objects.visible_to(self.user, Role.ADMIN)

    def chosen(self, deeds: DeedQuerySet) -> DeedQuerySet:
        wanted = self.cleaned_data
        if wanted.get("who"):
            deeds = deeds.filter(actor__in=User.objects.filter(username__iexact=wanted["who"]).values("pk"))
        if wanted.get("did"):
            deeds = deeds.filter(verb=wanted["did"])
        if wanted.get("collection"):
            deeds = deeds.filter(collection=wanted["collection"])
        if wanted.get("since"):
            deeds = deeds.filter(at__gte=_midnight(wanted["since"]))
        if wanted.get("until"):
            deeds = deeds.filter(at__lt=_midnight(wanted["until"] + timedelta(days=1)))
        return deeds


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


@never_cache
@require_GET
@signed_in
def log(request: SignedInRequest) -> HttpResponse:
    """Newest first, for superusers; admins of collections see what happened in theirs."""
    form, deeds = _chosen(request)
    part: Slice[Deed] = paged(
        deeds.select_related("actor", "collection"),
        order=("-pk",),
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    kept = request.GET.copy()
    for key in ("after", "before"):
        kept.pop(key, None)
    context = {
        "section": "people",
        "tab": "log",
        "form": form,
        "part": part,
        "kept": kept.urlencode(),
        "filtered": any(kept.values()),
    }
    context["rows"] = [(deed, who(deed), of(deed)) for deed in part.rows]
    return render(request, "accounts/log.html", context)


@require_GET
@signed_in
def log_csv(request: SignedInRequest) -> StreamingHttpResponse:
    """The chosen deeds, newest first, streamed; at most MOST_ROWS of them."""
    _form, deeds = _chosen(request)
    kept = {key: value for key, value in request.GET.items() if value}
    record(Verb.LOG_DOWNLOADED, details={"filter": json.dumps(kept)[:200]})
    rows = deeds.select_related("actor", "collection").order_by("-pk")[:MOST_ROWS]
    answer = StreamingHttpResponse(_lines(rows.iterator(chunk_size=1000)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="longhand-log-{timezone.now():%Y%m%d-%H%M}.csv"'
    answer["Cache-Control"] = "private, no-store"
    return answer


class _Echo:
    def write(self, line: str) -> str:
        return line


def _lines(deeds: Iterator[Deed]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for deed in deeds:
        row = [
            deed.at.isoformat(),
            who(deed),
            deed.verb,
            deed.about,
            of(deed),
            deed.address or "",
            json.dumps(deed.details, ensure_ascii=False) if deed.details else "",
        ]
        yield writer.writerow([inert_cell(cell) for cell in row])


def who(deed: Deed) -> str:
    """The actor's name; their number where the account is gone; empty for Longhand itself and for strangers."""
    if deed.actor_id is None:
        return ""
    try:
        return deed.actor.get_username() if deed.actor else f"#{deed.actor_id}"
    except User.DoesNotExist:
        return f"#{deed.actor_id}"


def of(deed: Deed) -> str:
    if deed.collection_id is None:
        return ""
    try:
        return str(deed.collection) if deed.collection else f"#{deed.collection_id}"
    except Collection.DoesNotExist:
        return f"#{deed.collection_id}"


def _chosen(request: SignedInRequest) -> tuple[LogFilter, DeedQuerySet]:
    if not (request.user.is_superuser or Collection.objects.visible_to(request.user, Role.ADMIN).exists()):
        raise Http404
    form = LogFilter(request.GET, user=request.user)
    form.is_valid()  # what cannot be understood chooses nothing out
    return form, form.chosen(Deed.objects.visible_to(request.user))
