"""What was given up, in all collections a person works in: found by code, collection or step, retried one or many."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from transcription.forms import AccessibleForm
from transcription.models import Collection, Failure, Step, Verb
from transcription.models.failure import FailureQuerySet
from transcription.models.keyset import Slice, paged
from transcription.steps.control import retry
from transcription.steps.record_deed import record
from transcription.views.access import SignedInRequest, signed_in

PAGE_SIZE = 50
MOST_AT_ONCE = 1000  # each is a transaction of its own; a request must end


class FailureFilter(AccessibleForm, forms.Form):
    """Which failures; the codes are those there are."""

    collection = forms.ModelChoiceField(
        label=gettext_lazy("collection"),
        required=False,
        queryset=Collection.objects.none(),
        empty_label=gettext_lazy("any"),
    )
    step = forms.ChoiceField(
        label=gettext_lazy("step"), required=False, choices=[("", gettext_lazy("any")), *Step.choices]
    )
    code = forms.ChoiceField(label=gettext_lazy("code"), required=False)

    def __init__(self, data: QueryDict, *, user: User, codes: dict[str, int]) -> None:
        self.user, self.codes = user, codes
        super().__init__(data)

    def fill_in(self) -> None:
        collection, code = self.fields["collection"], self.fields["code"]
        assert isinstance(collection, forms.ModelChoiceField)
        assert isinstance(code, forms.ChoiceField)
        collection.queryset = Collection.objects.visible_to(self.user)
        code.choices = [("", _("any")), *((name, f"{name} ({count})") for name, count in sorted(self.codes.items()))]

    def chosen(self, failures: FailureQuerySet) -> FailureQuerySet:
        wanted = {name: value for name, value in self.cleaned_data.items() if value}
        return failures.filter(**wanted)


@require_GET
@signed_in
def failure_list(request: SignedInRequest) -> HttpResponse:
    """Open failures, newest first."""
    form, failures = _chosen(request, request.GET)
    part: Slice[Failure] = paged(
        failures.select_related("collection", "page__original", "page__document", "original", "work"),
        order=("-pk",),
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    kept = request.GET.copy()
    for key in ("after", "before"):
        kept.pop(key, None)
    context: dict[str, Any] = {
        "section": "failures",
        "form": form,
        "part": part,
        "count": failures.order_by().count(),
        "kept": kept.urlencode(),
        "filtered": any(form.cleaned_data.values()),
        "steps": dict(Step.choices),
        "most": MOST_AT_ONCE,
    }
    return render(request, "transcription/failures.html", context)


@require_POST
@signed_in
def retry_chosen(request: SignedInRequest) -> HttpResponse:
    """Retry those that were ticked (``failure``), or with ``all`` every one of the filter, MOST_AT_ONCE at most."""
    form, failures = _chosen(request, request.POST)
    if "all" not in request.POST:
        ticked = [int(key) for key in request.POST.getlist("failure") if key.isascii() and key.isdecimal()]
        failures = failures.filter(pk__in=ticked[:MOST_AT_ONCE])
    keys = list(failures.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    count = retry(Failure.objects.filter(pk__in=keys[:MOST_AT_ONCE]))
    if count:
        collection = form.cleaned_data.get("collection")
        record(Verb.RETRIED, collection=collection, details={"failures": count})
        said = ngettext("%(count)d step is tried again.", "%(count)d steps are tried again.", count) % {"count": count}
        if len(keys) > MOST_AT_ONCE:
            said = f"{said} {_('There are more: go on when these are done.')}"
        messages.success(request, said)
    else:
        messages.info(request, _("Nothing was chosen that needs a retry."))
    kept = QueryDict(mutable=True)
    kept.update({name: request.POST[name] for name in form.fields if request.POST.get(name)})
    return redirect(f"{reverse('transcription:failures')}?{kept.urlencode()}")


def _chosen(request: SignedInRequest, data: QueryDict) -> tuple[FailureFilter, FailureQuerySet]:
    there = Failure.objects.visible_to(request.user).open()
    codes = dict(there.order_by().values_list("code").annotate(Count("pk")))
    form = FailureFilter(data, user=request.user, codes=codes)
    form.is_valid()  # what cannot be understood chooses nothing out
    return form, form.chosen(there)
