"""A collection's vocabulary: word lists uploaded, words typed, found, removed, taken home again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, QuerySet
from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from transcription.errors import BadInput
from transcription.formats.word_list import LARGEST_FILE, LineProblem, WordEntry, WordList, read_word_list, write_csv
from transcription.forms import TermForm
from transcription.models import Collection, Role, Term, TermKind
from transcription.models.keyset import paged
from transcription.steps.vocabulary import (
    Merged,
    merge_terms,
    pages_read_before,
    present_revision,
    remove_terms,
    sort_key,
)
from transcription.views.access import SignedInRequest, collection_or_404, holds, signed_in
from transcription.views.reading_again import read_again
from transcription.views.upload_report import take_report

PAGE_SIZE = 100
PROBLEMS_SHOWN = 100
REPORT = "word-list-report"  # in the session: shown once, where the upload leads to


@require_GET
@signed_in
def vocabulary(request: SignedInRequest, pk: int) -> HttpResponse:
    """The terms in order, searched and filtered, with the forms that add to them."""
    return _screen(request, collection_or_404(request, pk))


@require_GET
@signed_in
def vocabulary_list(request: SignedInRequest, pk: int) -> HttpResponse:
    """The table alone, renewed while somebody types what they look for."""
    collection = collection_or_404(request, pk)
    context = _list(request, collection)
    # The address in the browser is that of the whole screen, so that it can be kept and reloaded.
    answer = render(request, "transcription/vocabulary_list.html", context)
    answer["HX-Replace-Url"] = context["here"]
    return answer


@require_POST
@signed_in
def vocabulary_upload(request: SignedInRequest, pk: int) -> HttpResponse:
    """Merge an uploaded list into the vocabulary; what could not be taken of it is said line by line."""
    collection = collection_or_404(request, pk)
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return _screen(request, collection, refused=_("Choose a word list first: a .txt or .csv file."))
    try:
        found = read_word_list(_bytes(file), file.name or "")
        merged = merge_terms(collection=collection, entries=found.entries)
    except BadInput as error:
        return _screen(request, collection, refused=error.message)
    request.session[REPORT] = {"collection": collection.pk} | _report(file.name or "", found, merged)
    return redirect("transcription:vocabulary", collection.pk)


@require_POST
@signed_in
def term_add(request: SignedInRequest, pk: int) -> HttpResponse:
    """Add one term as it was typed."""
    collection = collection_or_404(request, pk)
    form = TermForm(request.POST)
    if not form.is_valid():
        return _screen(request, collection, form=form)
    given = form.cleaned_data
    try:
        merged = merge_terms(collection=collection, entries=[WordEntry(given["text"], given["kind"], given["note"])])
    except BadInput as error:
        form.add_error("text", error.message)
        return _screen(request, collection, form=form)
    if merged.known:
        messages.info(request, _("“%(term)s” was in the vocabulary already.") % {"term": given["text"]})
    elif merged.changed:
        messages.success(
            request, _("“%(term)s” was there already; its kind and note are new.") % {"term": given["text"]}
        )
    else:
        messages.success(request, _("“%(term)s” was added.") % {"term": given["text"]})
    return redirect("transcription:vocabulary", collection.pk)


@require_POST
@signed_in
def term_kind(request: SignedInRequest, pk: int, term: int) -> HttpResponse:
    """Give one term another kind, where it stands in the list."""
    collection = collection_or_404(request, pk)
    found = get_object_or_404(Term.objects.filter(collection=collection).present(), pk=term)
    kind = request.POST.get("kind", "")
    if kind in TermKind.values:
        merge_terms(collection=collection, entries=[WordEntry(found.text, kind)])
        said = _("“%(term)s” is now a %(kind)s.") % {"term": found.text, "kind": TermKind(kind).label}
        messages.success(request, said)
    return _back(request, collection)


@require_POST
@signed_in
def term_remove(request: SignedInRequest, pk: int, term: int) -> HttpResponse:
    collection = collection_or_404(request, pk)
    found = get_object_or_404(Term.objects.filter(collection=collection).present(), pk=term)
    remove_terms(collection=collection, terms=Term.objects.filter(pk=found.pk))
    messages.success(request, _("“%(term)s” was removed.") % {"term": found.text})
    return _back(request, collection)


@require_POST
@signed_in
def vocabulary_clear(request: SignedInRequest, pk: int) -> HttpResponse:
    """Remove all terms."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    count = remove_terms(collection=collection, terms=Term.objects.all())
    said = ngettext("%(count)d term was removed.", "%(count)d terms were removed.", count)
    messages.success(request, said % {"count": count})
    return redirect("transcription:vocabulary", collection.pk)


