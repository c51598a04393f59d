"""How a collection is read: its passes, chosen from a list and seen on any page before they are saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from transcription.errors import BadInput
from transcription.htr.enhance import MOST_STEPS, RECIPES, BadRecipe
from transcription.models import Collection, LayoutLine, Page, Role, Verb
from transcription.steps.choose_passes import (
    LEAST_THRESHOLD,
    LEAST_WEIGHT,
    MOST_PASSES,
    MOST_STAGES,
    MOST_THRESHOLD,
    MOST_WEIGHT,
    Choice,
    ChosenPass,
    bundled_choice,
    choice_of,
    choice_of_profile,
    choose_passes,
    is_calibrated,
    pages_read_otherwise,
    present_choice,
)
from transcription.steps.estimates import estimate_reading
from transcription.steps.profile_history import past_versions, shared_profiles, versions_of
from transcription.steps.profiles import BUNDLED, DEFAULT_THRESHOLD, THOROUGH
from transcription.steps.record_deed import record
from transcription.steps.trials import usual_pages
from transcription.steps.workers import engines_held, readers_here
from transcription.views.access import SignedInRequest, collection_or_404, holds, signed_in
from transcription.views.page import image_version
from transcription.views.posted_passes import PostedPasses, as_config
from transcription.views.preview import MOST_PIXELS, reading_scale
from transcription.views.reading_again import read_again
from transcription.views.told_versions import told_versions

TRIALS_SHOWN = 5
_NAMED_SAID = gettext_lazy("These are the passes of “%(name)s”. They are not saved for this collection.")


@require_http_methods(["GET", "POST"])
@signed_in
def passes(request: SignedInRequest, pk: int) -> HttpResponse:
    """The passes of a collection and a preview of them; all members may look, admins may save."""
    if request.method != "POST":
        return passes_screen(request, collection_or_404(request, pk))
    collection = collection_or_404(request, pk, Role.ADMIN)
    posted = PostedPasses.of(request)
    try:
        before = _present(collection)
        choice = posted.choice()
        save_choice(collection, choice, request.user)
    except BadInput as error:
        return passes_screen(request, collection, posted=posted, refused=error.message)
    if choice == before:
        messages.info(request, _("These were the passes already."))
    else:
        messages.success(request, _("Saved. Pages whose reading begins from now on are read with these passes."))
    return redirect(back_to_passes(request, collection))


@require_POST
@signed_in
def passes_rerun(request: SignedInRequest, pk: int) -> HttpResponse:
    """Read again the pages that were read with other passes and that nobody has approved."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    return read_again(request, collection, pages_read_otherwise(collection))


@require_GET
@signed_in
def passes_page(request: SignedInRequest, pk: int, number: int) -> JsonResponse:
    """What the preview needs to know of the collection's page ``number``, counted from 1."""
    collection = collection_or_404(request, pk)
    pages = previewed(collection)
    total = pages.count()
    if not 1 <= number <= total:
        raise Http404
    return JsonResponse(_page_data(pages[number - 1], number, total))


def save_choice(collection: Collection, choice: Choice, author: User) -> None:
    choose_passes(collection=collection, passes=choice.passes, thresholds=choice.thresholds, author=author)
    record(
        Verb.PROFILE_CHANGED,
        about=collection,
        collection=collection,
        actor=author,
        details={"passes": [str(each) for each in choice.passes], "thresholds": str(list(choice.thresholds))},
    )


def _present(collection: Collection) -> Choice | None:
    """None where it was chosen in a later version of Longhand than this one."""
    try:
        return present_choice(collection)
    except BadRecipe:
        return None


