"""What is said about a page and its lines. Rows are reached through ``visible_to(user, REVIEWER)`` only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from review import comments
from review.answers import answers_json, cleaned, signed_in
from review.forms import CommentForm
from review.models import Thread
from review.page_history import page_history
from transcription.models import Line, Page, Role


@login_required
@require_GET
def thread(request: HttpRequest, pk: int) -> HttpResponse:
    """What was said about one line (``?line=``) or about the page, as a fragment."""
    page, line = _page(request, pk), None
    if wanted := request.GET.get("line"):
        line = _line(page, int(wanted) if wanted.isdecimal() else 0)
    found, said = comments.comments_in(page, line.pk if line is not None else None)
    context = {
        "page": page,
        "thread": found,
        "comments": said,
        "history": page_history(page) if line is None else (),
        "astray": comments.astray(page) if line is None else (),
    }
    return render(request, "review/comments.html", context)


@answers_json
def say(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Add a comment; how much is said of every line afterwards."""
    page, data = _page(request, pk), cleaned(CommentForm(request.POST))
    line = _line(page, data["line"]) if data["line"] else None
    comments.say(page=page, line=line, text=data["text"], author=signed_in(request))
    return _talks(page)


@answers_json
def resolve(request: HttpRequest, pk: int, thread: int) -> dict[str, Any]:
    """Resolve a thread, or open it again (``reopen``)."""
    page = _page(request, pk)
    found = get_object_or_404(Thread.objects.select_related("page"), pk=thread, page=page)
    turn = comments.reopen if request.POST.get("reopen") else comments.resolve
    turn(found, by=signed_in(request))
    return _talks(page)


def _talks(page: Page) -> dict[str, Any]:
    return {"comments": {line: asdict(talk) for line, talk in comments.talks_of(page).items()}}


def _page(request: HttpRequest, pk: int) -> Page:
    return get_object_or_404(Page.objects.visible_to(request.user, Role.REVIEWER), pk=pk)


def _line(page: Page, pk: int) -> Line:
    line = Line.objects.filter(page=page, pk=pk).first()
    if line is None:
        raise Http404("this page has no such line")
    return line
