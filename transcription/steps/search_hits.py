"""What is shown of lines that were found: their text as it stands now, the words that were found and where they are.

A row of the index may be older than its line by a moment. What it names is looked up again, for who is allowed to see
it; a line that has changed since is left out, as its row is about to be.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q

from transcription.htr.search_query import Query, parse
from transcription.htr.search_words import LineWord, Other, words_of_line
from transcription.htr.text_places import spans_of_characters
from transcription.models import LayoutLine, Page, SearchLine, TranscriptRevision, Vote
from transcription.steps.search import Found, FoundLine, Level
from transcription.steps.search_index import texts_of
from transcription.steps.similar_words import spellings_in

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class WordHit:
    """A word that was found: its characters in the line's text, its place as shares of the line's image, and what was
    read instead where that is what was found."""

    start: int
    end: int
    span: Span
    others: tuple[Other, ...] = ()

    @property
    def style(self) -> str:
        """CSS that lays a box over the word on the line's image."""
        return f"left: {100 * self.span[0]:.2f}%; width: {100 * (self.span[1] - self.span[0]):.2f}%"


@dataclass(frozen=True, slots=True)
class LineHit:
    """A line as it stands, with the words that were found. ``goes_on`` is the rest, on the next line, of a word that
    was found broken at the line's end."""

    found: FoundLine
    page: Page
    place: LayoutLine
    revision: TranscriptRevision
    words: list[WordHit] = field(default_factory=list)
    goes_on: str = ""

    @property
    def text(self) -> str:
        return self.revision.text

    @property
    def pieces(self) -> list[tuple[str, WordHit | None]]:
        """The text in pieces, each a word that was found or what stands between."""
        pieces: list[tuple[str, WordHit | None]] = []
        at = 0
        for word in self.words:
            pieces += [(self.text[at : word.start], None), (self.text[word.start : word.end], word)]
            at = word.end
        pieces.append((self.text[at:], None))
        return [(text, word) for text, word in pieces if text]

    @property
    def others(self) -> list[Other]:
        """What was read otherwise and found, each once."""
        return list({other.text: other for word in self.words for other in word.others}.values())


def line_hits(found: Found, user: User | AnonymousUser) -> list[LineHit]:
    """The lines of ``found`` that still are as they were found, in their order; eight queries whatever their number."""
    rows = [each.row for each in found.lines]
    pages = Page.objects.visible_to(user).select_related("collection", "document", "original", "layout")
    pages_by_id = pages.in_bulk([row.page_id for row in rows])
    places = _places(rows, pages_by_id)
    following = _following(places, rows)
    revisions = TranscriptRevision.objects.in_bulk([row.revision_id for row in [*rows, *following.values()]])
    votes = Vote.objects.in_bulk([row.vote_id for row in [*rows, *following.values()] if row.vote_id])
    seen = _latest_votes(rows, pages_by_id)
    spellings = {word: [each.word for each in others] for word, others in found.similar.items()}
    hits = []
    for each in found.lines:
        row = each.row
        place, revision = places.get(row.line_id), revisions.get(row.revision_id or 0)
        if place is None or revision is None or place.line.current_id != row.revision_id:
            continue
        vote, after = votes.get(row.vote_id or 0), following.get(row.line_id)
        text_after = revisions.get(after.revision_id or 0) if after is not None else None
        vote_after = votes.get(after.vote_id or 0) if after is not None else None
        next_line = (text_after.text, vote_after.words if vote_after else ()) if text_after is not None else None
        words = words_of_line(revision.text, vote.words if vote else (), next_line)
        word_hits = hits_of(found.query, each.level, words, spellings, revision.text, seen.get(row.line_id, vote))
        broken = bool(word_hits) and word_hits[-1].end == len(revision.text.rstrip()) and bool(words[-1].whole)
        goes_on = text_after.text.split()[0] if broken and text_after is not None else ""
        hits.append(LineHit(each, pages_by_id[row.page_id], place, revision, word_hits, goes_on))
    return hits


