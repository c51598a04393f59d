"""The review queue and the editor. Rows are reached through ``visible_to(user, REVIEWER)`` only: otherwise 404."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from review import approvals, claims
from review.answers import answers_json, cleaned, signed_in
from review.audits import waiting_for
from review.corrections import correct_line, settle_text
from review.editor import current_line_data, page_data
from review.forms import ApprovalForm, LineForm, QueueForm, SettleForm, TokenForm
from review.history import pass_texts, past_texts
from review.models import Approval, Claim
from review.queue import MOST_COUNTED, QueueFilter, count_waiting, next_page, own_claims, queue_slice, waiting
from review.wording import texts
from transcription.htr.languages import language_tag
from transcription.models import Collection, DisplacedText, Line, Page, PageState, Role
from transcription.steps.reread import changes_since_reading
from transcription.views.brought import brought_for
from transcription.views.displaced import displaced_of
from transcription.views.page import viewer_config
from transcription.views.page_readings import unplaced_readings

SKIPPED = "review_skipped"
MOST_SKIPPED = 500


@login_required
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Pages that wait, who is on what, and the button that starts."""
    user = signed_in(request)
    form = QueueForm(request.GET, user=user)
    wanted = form.wanted
    shown = queue_slice(user, wanted, after=form.after_key)
    reviewable = Collection.objects.visible_to(user, Role.REVIEWER)
    reviewed = Page.objects.filter(collection__in=reviewable, state=PageState.REVIEWED)
    context = {
        "section": "review",
        "form": form,
        "reviewed": reviewed.count() if not shown.pages else 0,  # said where nothing waits
        "rows": [
            {"page": page, "unsure": shown.unsure.get(page.run_id or 0, 0), "claim": shown.claims.get(page.pk)}
            for page in shown.pages
        ],
        "total": count_waiting(user, wanted),
        "most_counted": MOST_COUNTED,
        "may_review": reviewable.exists(),
        "audits": waiting_for(user),
        "own": list(own_claims(user)[:5]),
        "filter": filter_query(wanted),
        "next": f"{filter_query(wanted)}&after={shown.after}" if shown.after else "",
        "first": not form.after_key,
    }
    return render(request, "review/queue.html", context)


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Claim the next page and open it. A page one already holds comes first."""
    user = signed_in(request)
    wanted = QueueForm(request.POST, user=user).wanted
    request.session[SKIPPED] = []
    own = own_claims(user).first()
    if own is not None and waiting(user, wanted).filter(pk=own.page_id).exists():
        return redirect(_editor_url(own.page_id, wanted))
    claim_ = next_page(user, wanted)
    if claim_ is None:
        messages.info(request, _("No page is free at this moment."))
        return redirect(f"{reverse('review:queue')}?{filter_query(wanted)}")
    return redirect(_editor_url(claim_.page_id, wanted))


@login_required
@require_GET
def editor(request: HttpRequest, pk: int) -> HttpResponse:
    """The editor of one page. Opening it claims nothing yet: the editor's script does, and shows who is there."""
    user = signed_in(request)
    pages = Page.objects.visible_to(user, Role.REVIEWER).select_related(
        "collection", "document", "original", "run", "layout"
    )
    page = get_object_or_404(pages, pk=pk)
    wanted = QueueForm(request.GET, user=user).wanted
    changed = len(changes_since_reading(page).lines)
    data = page_data(page) | {
        "changedLines": changed,
        "title": page.label,
        "user": user.pk,
        "image": viewer_config(page),
        "texts": texts(),
        "filter": filter_query(wanted),
        "heartbeatSeconds": claims.HEARTBEAT_SECONDS,
        "urls": {
            "queue": f"{reverse('review:queue')}?{filter_query(wanted)}",
            "login": f"{reverse('login')}?{urlencode({'next': request.get_full_path()})}",
            **{name: reverse(f"review:{name}", args=[page.pk]) for name in ("claim", "heartbeat", "release")},
            **{name: reverse(f"review:{name}", args=[page.pk]) for name in ("approve", "skip")},
            "save": reverse("review:save-line", args=[0]),
            "history": reverse("review:line-history", args=[0]),
            "why": reverse("transcription:word_why", args=[0, 0]),
            "unplaced": reverse("review:unplaced", args=[page.pk]),
            "displaced": reverse("review:settle-displaced", args=[0]),
            "layout": f"{reverse('review:layout', args=[page.pk])}?{filter_query(wanted)}",
        },
    }
    context = {
        "section": "review",
        "page": page,
        "data": data,
        "language": language_tag(page.collection.language),
        "modes": Approval.Mode,
        "brought": brought_for(page),
        "displaced": displaced_of(page),
        "unplaced_readings": unplaced_readings(page),
        "changed_lines": changed,
        "waiting": count_waiting(user, wanted),
        "most_counted": MOST_COUNTED,
        "pages_of_document": page.document.pages.aggregate(count=Count("pk"))["count"],
    }
    return render(request, "review/editor.html", context)


