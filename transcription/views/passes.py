"""Which enhancements a collection's lines are read with: chosen from a list, seen on any page before they are saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from transcription.errors import BadInput
from transcription.htr.enhance import MOST_STEPS, RECIPES, BadRecipe, Enhancement
from transcription.models import Collection, LayoutLine, Page, Role
from transcription.steps.choose_passes import (
    LEAST_WEIGHT,
    MOST_PASSES,
    MOST_STAGES,
    MOST_WEIGHT,
    ChosenPass,
    bundled_passes,
    choose_passes,
    is_calibrated,
    pages_read_otherwise,
    present_passes,
)
from transcription.steps.control import rerun
from transcription.steps.workers import engines_held, readers_here
from transcription.views.access import SignedInRequest, collection_or_404, holds, signed_in
from transcription.views.page import image_version
from transcription.views.preview import MOST_PIXELS, reading_scale


@require_http_methods(["GET", "POST"])
@signed_in
def passes(request: SignedInRequest, pk: int) -> HttpResponse:
    """The passes of a collection and a preview of them; all members may try, admins may save."""
    if request.method != "POST":
        return _screen(request, collection_or_404(request, pk))
    collection = collection_or_404(request, pk, Role.ADMIN)
    posted = _posted(request)
    before = collection.profile
    choice = before.choice if before is not None else None
    try:
        choose_passes(collection=collection, passes=_chosen(posted))
    except BadInput as error:
        return _screen(request, collection, posted=posted[: MOST_PASSES + 1], refused=error.message)
    if collection.profile == before and collection.profile is not None and collection.profile.choice == choice:
        messages.info(request, _("These were the passes already."))
    else:
        messages.success(request, _("Saved. Pages whose reading begins from now on are read with these passes."))
    return redirect(_back(request, collection))


@require_POST
@signed_in
def passes_rerun(request: SignedInRequest, pk: int) -> HttpResponse:
    """Read again the pages that were read with other passes and that nobody has approved."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    count = rerun(collection, pages=pages_read_otherwise(collection))
    said = ngettext("%(count)d page is read again.", "%(count)d pages are read again.", count)
    messages.success(request, said % {"count": count})
    return redirect("transcription:collection", collection.pk)


@require_GET
@signed_in
def passes_page(request: SignedInRequest, pk: int, number: int) -> JsonResponse:
    """What the preview needs to know of the collection's page ``number``, counted from 1."""
    collection = collection_or_404(request, pk)
    pages = _previewed(collection)
    total = pages.count()
    if not 1 <= number <= total:
        raise Http404
    return JsonResponse(_page_data(pages[number - 1], number, total))


def _posted(request: SignedInRequest) -> list[dict[str, str]]:
    """The passes as they were sent; where engines or stages are not said, they are the usual ones."""
    columns = {name: request.POST.getlist(name) for name in ("enhancement", "weight", "engine", "stage")}
    rows = zip(columns["enhancement"], columns["weight"], strict=False)
    usual = bundled_passes()[0]
    return [
        {
            "enhancement": enhancement,
            "weight": weight,
            "engine": columns["engine"][number] if number < len(columns["engine"]) else usual.engine,
            "stage": columns["stage"][number] if number < len(columns["stage"]) else str(usual.stage),
        }
        for number, (enhancement, weight) in enumerate(rows)
    ]


def _chosen(posted: Sequence[Mapping[str, str]]) -> list[ChosenPass]:
    """The passes of a form, as far as a form can be wrong; what is wrong with them together ``choose_passes`` says."""
    chosen = []
    for number, row in enumerate(posted[: MOST_PASSES + 1], 1):
        try:
            stage = int(row["stage"]) if row["stage"].isascii() and row["stage"].isdigit() else -1
            seen = Enhancement.parse(row["enhancement"])
            chosen.append(ChosenPass(seen, float(row["weight"]), row["engine"], stage))
        except BadRecipe as error:
            raise BadInput(_("Pass %(number)d: %(said)s") % {"number": number, "said": error.message}) from error
        except ValueError as error:
            said = _("Pass %(number)d: its weight must be a number from %(least)s to %(most)s.")
            said %= {"number": number, "least": LEAST_WEIGHT, "most": MOST_WEIGHT}
            raise BadInput(said, code="bad-weight") from error
    return chosen


