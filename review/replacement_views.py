"""Find and replace in a collection: what would change, what was changed, and taking it back; for leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from review.confusions import suggestions
from review.replacement_forms import AppliedForm, PatternForm, pattern_query, read_key, write_key
from transcription.errors import BadInput
from transcription.htr.difference import Piece as TextPiece
from transcription.htr.difference import difference
from transcription.htr.replacing import Pattern, Piece, pieces
from transcription.models import Collection, Failure, Page, ReplacedLine, Replacement, Role
from transcription.models.keyset import paged
from transcription.steps.find_places import FoundLine, Standing, census, found_lines, present_revision
from transcription.steps.replace import NothingToUndo, request_replacement, request_undo
from transcription.views.access import SignedInRequest, collection_or_404, signed_in

LINES_SHOWN = 30
REPLACEMENTS_SHOWN = 20
HELD_SHOWN = 20
STOP_POLLING = 286  # htmx's own status: take this answer and ask no more


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """A line as the preview shows it; ``image`` is empty where its page has none."""

    line: int
    page: Page
    position: int
    pieces: list[Piece]
    image: str


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """A line that was changed, and in a few words what has become of it."""

    page: Page
    pieces: list[TextPiece]
    image: str
    outcome: str


@require_GET
@signed_in
def replacements(request: SignedInRequest, pk: int) -> HttpResponse:
    """The whole screen: what is looked for, where it stands, and the replacements made so far."""
    collection = collection_or_404(request, pk, Role.LEAD)
    asked = "find" in request.GET
    form = PatternForm(request.GET if asked else None)
    context = _screen(request, collection, form)
    if asked and form.is_valid():
        try:
            context |= _preview(collection, form, form.pattern)
        except BadInput as fault:
            context["refused"] = fault.message
    return render(request, "review/replacements.html", context, status=422 if _is_refused(form, context) else 200)


@require_GET
@signed_in
def places(request: SignedInRequest, pk: int) -> HttpResponse:
    """More lines of a preview, as a fragment behind those that are shown."""
    collection = collection_or_404(request, pk, Role.LEAD)
    form = PatternForm(request.GET)
    as_of, after = request.GET.get("as_of", ""), read_key(request.GET.get("after", ""))
    if not form.is_valid() or not as_of.isdecimal() or after is None:
        return HttpResponse(status=400)
    found, more = found_lines(
        collection_id=collection.pk,
        pattern=form.pattern,
        typed=form.cleaned_data["typed"],
        as_of=min(int(as_of), present_revision()),
        after=after,
        size=LINES_SHOWN,
    )
    return render(request, "review/replacement_places.html", _part(collection, form, found, more, int(as_of)))


@require_GET
@signed_in
def suggested(request: SignedInRequest, pk: int) -> HttpResponse:
    """What people of the collection correct again and again, as a fragment: it takes a moment to count."""
    collection = collection_or_404(request, pk, Role.LEAD)
    here = reverse("review:replacements", args=[collection.pk])
    rows = [(each, f"{here}?{pattern_query(each.confusion.pattern)}") for each in suggestions(collection)]
    return render(request, "review/replacement_suggestions.html", {"rows": rows})


@require_POST
@signed_in
def apply(request: SignedInRequest, pk: int) -> HttpResponse:
    """Make a preview true."""
    collection = collection_or_404(request, pk, Role.LEAD)
    form = AppliedForm(request.POST)
    context = _screen(request, collection, form)
    if form.is_valid():
        data = form.cleaned_data
        try:
            replacement = request_replacement(
                collection=collection,
                pattern=form.pattern,
                typed=data["typed"],
                as_of=min(data["as_of"], present_revision()),
                left_out=data["leave"],
                author=request.user,
            )
        except BadInput as fault:
            context["refused"] = fault.message
        else:
            return redirect("review:replacement", replacement.pk)
    return render(request, "review/replacements.html", context, status=422)


@require_GET
@signed_in
def replacement(request: SignedInRequest, pk: int) -> HttpResponse:
    """One replacement: how far it is, what it changed, what it left; with undo."""
    chosen = _replacement(request, pk)
    context = _live(chosen) | _changed(request, chosen) | {"section": "collections", "collection": chosen.collection}
    return render(request, "review/replacement.html", context)


@require_GET
@signed_in
def replacement_live(request: SignedInRequest, pk: int) -> HttpResponse:
    """The part that is polled; answers 286 when it is done."""
    chosen = _replacement(request, pk)
    status = 200 if chosen.in_motion else STOP_POLLING
    return render(request, "review/replacement_live.html", _live(chosen), status=status)


@require_GET
@signed_in
def replacement_lines(request: SignedInRequest, pk: int) -> HttpResponse:
    """The lines that it changed, renewed when it is done."""
    return render(request, "review/replacement_lines.html", _changed(request, _replacement(request, pk)))


@require_POST
@signed_in
def undo(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take the replacement back as one step."""
    chosen = _replacement(request, pk)
    try:
        request_undo(chosen, by=request.user)
    except NothingToUndo as refusal:
        messages.error(request, refusal.message)
    return redirect("review:replacement", chosen.pk)