def passes_screen(
    request: SignedInRequest, collection: Collection, *, posted: PostedPasses | None = None, refused: str = ""
) -> HttpResponse:
    """The screen; with what was ``posted`` and why it was ``refused``, where it was."""
    wrong = bool(refused)
    try:
        present, calibrated = present_choice(collection), is_calibrated(collection)
        stale = pages_read_otherwise(collection)
    except BadRecipe as error:
        present, calibrated, stale, refused = bundled_choice(), False, Page.objects.none(), refused or error.message
    shown = as_config(present)
    draft = _draft(request, collection) if posted is None else None
    if draft is not None:
        shown = as_config(draft.choice)
    elif posted is not None and posted.as_config()["passes"]:
        shown = posted.as_config()
    administers = holds(request, collection, Role.ADMIN)
    context: dict[str, Any] = {
        "section": "collections",
        "collection": collection,
        "administers": administers,
        "present": present.passes,
        "stale_pages": stale.count(),
        "refused": refused,
        "page": _first_page(request, collection),
        "most_passes": MOST_PASSES,
        "most_stages": MOST_STAGES,
        "draft": draft.said if draft is not None else "",
        "trials": collection.trials.select_related("author")[:TRIALS_SHOWN],
    }
    if administers:
        context["currency"] = settings.ENDPOINTS.currency
        context["versions"] = told_versions(past_versions(collection))
        context["profiles"] = shared_profiles()
        context["bundled"] = _bundled_profiles()
        context["try_pages"] = _pages_to_try(collection)
        context["estimate"] = estimate_reading(collection, present, stale) if context["stale_pages"] else None
    fitted = [*map(bundled_choice, BUNDLED), *([present] if calibrated else [])]
    context["config"] = shown | {
        "calibrated": [as_config(each) for each in fitted],
        "unsaved": posted is not None or (draft is not None and draft.choice != present),
        "bundled": as_config(bundled_choice()),
        "engines": _engines([*present.passes, *(draft.choice.passes if draft is not None else ())]),
        "mostStages": MOST_STAGES,
        "recipes": _recipes(),
        "mostPasses": MOST_PASSES,
        "mostSteps": MOST_STEPS,
        "weight": {"least": LEAST_WEIGHT, "most": MOST_WEIGHT},
        "threshold": {"least": LEAST_THRESHOLD, "most": MOST_THRESHOLD, "usual": DEFAULT_THRESHOLD},
        "mostPixels": MOST_PIXELS,
        "administers": administers,
        "page": context["page"],
        "pages": reverse("transcription:passes_page", args=[collection.pk, 0]).replace("/0/", "/{number}/"),
    }
    return render(request, "transcription/passes.html", context, status=422 if wrong else 200)


@dataclass(frozen=True, slots=True)
class Draft:
    """Passes that are shown in the editor without being saved, and where they come from, a sentence."""

    choice: Choice
    said: str


def _draft(request: SignedInRequest, collection: Collection) -> Draft | None:
    """The passes of the trial, named profile or earlier version that the address names. Unknown ones are not found."""
    if "trial" in request.GET:
        try:
            key = UUID(request.GET["trial"])
        except ValueError as error:
            raise Http404 from error
        trial = get_object_or_404(collection.trials.select_related("profile_version"), pk=key)
        return Draft(choice_of(trial.profile_version), _("These are the passes that were tried. They are not saved."))
    if "bundled" in request.GET:
        name = request.GET["bundled"]
        if name not in BUNDLED:
            raise Http404
        return Draft(bundled_choice(name), _NAMED_SAID % {"name": name})
    if "profile" in request.GET:
        profile = get_object_or_404(shared_profiles(), pk=_key(request.GET["profile"]))
        return Draft(choice_of_profile(profile), _NAMED_SAID % {"name": profile.name})
    if "version" in request.GET:
        version = get_object_or_404(versions_of(collection), pk=_key(request.GET["version"]))
        return Draft(choice_of(version), _("These are the passes of an earlier version. Save to restore them."))
    return None


def _bundled_profiles() -> dict[str, str]:
    """What Longhand brings besides the usual passes: name and what it is good for."""
    return {THOROUGH: _("brought by Longhand: two networks read, for fewer errors and more time")}


def _key(text: str) -> int:
    if not _is_key(text):
        raise Http404
    return int(text)


def _pages_to_try(collection: Collection) -> list[dict[str, Any]]:
    """The pages that a trial is offered for, with the numbers that the preview gives them."""
    pages = previewed(collection)
    return [_page_data(page, _number(pages, page), pages.count()) for page in usual_pages(collection)]


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


def previewed(collection: Collection) -> QuerySet[Page]:
    """Pages that can be shown, in the order that numbers them."""
    prepared = Page.objects.filter(collection=collection, width__isnull=False).exclude(pyramid="")
    return prepared.select_related("document", "original").order_by("document_id", "position", "pk")


def _first_page(request: SignedInRequest, collection: Collection) -> dict[str, Any] | None:
    """The page that ``?page=`` names, where it is one of this collection; else the first one with lines."""
    pages = previewed(collection)
    wanted = request.GET.get("page", "")
    if wanted:
        page = pages.filter(pk=int(wanted)).first() if _is_key(wanted) else None
        if page is None:
            raise Http404
    else:
        page = pages.filter(layout__isnull=False).first() or pages.first()
        if page is None:
            return None
    return _page_data(page, _number(pages, page), pages.count())


def _number(pages: QuerySet[Page], page: Page) -> int:
    """The place of ``page`` among ``pages``, counted from 1."""
    same_document = Q(document=page.document_id)
    before = Q(document__lt=page.document_id) | same_document & Q(position__lt=page.position)
    before |= same_document & Q(position=page.position, pk__lt=page.pk)
    return pages.filter(before).count() + 1


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


def back_to_passes(request: SignedInRequest, collection: Collection) -> str:
    """The screen, with the page that was looked at."""
    here = reverse("transcription:passes", args=[collection.pk])
    page = request.POST.get("page", "")
    mine = _is_key(page) and previewed(collection).filter(pk=int(page)).exists()
    return f"{here}?page={page}" if mine else here