def _screen(
    request: SignedInRequest,
    collection: Collection,
    *,
    posted: Sequence[Mapping[str, str]] | None = None,
    refused: str = "",
) -> HttpResponse:
    wrong = bool(refused)
    try:
        present, calibrated = present_passes(collection), is_calibrated(collection)
        stale = pages_read_otherwise(collection).count()
    except BadRecipe as error:  # chosen in a later version of Longhand than this one
        present, calibrated, stale, refused = bundled_passes(), False, 0, refused or error.message
    passes = [_as_config(each) for each in present]
    if posted is not None:
        passes = [dict(row) for row in posted if _is_enhancement(row["enhancement"])] or passes
    administers = holds(request, collection, Role.ADMIN)
    context: dict[str, Any] = {
        "section": "collections",
        "collection": collection,
        "administers": administers,
        "present": present,
        "calibrated": calibrated,
        "stale_pages": stale,
        "refused": refused,
        "page": _first_page(request, collection),
        "most_passes": MOST_PASSES,
    }
    context["config"] = {
        "passes": passes,
        "refused": posted is not None,
        "bundled": [_as_config(each) for each in bundled_passes()],
        "engines": _engines(present),
        "mostStages": MOST_STAGES,
        "recipes": _recipes(),
        "mostPasses": MOST_PASSES,
        "mostSteps": MOST_STEPS,
        "weight": {"least": LEAST_WEIGHT, "most": MOST_WEIGHT},
        "mostPixels": MOST_PIXELS,
        "administers": administers,
        "page": context["page"],
        "pages": reverse("transcription:passes_page", args=[collection.pk, 0]).replace("/0/", "/{number}/"),
    }
    return render(request, "transcription/passes.html", context, status=422 if wrong else 200)


def _as_config(chosen: ChosenPass) -> dict[str, Any]:
    """A pass as passes.js takes it."""
    return {
        "enhancement": str(chosen.enhancement),
        "weight": chosen.weight,
        "engine": chosen.engine,
        "stage": chosen.stage,
    }


def _engines(present: Sequence[ChosenPass]) -> list[dict[str, Any]]:
    """The engines that a pass may read with, what each reads, and whether a worker that is alive holds it."""
    said = {"lines": _("lines"), "pages": _("whole pages"), "print": _("lines of print only")}
    held = engines_held()
    readers = readers_here()
    gone = {each.engine: ["lines"] for each in present if each.engine not in readers}
    return [
        {
            "name": name,
            "reads": ", ".join(said[each] for each in reads if each != "print" or reads == ["print"]),
            "held": name in held,
        }
        for name, reads in (readers | gone).items()
    ]


def _is_key(text: str) -> bool:
    """Whether ``text`` can be a primary key."""
    return text.isascii() and text.isdigit() and len(text) < 19


def _is_enhancement(text: str) -> bool:
    try:
        Enhancement.parse(text)
    except BadRecipe:
        return False
    return True


def _recipes() -> list[dict[str, Any]]:
    """The declared recipes in the reader's language, JSON-ready."""
    return [
        {
            "name": recipe.name,
            "title": _(recipe.title),
            "help": _(recipe.help),
            "parameters": [
                {
                    "name": each.name,
                    "label": _(each.label),
                    "help": _(each.help),
                    "default": each.default,
                    "minimum": each.minimum,
                    "maximum": each.maximum,
                    "step": each.step,
                }
                for each in recipe.parameters
            ],
        }
        for recipe in RECIPES.values()
    ]


def _previewed(collection: Collection) -> QuerySet[Page]:
    """Pages that can be shown, in the order that numbers them."""
    prepared = Page.objects.filter(collection=collection, width__isnull=False).exclude(pyramid="")
    return prepared.select_related("document", "original").order_by("document_id", "position", "pk")


def _first_page(request: SignedInRequest, collection: Collection) -> dict[str, Any] | None:
    """The page that ``?page=`` names, where it is one of this collection; else the first one with lines."""
    pages = _previewed(collection)
    wanted = request.GET.get("page", "")
    if wanted:
        page = pages.filter(pk=int(wanted)).first() if _is_key(wanted) else None
        if page is None:
            raise Http404
    else:
        page = pages.filter(layout__isnull=False).first() or pages.first()
        if page is None:
            return None
    same_document = Q(document=page.document_id)
    before = Q(document__lt=page.document_id) | same_document & Q(position__lt=page.position)
    before |= same_document & Q(position=page.position, pk__lt=page.pk)
    return _page_data(page, pages.filter(before).count() + 1, pages.count())


def _page_data(page: Page, number: int, total: int) -> dict[str, Any]:
    """A page as passes.js needs it. Addresses end in ``?v=…&``: more parameters follow."""
    places = LayoutLine.objects.filter(layout=page.layout_id).order_by("position")
    version = f"?v={image_version(page)}-{page.layout_id or 0}&"
    return {
        "id": page.pk,
        "number": number,
        "total": total,
        "label": page.label,
        "document": page.document.title,
        "width": page.width,
        "height": page.height,
        "scale": reading_scale(page),
        "url": reverse("transcription:page", args=[page.pk]),
        "thumbnail": reverse("transcription:page_thumbnail", args=[page.pk]) + version if page.thumbnail else "",
        "region": reverse("transcription:enhanced_region", args=[page.pk]) + version,
        "lines": [
            {
                "number": place.position,
                "url": reverse("transcription:enhanced_line", args=[page.pk, place.line_id]) + version,
                "top": min((y for _, y in place.polygon), default=0),
                "left": min((x for x, _ in place.polygon), default=0),
            }
            for place in places
        ],
    }


def _back(request: SignedInRequest, collection: Collection) -> str:
    """The screen, with the page that was looked at."""
    here = reverse("transcription:passes", args=[collection.pk])
    page = request.POST.get("page", "")
    mine = _is_key(page) and _previewed(collection).filter(pk=int(page)).exists()
    return f"{here}?page={page}" if mine else here