def _screen(request: SignedInRequest, collection: Collection, form: PatternForm) -> dict[str, Any]:
    made = Replacement.objects.filter(collection=collection).select_related("author")
    part = paged(made, order=("-pk",), size=REPLACEMENTS_SHOWN, after=request.GET.get("older", ""))
    return {"section": "collections", "collection": collection, "form": form, "made": part}


def _is_refused(form: PatternForm, context: Mapping[str, Any]) -> bool:
    return bool(form.errors) or "refused" in context


def _preview(collection: Collection, form: PatternForm, pattern: Pattern) -> dict[str, Any]:
    typed, as_of = form.cleaned_data["typed"], present_revision()
    found = census(collection_id=collection.pk, pattern=pattern, typed=typed, as_of=as_of)
    lines, more = found_lines(
        collection_id=collection.pk, pattern=pattern, typed=typed, as_of=as_of, after=None, size=LINES_SHOWN
    )
    held = found.counts.get(Standing.HELD)
    return _part(collection, form, lines, more, as_of) | {
        "census": found,
        "pattern": pattern,
        "left": {standing.value: count for standing, count in found.counts.items() if standing != Standing.FREE},
        "held": _pages(held.pages if held else ()),
    }


def _part(collection: Collection, form: PatternForm, found: list[FoundLine], more: bool, as_of: int) -> dict[str, Any]:
    pages = {page.pk: page for page in _with_names(Page.objects.filter(pk__in={each.key.page for each in found}))}
    pattern, typed = form.pattern, form.cleaned_data["typed"]
    query = pattern_query(pattern, typed=typed)
    after = f"{query}&as_of={as_of}&after={write_key(found[-1].key)}" if more else ""
    lines = [
        PreviewLine(
            each.line,
            pages[each.key.page],
            each.key.position,
            pieces(each.text, pattern),
            _image(pages[each.key.page], each.line),
        )
        for each in found
        if each.key.page in pages  # a spread may just have become one page
    ]
    return {"collection": collection, "lines": lines, "after": after, "as_of": as_of}


def _image(page: Page, line: int) -> str:
    """The line as engines get it; the address changes with its image and its place."""
    if not page.pyramid:
        return ""
    address = reverse("transcription:enhanced_line", args=[page.pk, line])
    return f"{address}?v={page.image}-{page.layout_id}"


def _with_names(pages: QuerySet[Page]) -> QuerySet[Page]:
    return pages.select_related("document", "original")


def _pages(ids: Iterable[int]) -> list[Page]:
    return list(_with_names(Page.objects.filter(pk__in=list(ids)))[:HELD_SHOWN])


def _replacement(request: SignedInRequest, pk: int) -> Replacement:
    visible = Replacement.objects.visible_to(request.user, Role.LEAD)
    return get_object_or_404(visible.select_related("collection", "author", "undone_by"), pk=pk)


def _live(chosen: Replacement) -> dict[str, Any]:
    undoing = chosen.state in (Replacement.State.UNDOING, Replacement.State.UNDONE)
    done, total = (chosen.restored, chosen.lines) if undoing else (chosen.lines, chosen.planned_lines)
    again = reverse("review:replacements", args=[chosen.collection_id])
    return {
        "replacement": chosen,
        "done": done,
        "total": total,
        "share": done / total if total else 1.0,
        "left": max(0, chosen.planned_lines - chosen.lines),
        "kept": chosen.lines - chosen.restored,
        "held": _pages(chosen.held),
        "undoable": 0 if chosen.in_motion else chosen.changed.undoable().count(),
        "failure": Failure.objects.open().filter(work__replacement=chosen).first(),
        "again": f"{again}?{pattern_query(chosen.pattern, typed=chosen.typed)}",
    }


def _changed(request: SignedInRequest, chosen: Replacement) -> dict[str, Any]:
    """Lines in the order in which they were changed; of one that was taken back, those first that were left."""
    only_left = request.GET.get("show") == "left"
    rows = chosen.changed.filter(restored=None) if only_left else chosen.changed.all()
    rows = rows.select_related("before", "after", "line__page__document", "line__page__original")
    part = paged(
        rows,
        order=("pk",),
        size=LINES_SHOWN,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    return {
        "replacement": chosen,
        "part": part,
        "only_left": only_left,
        "changed": [
            ChangedLine(
                row.line.page,
                difference(row.before.text, row.after.text),
                _image(row.line.page, row.line_id),
                _outcome(row),
            )
            for row in part.rows
        ],
    }


def _outcome(row: ReplacedLine) -> str:
    if row.restored_id is not None:
        return _("taken back")
    if row.line.current_id != row.after_id:
        return _("edited since")
    return _("on an approved page") if row.line.page.approved_at is not None else _("changed")
