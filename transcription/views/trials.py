"""Try passes on a few pages of a collection, and see what they read beside what stands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from transcription.errors import BadInput
from transcription.models import Collection, Page, Role, Trial
from transcription.steps.choose_passes import choice_of
from transcription.steps.progress import collection_progress
from transcription.steps.trial_comparison import ComparedPage, Comparison, compare
from transcription.steps.trials import MOST_PAGES, discard, start_trial
from transcription.views.access import SignedInRequest, collection_or_404, holds, signed_in, trial_or_404
from transcription.views.collection import STOP_POLLING
from transcription.views.page import image_version
from transcription.views.passes import passes_screen, previewed, save_choice
from transcription.views.posted_passes import PostedPasses
from transcription.views.trial_figures import FigureRow, figure_rows, rate


@require_POST
@signed_in
def trial_start(request: SignedInRequest, pk: int) -> HttpResponse:
    """Begin to read pages with the passes of the form, which are saved nowhere."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    posted = PostedPasses.of(request)
    try:
        choice = posted.choice()
        started = start_trial(
            collection=collection,
            passes=choice.passes,
            thresholds=choice.thresholds,
            pages=_pages(request, collection),
            author=request.user,
        )
    except BadInput as error:
        return passes_screen(request, collection, posted=posted, refused=error.message)
    return redirect("transcription:trial", started.pk)


@require_GET
@signed_in
def trial(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """What a trial reads beside what stands; all members of the collection may look, admins may use or discard it."""
    shown = trial_or_404(request, pk)
    return render(request, "transcription/trial.html", _context(request, shown, compare(shown)))


@require_GET
@signed_in
def trial_live(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """The part that is polled; answers 286 when nothing changes any more."""
    shown = trial_or_404(request, pk)
    found = compare(shown)
    status = STOP_POLLING if found.has_ended else 200
    return render(request, "transcription/trial_live.html", _context(request, shown, found), status=status)


@require_POST
@signed_in
def trial_use(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Choose the passes of a trial for its collection."""
    used = trial_or_404(request, pk, Role.ADMIN)
    try:
        save_choice(used.collection, choice_of(used.profile_version), request.user)
    except BadInput as error:  # an engine was removed meanwhile
        messages.error(request, error.message)
        return redirect("transcription:trial", used.pk)
    messages.success(request, _("Saved. Pages whose reading begins from now on are read with these passes."))
    return redirect("transcription:passes", used.collection_id)


@require_POST
@signed_in
def trial_discard(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Delete a trial with all it read."""
    unwanted = trial_or_404(request, pk, Role.ADMIN)
    discard(unwanted)
    messages.success(request, _("The trial is discarded. Nothing of the collection has changed."))
    return redirect("transcription:passes", unwanted.collection_id)


def _pages(request: SignedInRequest, collection: Collection) -> list[Page]:
    """The pages whose numbers were typed; empty fields are passed over."""
    pages = previewed(collection)
    total = pages.count()
    found = []
    for typed in request.POST.getlist("try")[: MOST_PAGES + 1]:
        if not typed.strip():
            continue
        number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0
        if not 1 <= number <= total:
            said = _("There is no page “%(typed)s”: the pages that can be shown are numbered from 1 to %(total)d.")
            raise BadInput(said % {"typed": typed[:20], "total": total}, code="bad-pages")
        found.append(pages[number - 1])
    return found


def _context(request: SignedInRequest, shown: Trial, found: Comparison) -> dict[str, Any]:
    collection = shown.collection
    return {
        "section": "collections",
        "trial": shown,
        "collection": collection,
        "administers": holds(request, collection, Role.ADMIN),
        "choice": choice_of(shown.profile_version),
        "found": found,
        "rows": _rows(found, found, sum(bool(each.lines) for each in found.pages)),
        "pages": [_shown(found, each) for each in found.pages],
        "progress": None if found.has_ended else collection_progress(collection),
    }


def _shown(found: Comparison, each: ComparedPage) -> dict[str, Any]:
    page = each.run.page
    same_layout = page.layout_id == each.run.layout_id
    return {
        "page": page,
        "state": str(each.state),
        "messages": each.messages,
        "changed": each.changed,
        "rows": _rows(found, each, 1),
        "lines": [
            {
                "line": line,
                # Lines are cut as the page's present layout has them.
                "image": _line_image(page, line.line_id) if same_layout else "",
                "present_rate": rate(line.present_rate),
                "tried_rate": rate(line.tried_rate),
            }
            for line in each.lines
        ],
    }


def _rows(found: Comparison, of: Comparison | ComparedPage, pages: int) -> list[FigureRow]:
    return figure_rows(
        of.present,
        of.tried,
        counted=of.counted,
        pages=pages,
        currency=settings.ENDPOINTS.currency,
        comparable=found.is_comparable,
    )


def _line_image(page: Page, line: int) -> str:
    address = reverse("transcription:enhanced_line", args=[page.pk, line])
    return f"{address}?v={image_version(page)}-{page.layout_id or 0}&enhancement=plain"
