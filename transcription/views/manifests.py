"""Filling a collection from IIIF manifests: their addresses, and how the fetching goes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count
from django.db.models.functions import Sign
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from transcription.errors import BadInput
from transcription.models import Collection, Failure, Manifest, Original, Work, WorkState
from transcription.steps.fetch_manifest import ask_for_manifest
from transcription.steps.flow import OPEN
from transcription.steps.reachable import checked_url
from transcription.views.access import SignedInRequest, collection_or_404, signed_in

MOST_AT_ONCE = 50
SHOWN = 100
FAILURES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class FetchedManifest:
    """A manifest as the screen shows it; ``missing`` images failed, ``here`` were in the collection already."""

    manifest: Manifest
    stored: int
    waiting: int
    missing: int
    failures: list[Failure]

    @property
    def total(self) -> int:
        return len(self.manifest.canvases)

    @property
    def here(self) -> int:
        return max(0, self.total - self.stored - self.waiting - self.missing) if self.total else 0


@require_http_methods(["GET", "POST"])
@signed_in
def manifest_new(request: SignedInRequest, pk: int) -> HttpResponse:
    """The form that takes addresses, one a line, and what became of those that were given."""
    collection = collection_or_404(request, pk)
    typed = request.POST.get("urls", "")
    refused = _asked(collection, typed, request) if request.method == "POST" else ""
    if request.method == "POST" and not refused:
        return redirect("transcription:manifest_new", collection.pk)
    context = {"section": "collections", "collection": collection, "typed": typed, "refused": refused}
    status = 422 if refused else 200
    return render(request, "transcription/manifests.html", context | _list(collection), status=status)


@require_safe
@signed_in
def manifest_list(request: SignedInRequest, pk: int) -> HttpResponse:
    """The list alone, which the screen asks for while something is being fetched."""
    collection = collection_or_404(request, pk)
    context = {"collection": collection} | _list(collection)
    status = 200 if context["busy"] else 286  # tells htmx to stop asking
    return render(request, "transcription/manifest_list.html", context, status=status)


def _asked(collection: Collection, typed: str, request: SignedInRequest) -> str:
    """Have every address fetched, or none of them: the reason why not."""
    urls = list(dict.fromkeys(filter(None, map(str.strip, typed.splitlines()))))
    if not urls:
        return _("Give the address of a manifest, one a line.")
    if len(urls) > MOST_AT_ONCE:
        return _("At most %(limit)d addresses at once: give the others afterwards.") % {"limit": MOST_AT_ONCE}
    try:
        for url in urls:
            checked_url(url, plain_http=True)
        for url in urls:
            ask_for_manifest(collection=collection, url=url, user=request.user)
    except BadInput as error:
        return error.message
    return ""


def _list(collection: Collection) -> dict[str, object]:
    manifests = Manifest.objects.filter(collection=collection).defer("data")
    shown = list(manifests.select_related("document", "upload__uploader")[:SHOWN])
    work = Work.objects.filter(manifest__in=shown).values_list("manifest", "state", Sign("stage"))
    counts = {(pk, state, image > 0): number for pk, state, image, number in work.annotate(Count("pk"))}
    stored = dict(Original.objects.filter(upload__manifest__in=shown).values_list("upload").annotate(Count("pk")))
    failures = defaultdict(list)
    for failure in Failure.objects.open().filter(work__manifest__in=shown).select_related("work").order_by("pk"):
        failures[failure.work.manifest_id].append(failure)

    def row(manifest: Manifest) -> FetchedManifest:
        return FetchedManifest(
            manifest,
            stored=stored.get(manifest.upload_id, 0),
            waiting=sum(counts.get((manifest.pk, state, True), 0) for state in OPEN),
            missing=counts.get((manifest.pk, WorkState.FAILED, True), 0),
            failures=failures[manifest.pk][:FAILURES_SHOWN],
        )

    return {"rows": [row(each) for each in shown], "busy": any(state in OPEN for _, state, _ in counts)}
