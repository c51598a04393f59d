"""Pages, their texts and lines; and search over the lines."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from ninja import Field, Path, Query, Router, Schema

from transcription.api.access import ApiRequest, Bearer, collection_for, document_for, owner_of, page_for
from transcription.api.lines import LineOut, lines_of
from transcription.api.schema import Asked, Id, Listing, Text, next_url, part_of
from transcription.models import Page, PageState, Scope
from transcription.models.page import PageQuerySet
from transcription.steps.job_report import page_texts
from transcription.steps.search import Filters, Level, Sure, search
from transcription.steps.search_hits import LineHit, line_hits

router = Router(tags=["pages and texts"])


class PageOut(Schema):
    id: int
    collection: int
    document: int
    position: int = Field(description="Order in its document, from 1.")
    file: str
    sha256: str = Field(description="Of the file that was received.")
    frame: int = Field(description="Which page of the file, from 0.")
    state: PageState
    width: int | None
    height: int | None
    confidence: float | None = Field(None, ge=0, le=1, description="Expected share of right words.")
    url: str = Field(description="Where people look at it.")


class PageDetail(PageOut):
    word_count: int
    text: str = Field(description="As it stands, lines in reading order.")


class PageList(Schema):
    items: list[PageOut]
    next: str | None


class LineList(Schema):
    page: int
    width: int | None
    height: int | None
    items: list[LineOut]


class PageFilters(Listing):
    state: PageState | None = None


class LineParts(Asked):
    alternatives: bool = Field(False, description="With what other passes read.")


class Certainty(StrEnum):
    ANY = "any"
    PERSON = "person"
    HIGH = "high"
    LOW = "low"


class SearchFilters(Asked):
    q: Text = Field(
        max_length=300,
        description='Words; "in quotation marks" one after the other, -without, beginning*. At least two letters.',
    )
    collection: Id | None = None
    document: Id | None = None
    state: PageState | None = None
    sure: Certainty = Field(Certainty.ANY, description="Written by people; 0.9 and more; less than 0.7.")
    since: date | None = Field(None, description="First day on which the text became what it is.")
    until: date | None = Field(None, description="Last such day.")
    similar: bool | None = Field(None, description="Similar spellings too: always, never, or where little is found.")
    after: Text = Field("", max_length=500, description="The key that `next` of the part before this one holds.")
    limit: int = Field(20, ge=1, le=100)


class HitWord(Schema):
    start: int = Field(description="First character in the text, from 0.")
    end: int
    others: list[str] = Field(description="What was found instead of what stands there.")


class HitOut(Schema):
    line: int
    page: int
    document: int
    collection: int
    text: str
    found: str = Field(description="text, other reading, near or far spelling.")
    confidence: float | None = Field(None, ge=0, le=1)
    words: list[HitWord]
    polygon: list[tuple[int, int]]
    url: str = Field(description="Where people look at it.")


class HitList(Schema):
    items: list[HitOut]
    next: str | None
    count: int | None = Field(description="Lines that have the words, on the first part only; 1001: more than 1000.")
    suggestions: list[str] = Field(description="Words that are there, where what was asked is not.")


_SURE = {Certainty.ANY: Sure.ANY, Certainty.PERSON: Sure.PERSON, Certainty.HIGH: Sure.HIGH, Certainty.LOW: Sure.LOW}
_LEVELS = {Level.TEXT: "text", Level.OTHER: "other reading", Level.NEAR: "near spelling", Level.FAR: "far spelling"}


@router.get("/collections/{pk}/pages", auth=Bearer(Scope.READ), response=PageList, summary="List a collection's pages")
def list_collection_pages(request: ApiRequest, pk: Path[Id], wanted: Query[PageFilters]) -> PageList:
    pages = Page.objects.filter(collection=collection_for(request, pk))
    return _listed(request, pages, wanted, ("document_id", "position", "pk"))


@router.get("/documents/{pk}/pages", auth=Bearer(Scope.READ), response=PageList, summary="List a document's pages")
def list_document_pages(request: ApiRequest, pk: Path[Id], wanted: Query[PageFilters]) -> PageList:
    pages = Page.objects.filter(document=document_for(request, pk))
    return _listed(request, pages, wanted, ("position", "pk"))


@router.get("/pages/{pk}", auth=Bearer(Scope.READ), response=PageDetail, summary="A page and its text")
def get_page(request: ApiRequest, pk: Path[Id]) -> PageDetail:
    page = page_for(request, pk)
    (text,) = page_texts([page])
    return PageDetail.model_validate(_page(page) | {"word_count": text.words, "text": text.text})


@router.get("/pages/{pk}/lines", auth=Bearer(Scope.READ), response=LineList, summary="A page's lines with coordinates")
def get_lines(request: ApiRequest, pk: Path[Id], parts: Query[LineParts]) -> LineList:
    page = page_for(request, pk)
    lines = lines_of(page, alternatives=parts.alternatives)
    return LineList(page=page.pk, width=page.width, height=page.height, items=lines)


@router.get("/search", auth=Bearer(Scope.READ), response=HitList, tags=["search"], summary="Search the lines")
def search_lines(request: ApiRequest, asked: Query[SearchFilters]) -> HitList:
    """Finds lines by their text, by what other passes read in them, and by similar spellings."""
    user = owner_of(request)
    filters = Filters(
        collection=asked.collection,
        document=asked.document,
        states=(asked.state,) if asked.state is not None else (),
        sure=_SURE[asked.sure],
        since=asked.since,
        until=asked.until,
    )
    within = None if request.auth.everywhere else request.auth.visible_collections()
    found = search(
        user=user,
        text=asked.q,
        filters=filters,
        similar=asked.similar,
        after=asked.after,
        size=asked.limit,
        within=within,
    )
    return HitList(
        items=[_hit(hit) for hit in line_hits(found, user)],
        next=next_url(request, found.after),
        count=found.count,
        suggestions=[each.word for each in found.suggested],
    )


def _listed(request: ApiRequest, pages: PageQuerySet, wanted: PageFilters, order: tuple[str, ...]) -> PageList:
    if wanted.state is not None:
        pages = pages.filter(state=wanted.state)
    part = part_of(pages.select_related("original"), wanted, order=order)
    items = [PageOut.model_validate(_page(each)) for each in part.rows]
    return PageList(items=items, next=next_url(request, part.after))


def _page(page: Page) -> dict[str, object]:
    names = ("position", "frame", "state", "width", "height", "confidence")
    return {name: getattr(page, name) for name in names} | {
        "id": page.pk,
        "collection": page.collection_id,
        "document": page.document_id,
        "file": page.original.name,
        "sha256": page.original.sha256,
        "url": f"/pages/{page.pk}/",
    }


def _hit(hit: LineHit) -> HitOut:
    return HitOut(
        line=hit.place.line_id,
        page=hit.page.pk,
        document=hit.page.document_id,
        collection=hit.page.collection_id,
        text=hit.text,
        found=_LEVELS[hit.found.level],
        confidence=hit.found.row.confidence,
        words=[
            HitWord(start=word.start, end=word.end, others=[each.text for each in word.others]) for word in hit.words
        ],
        polygon=[(int(x), int(y)) for x, y in hit.place.polygon],
        url=f"/pages/{hit.page.pk}/?line={hit.place.line_id}#line-{hit.place.line_id}",
    )