@require_POST
@signed_in
def vocabulary_rerun(request: SignedInRequest, pk: int) -> HttpResponse:
    """Read again the pages that were read with another vocabulary and that nobody has approved."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    return read_again(request, collection, pages_read_before(collection))


@require_GET
@signed_in
def vocabulary_download(request: SignedInRequest, pk: int) -> HttpResponseBase:
    """All terms as CSV, fit to be uploaded again here or elsewhere."""
    collection = collection_or_404(request, pk)
    terms = Term.objects.filter(collection=collection).present().order_by("sort_key", "pk")
    entries = (WordEntry(term.text, term.kind, term.note) for term in terms.iterator(chunk_size=2000))
    answer = StreamingHttpResponse(write_csv(entries), content_type="text/csv; charset=utf-8")
    title = slugify(collection.identifier or collection.title) or "collection"
    answer["Content-Disposition"] = content_disposition_header(True, f"{title}-vocabulary.csv")
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


def stale_pages(collection: Collection) -> int:
    """How many pages were read before the vocabulary became what it is."""
    return pages_read_before(collection).count() if present_revision(collection) else 0


def _bytes(file: UploadedFile[Any]) -> bytes:
    """At most one byte more than is allowed: what is too large is refused without being held."""
    data: bytes = file.read(LARGEST_FILE + 1)
    return data


def _screen(
    request: SignedInRequest, collection: Collection, *, form: TermForm | None = None, refused: str = ""
) -> HttpResponse:
    context = _list(request, collection) | {
        "section": "collections",
        "administers": holds(request, collection, Role.ADMIN),
        "stale_pages": stale_pages(collection),
        "form": form or TermForm(),
        "refused": refused,
        "report": take_report(request, REPORT, collection),
        "limit_mb": LARGEST_FILE // 2**20,
    }
    return render(request, "transcription/vocabulary.html", context, status=422 if form or refused else 200)


def _list(request: SignedInRequest, collection: Collection) -> dict[str, Any]:
    present = Term.objects.filter(collection=collection).present()
    query, kind = request.GET.get("q", "").replace("\x00", "").strip(), request.GET.get("kind", "")
    kind = kind if kind in TermKind.values else ""
    part = paged(
        _matching(present, query, kind),
        order=("sort_key", "pk"),
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    counts = dict(present.values_list("kind").annotate(Count("pk")).order_by())
    kept = QueryDict(mutable=True)
    kept.update({name: value for name, value in (("q", query), ("kind", kind)) if value})
    return {
        "collection": collection,
        "part": part,
        "query": query,
        "kind": kind,
        "kept": kept.urlencode(),
        "total": sum(counts.values()),
        "kinds": [(value, label, counts.get(value, 0)) for value, label in TermKind.choices],
        "here": f"{_url(collection)}?{request.GET.urlencode()}",
    }


def _matching(terms: QuerySet[Term], query: str, kind: str) -> QuerySet[Term]:
    if query:
        terms = terms.filter(sort_key__contains=sort_key(query))
    return terms.filter(kind=kind) if kind else terms


def _report(name: str, found: WordList, merged: Merged) -> dict[str, Any]:
    """What became of a list, small enough for the session."""
    skipped = sum(problem.skipped for problem in found.problems)
    shown: list[LineProblem] = found.problems[:PROBLEMS_SHOWN]
    return {
        "name": name,
        "added": merged.added,
        "changed": merged.changed,
        "known": merged.known,
        "repeated": found.repeated,
        "skipped": skipped,
        "problems": [[problem.line, problem.message] for problem in shown],
        "more": len(found.problems) - len(shown),
    }


def _url(collection: Collection) -> str:
    return reverse("transcription:vocabulary", args=[collection.pk])


def _back(request: SignedInRequest, collection: Collection) -> HttpResponse:
    """To where in this list the form of ``next`` stood; never to another site."""
    here, wanted = _url(collection), request.POST.get("next", "")
    return redirect(wanted if wanted.startswith(f"{here}?") else here)
