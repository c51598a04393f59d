"""A lead gives pages of the queue to reviewers. Rows are reached through ``visible_to(user, LEAD)`` only."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from review.answers import signed_in
from review.assignments import MOST_AT_ONCE, NotAReviewer, assign, unassign
from review.forms import AssignForm, QueueForm
from review.queue import waiting
from review.stages import name_of
from transcription.models import Collection, Page, Role


@login_required
@require_POST
def assign_pages(request: HttpRequest) -> HttpResponse:
    """Assign the chosen pages, the first of the list or all of it; or take them back."""
    user = signed_in(request)
    led = Collection.objects.visible_to(user, Role.LEAD)
    if not led.exists():
        raise PermissionDenied
    wanted, form = QueueForm(request.POST, user=user).wanted, AssignForm(request.POST, lead=user)
    back = redirect(f"{reverse('review:queue')}?{wanted.query}")
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.non_field_errors())) or _("Choose pages and a reviewer."))
        return back
    pages = waiting(user, wanted).filter(collection__in=led)
    scope, to = form.cleaned_data["scope"], form.reviewer
    if scope == AssignForm.Scope.CHOSEN:
        chosen = _chosen(pages, request.POST.getlist("page"))
    else:
        chosen = list(pages[: form.cleaned_data["count"] if scope == AssignForm.Scope.FIRST else MOST_AT_ONCE])
    if not chosen:
        messages.error(request, _("No page was chosen: tick some, or assign the first ones of the list."))
    elif to is None:
        count = unassign(pages=chosen)
        said = ngettext("%(count)d page is nobody’s again.", "%(count)d pages are nobody’s again.", count)
        messages.success(request, said % {"count": count})
    else:
        try:
            done = assign(pages=chosen, to=to, by=user)
        except NotAReviewer as fault:
            messages.error(request, fault.message)
            return back
        said = ngettext(
            "%(count)d page is assigned to %(name)s.", "%(count)d pages are assigned to %(name)s.", done.given
        )
        messages.success(request, said % {"count": done.given, "name": name_of(to)})
        if done.left:
            said = ngettext(
                "%(count)d page could not be: it left review, or they approved it themselves.",
                "%(count)d pages could not be: they left review, or were approved by the same person.",
                done.left,
            )
            messages.warning(request, said % {"count": done.left})
    return back


def _chosen(pages: QuerySet[Page], ids: Sequence[str]) -> list[Page]:
    return list(pages.filter(pk__in=[int(each) for each in ids[:MOST_AT_ONCE] if each.isdecimal()]))