def hits_of(
    query: Query,
    level: Level,
    words: Sequence[LineWord],
    spellings: Mapping[str, Sequence[str]],
    text: str,
    vote: Vote | None,
) -> list[WordHit]:
    """The words of a line that ``query`` found on this level, in order. ``vote`` says where they stand."""
    similar = spellings if level >= Level.NEAR else None
    said = [word.said for word in words]
    read = said if level == Level.TEXT else [(*word.said, *word.otherwise) for word in words]
    found: set[int] = set()
    for term in query.terms:
        found |= term.places(said, similar) or term.places(read, similar)
    places = spans_of_characters(text, vote.words if vote is not None else ())
    hits = []
    for index in sorted(found):
        word = words[index]
        others: tuple[Other, ...] = ()
        if not any(each.fits(word.said, similar) for each in query.words):
            others = tuple(
                other for other in word.others if any(each.fits(other.lexemes, similar) for each in query.words)
            )
        start, end = word.token.start, word.token.end
        hits.append(WordHit(start, end, (places[start][0], places[end - 1][1]), others))
    return hits


def hits_on_page(page: Page, text: str, line: int | None) -> dict[int, list[WordHit]]:
    """What ``text`` finds on the lines of a page, by their ids: in their texts, and on the one ``line`` that was opened
    also in what was read otherwise and in similar spellings."""
    query = parse(text)
    if query.too_short:
        return {}
    texts = texts_of(page)
    votes = Vote.objects.filter(run=page.run_id).latest_by_line()
    found: dict[int, list[WordHit]] = {}
    for (line_id, here), after in itertools.zip_longest(texts.items(), list(texts.values())[1:]):
        words = words_of_line(here.text, here.voted, (after.text, after.voted) if after is not None else None)
        vote = here.vote or votes.get(line_id)
        levels = [Level.TEXT] if line_id != line else [Level.TEXT, Level.OTHER, Level.FAR]
        for level in levels:
            similar = spellings_in(query, page.collection_id) if level == Level.FAR else {}
            if _holds(query, level, words, similar):
                found[line_id] = hits_of(query, level, words, similar, here.text, vote)
                break
    return found


def _holds(query: Query, level: Level, words: Sequence[LineWord], similar: Mapping[str, Sequence[str]]) -> bool:
    """Whether a line has every term of ``query``."""
    line = [word.said if level == Level.TEXT else (*word.said, *word.otherwise) for word in words]
    return all(term.places(line, similar) for term in query.terms)


def _places(rows: Sequence[SearchLine], pages: Mapping[int, Page]) -> dict[int, LayoutLine]:
    layouts = [page.layout_id for page in pages.values() if page.layout_id]
    places = LayoutLine.objects.filter(layout__in=layouts, line__in=[row.line_id for row in rows])
    return {place.line_id: place for place in places.select_related("line")}


def _following(places: Mapping[int, LayoutLine], rows: Sequence[SearchLine]) -> dict[int, SearchLine]:
    """The rows of the lines that come next on the page, by the line they follow."""
    wanted = Q()
    before = {(place.layout_id, place.position + 1): line for line, place in places.items()}
    for layout, position in before:
        wanted |= Q(layout=layout, position=position)
    if not wanted or not rows:
        return {}
    next_lines = {place.line_id: before[place.layout_id, place.position] for place in LayoutLine.objects.filter(wanted)}
    found = SearchLine.objects.filter(line__in=next_lines).only("line", "revision_id", "vote_id")
    return {next_lines[row.line_id]: row for row in found}


def _latest_votes(rows: Sequence[SearchLine], pages: Mapping[int, Page]) -> dict[int, Vote]:
    runs = [page.run_id for page in pages.values() if page.run_id]
    return Vote.objects.filter(run__in=runs, line__in=[row.line_id for row in rows]).latest_by_line()