@login_required
@require_GET
def unplaced(request: HttpRequest, pk: int) -> HttpResponse:
    """What has no line yet, of a transcript or of what people wrote, as a fragment; empty where nothing is left."""
    page = _page(request, pk)
    usable = page.state == PageState.IN_REVIEW
    context = {
        "brought": brought_for(page),
        "displaced": displaced_of(page),
        "unplaced_readings": unplaced_readings(page),
        "usable": usable,
    }
    return render(request, "review/unplaced.html", context)


@answers_json
def settle(request: HttpRequest, pk: int) -> dict[str, Any]:
    """A text that lost its line was used on one, or is dismissed."""
    user, data = signed_in(request), cleaned(SettleForm(request.POST))
    texts_ = DisplacedText.objects.visible_to(user, Role.REVIEWER).select_related("page", "revision")
    displaced = get_object_or_404(texts_, pk=pk)
    used = data["outcome"] == DisplacedText.Outcome.USED
    settle_text(displaced, reviewer=user, line=data["line"] if used else None)
    return {"left": len(displaced_of(displaced.page))}


@answers_json
def claim(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Hold the page for an editor that just opened."""
    held = claims.claim_page(page=_page(request, pk), reviewer=signed_in(request))
    return {"token": str(held.token)}


@answers_json
def heartbeat(request: HttpRequest, pk: int) -> dict[str, Any]:
    """The open editor is still there."""
    held = claims.renew(page=_page(request, pk), reviewer=signed_in(request))
    return {"token": str(held.token)}


@answers_json
def release(request: HttpRequest, pk: int) -> dict[str, Any]:
    """The editor was closed; sent as a beacon, so nobody reads the answer."""
    token = cleaned(TokenForm(request.POST))["token"]
    return {"released": claims.release(page=_page(request, pk), reviewer=signed_in(request), token=token)}


@answers_json
def approve(request: HttpRequest, pk: int) -> dict[str, Any]:
    """End the work on the page and claim the next one."""
    user, page = signed_in(request), _page(request, pk)
    data = cleaned(ApprovalForm(request.POST))
    if data["nothing_to_read"]:
        approvals.approve_as_empty(page=page, reviewer=user, active_seconds=data["active_seconds"])
    else:
        mode = Approval.Mode(data["mode"])
        approvals.approve(page=page, reviewer=user, mode=mode, active_seconds=data["active_seconds"])
    return _go_on(request)


@answers_json
def skip(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Leave the page to others and claim the next one; it is not offered again until review is started anew."""
    user, page = signed_in(request), _page(request, pk)
    own = Claim.objects.filter(page=page, reviewer=user).first()
    if own is not None:
        claims.release(page=page, reviewer=user, token=own.token)
    skipped = [one for one in request.session.get(SKIPPED, []) if one != page.pk]
    request.session[SKIPPED] = [*skipped, page.pk][-MOST_SKIPPED:]
    return _go_on(request)


@login_required
@require_POST
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a finished page into review again."""
    page = _page(request, pk)
    try:
        approvals.send_back(page=page)
    except claims.NotInReview as refusal:
        messages.error(request, refusal.message)
    return redirect("review:layout" if request.POST.get("to") == "layout" else "review:editor", pk=page.pk)


@answers_json
def save_line(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Save one line against the revision the editor started from."""
    line, data = _line(request, pk), cleaned(LineForm(request.POST))
    correct_line(
        line=line,
        text=data["text"],
        base_revision=data["base_revision"],
        decisions=data["decisions"],
        reviewer=signed_in(request),
    )
    return {"line": current_line_data(line)}


@login_required
@require_GET
def line_history(request: HttpRequest, pk: int) -> HttpResponse:
    """The line's revisions and what each pass read, as a fragment."""
    line = _line(request, pk)
    context = {"line": line, "revisions": past_texts(line), "passes": pass_texts(line)}
    return render(request, "review/history.html", context)


def _page(request: HttpRequest, pk: int) -> Page:
    return get_object_or_404(Page.objects.visible_to(request.user, Role.REVIEWER), pk=pk)


def _line(request: HttpRequest, pk: int) -> Line:
    pages = Page.objects.visible_to(request.user, Role.REVIEWER)
    return get_object_or_404(Line.objects.select_related("page", "current"), pk=pk, page__in=pages)


def _go_on(request: HttpRequest) -> dict[str, Any]:
    user = signed_in(request)
    wanted = QueueForm(request.POST, user=user).wanted
    following = next_page(user, wanted, skipped=request.session.get(SKIPPED, []))
    if following is None:
        messages.info(request, _("No other page is free at this moment."))
        return {"next": f"{reverse('review:queue')}?{filter_query(wanted)}"}
    return {"next": _editor_url(following.page_id, wanted)}


def _editor_url(pk: int, wanted: QueueFilter) -> str:
    return f"{reverse('review:editor', args=[pk])}?{filter_query(wanted)}"


def filter_query(wanted: QueueFilter) -> str:
    values: dict[str, Any] = {"order": wanted.order.value}
    if wanted.collection is not None:
        values["collection"] = wanted.collection
    if wanted.mine:
        values["mine"] = "on"
    return urlencode(values)
