"""The screens of blind checks: what waits, a line to type, and two texts to judge between.

What is sent to whoever types holds the image of the line and nothing that was read of it.
"""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from review.answers import signed_in
from review.audits import may_judge, may_type, next_to_judge, next_to_type, versions, waiting_for
from review.forms import LONGEST_LINE
from transcription.errors import Conflict, PermanentError
from transcription.formats.pyramid import gray_jpeg
from transcription.htr.languages import language_tag
from transcription.models import Audit, AuditLine, LayoutLine, Role
from transcription.steps.files import local_path
from transcription.steps.settle_audit import judge_line, type_line
from transcription.views.preview import line_image
from transcription.views.promise import promises_of

TYPING, JUDGING = "type", "judge"


class TypedForm(forms.Form):
    text = forms.CharField(required=False, max_length=LONGEST_LINE)
    unreadable = forms.BooleanField(required=False)


class VerdictForm(forms.Form):
    # A number is a text as it was shown: the page does not say which is the machine's, not in its source either.
    verdict = forms.ChoiceField(choices=[(each, each) for each in ("1", "2", "neither", "unreadable")])
    text = forms.CharField(required=False, max_length=LONGEST_LINE)


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """What waits, and what the audits say so far."""
    user = signed_in(request)
    context = {
        "section": "review",
        "waiting": waiting_for(user),
        "settled": Audit.objects.visible_to(user, Role.REVIEWER).filter(state=Audit.State.SETTLED).count(),
        "promises": promises_of(user),
    }
    return render(request, "review/audits.html", context)


@login_required
@require_POST
def following(request: HttpRequest, work: str) -> HttpResponse:
    """Open the next line to type or to judge."""
    if work not in (TYPING, JUDGING):
        raise Http404
    return _next(request, work)


@login_required
@require_GET
def line(request: HttpRequest, pk: int) -> HttpResponse:
    """One line: to type for whoever has not seen its text, to judge once somebody else has typed it."""
    user, found = signed_in(request), _line(request, pk)
    context = {
        "section": "review",
        "line": found,
        "language": language_tag(found.audit.collection.language),
        "number": found.position,
        "count": found.audit.lines.count(),
        "waiting": waiting_for(user),
        "longest": LONGEST_LINE,
    }
    if may_type(user, found):
        return render(request, "review/audit_type.html", context)
    if may_judge(user, found):
        context["versions"] = versions(found)
        return render(request, "review/audit_judge.html", context)
    messages.info(request, _why_not(user, found))
    return redirect("review:audits")


@login_required
@require_GET
def image(request: HttpRequest, pk: int) -> HttpResponse:
    """The line, cut out of its page."""
    found = _line(request, pk)
    page = found.audit.page
    place = get_object_or_404(LayoutLine, layout=page.layout_id, line=found.line_id)
    if not page.pyramid:
        raise Http404
    try:
        with local_path(page.pyramid) as path:
            cut = line_image(path, place.geometry)
    except PermanentError as error:
        raise Http404(error.message) from error
    headers = {"Cache-Control": "private, max-age=3600"}
    return HttpResponse(gray_jpeg(cut), content_type="image/jpeg", headers=headers)


@login_required
@require_POST
def type_(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what was typed and open the next line."""
    user, found, form = signed_in(request), _line(request, pk), TypedForm(request.POST)
    if not form.is_valid() or not (form.cleaned_data["text"].strip() or "empty" in request.POST or _unreadable(form)):
        messages.error(request, _("Type what stands in the line, or say that it is empty or cannot be read."))
        return redirect("review:audit-line", pk)
    repeated = found.typist_id == user.pk
    if not repeated and not may_type(user, found):
        messages.info(request, _why_not(user, found))
        return _next(request, TYPING)
    text = "" if "empty" in request.POST else form.cleaned_data["text"]
    try:
        type_line(found, text=text, unreadable=_unreadable(form), typist=user)
    except Conflict as refusal:
        messages.info(request, refusal.message)
    return _next(request, TYPING)


@login_required
@require_POST
def judge(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep who is right and open the next difference."""
    user, found, form = signed_in(request), _line(request, pk), VerdictForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose one of the texts, type what stands there, or say that nobody can read it."))
        return redirect("review:audit-line", pk)
    chosen, shown = form.cleaned_data["verdict"], versions(found)
    if chosen.isdigit() and int(chosen) > len(shown):
        return redirect("review:audit-line", pk)
    verdict = shown[int(chosen) - 1].verdict if chosen.isdigit() else AuditLine.Verdict(chosen)
    try:
        judge_line(found, verdict=verdict, text=form.cleaned_data["text"], judge=user)
    except Conflict as refusal:
        messages.info(request, refusal.message)
    return _next(request, JUDGING)


def _next(request: HttpRequest, work: str) -> HttpResponse:
    user = signed_in(request)
    found = next_to_type(user) if work == TYPING else next_to_judge(user)
    if found is None:
        messages.success(request, _("That was the last one for you at this moment. Thank you."))
        return redirect("review:audits")
    return redirect("review:audit-line", found.pk)


def _line(request: HttpRequest, pk: int) -> AuditLine:
    audits = Audit.objects.visible_to(request.user, Role.REVIEWER)
    lines = AuditLine.objects.select_related("audit__page", "audit__collection", "line")
    return get_object_or_404(lines, pk=pk, audit__in=audits)


def _unreadable(form: TypedForm) -> bool:
    return bool(form.cleaned_data["unreadable"])


def _why_not(user: User, found: AuditLine) -> str:
    if found.verdict:
        return _("This line is settled.")
    if found.typist_id == user.pk:
        return _("You typed this line. Where it differs from what was read, somebody else says who is right.")
    if found.typed_at is None:
        return _("You have seen the text of this page, or somebody else is typing it: another person checks it.")
    return _("This line is not checked any more: its page was read again.")
