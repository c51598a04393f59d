"""What becomes of the texts of a page whose lines were found anew. The caller of everything here holds the page lock.

Text that outranks a vote is moved to the new lines or kept beside them as a DisplacedText; see htr/resegmentation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models.functions import Now
from rapidfuzz.distance import Levenshtein

from transcription.htr.resegmentation import Displaced, OldLine, Piece, divide_by_readings
from transcription.htr.text import normalised
from transcription.models import DisplacedText, Layout, LayoutLine, Line, Run, Source, TranscriptRevision
from transcription.models.transcript import PRECEDENCE
from transcription.steps.revise import outranked_by, revise

# From this likeness to what was read on a line, 1 - edits ÷ length, displaced words stand there; and so much less
# alike must every other line be.
_ALIKE = 0.6
_ALONE = 0.2


def old_line(place: LayoutLine) -> OldLine:
    """A line of the earlier layout as a plan sees it."""
    current = place.line.current
    words = tuple(current.text.split()) if current is not None else ()
    return OldLine(place.geometry, words, current is not None and outranked_by(Source.VOTE, current))


def move_pieces(*, layout: Layout, line: Line, pieces: Sequence[Piece], before: Sequence[LayoutLine]) -> None:
    """Give a new line the words of old ones, as text of the highest origin among them: whose words it holds, nobody
    but a person may change. The author stays where it is one."""
    parts = [(before[piece.old].line.current, piece) for piece in pieces]
    words: list[str] = []
    for revision, piece in parts:
        assert revision is not None
        words += revision.text.split()[piece.first : piece.end]
    source = Source(max((revision.source for revision, _ in parts if revision), key=_rank))
    authors = {revision.author for revision, _ in parts if revision and revision.source == source}
    transcripts = {revision.transcript for revision, _ in parts if revision and revision.source == source}
    revise(
        line=line,
        text=" ".join(words),
        source=source,
        author=authors.pop() if len(authors) == 1 else None,
        transcript=transcripts.pop() if len(transcripts) == 1 else None,
        layout=layout,
        mixed=any(revision.source != source or revision.mixed for revision, _ in parts if revision),
    )


def _rank(source: str) -> int:
    return PRECEDENCE.index(Source(source))


def keep_displaced(
    *, layout: Layout, displaced: Sequence[Displaced], before: Sequence[LayoutLine], near: Mapping[int, Line]
) -> None:
    """Remember the texts for which the layout has no place; ``near`` are the lines by their new geometry."""
    DisplacedText.objects.bulk_create(
        DisplacedText(
            page_id=layout.page_id,
            layout=layout,
            line=before[each.old].line,
            revision=before[each.old].line.current,
            near=near[each.near],
        )
        for each in displaced
    )


def keep_taken_back(*, layout: Layout, lines: Sequence[Line], near: Line | None) -> None:
    """Remember the texts of lines that ``layout``, an earlier one brought back, does not show; each once."""
    known = DisplacedText.objects.filter(revision__in=[line.current_id for line in lines], resolved_at=None)
    kept = set(known.values_list("revision", flat=True))
    DisplacedText.objects.bulk_create(
        DisplacedText(page_id=layout.page_id, layout=layout, line=line, revision=line.current, near=near)
        for line in lines
        if line.current_id not in kept
    )


def settle_moved(*, run: Run, readings: Mapping[int, str]) -> None:
    """Correct by what was first read on a layout's lines, by their ids, where geometry put words: between the pieces
    of a line, and displaced words on the line that they are."""
    if run.layout is None or Run.objects.filter(layout=run.layout, number__lt=run.number, trial=None).exists():
        return
    places = run.layout.places.select_related("line__current__author", "line__current__transcript")
    lines = [place.line for place in places.order_by("position") if place.line_id in readings]
    for pieces in _lines_in_pieces(lines, run.layout):
        _divide_again(pieces, run.layout, readings)
    _place_displaced(lines, run.layout, readings)


def _lines_in_pieces(lines: Sequence[Line], layout: Layout) -> list[list[Line]]:
    """Groups of lines, in reading order, that hold the words of one old line and nothing else, as they were moved."""
    moved = [
        line
        for line in lines
        if line.current is not None and line.current.layout_id == layout.pk and line.current.number == 1
    ]
    parents: dict[int, set[int]] = defaultdict(set)
    links = Line.derived_from.through.objects.filter(from_line__in=moved)
    for child, parent in links.values_list("from_line_id", "to_line_id"):
        parents[child].add(parent)
    groups: dict[int, list[Line]] = defaultdict(list)
    for line in moved:
        if len(parents[line.pk]) == 1 and line.current is not None and not line.current.mixed:
            groups[next(iter(parents[line.pk]))].append(line)
    return [group for group in groups.values() if len(group) > 1]


def _divide_again(lines: Sequence[Line], layout: Layout, readings: Mapping[int, str]) -> None:
    revisions = [line.current for line in lines if line.current is not None]
    shares = [revision.text.split() for revision in revisions]
    words = [word for share in shares for word in share]
    ends = [sum(map(len, shares[: n + 1])) for n in range(len(shares))]
    cuts = divide_by_readings(words, [readings[line.pk] for line in lines], ends)
    for line, revision, start, end in zip(lines, revisions, [0, *cuts[:-1]], cuts, strict=True):
        text = " ".join(words[start:end])
        if text != revision.text:
            _move(revision, line, layout, text)


def _place_displaced(lines: Sequence[Line], layout: Layout, readings: Mapping[int, str]) -> None:
    # What a person's undo put aside is part of a line that is back: they alone say where it belongs.
    waiting = DisplacedText.objects.unsettled().filter(layout=layout, layout__author=None)
    for displaced in waiting.select_related("revision__author"):
        text = normalised(displaced.revision.text)
        free = [line for line in lines if line.current is None or not outranked_by(Source.VOTE, line.current)]
        likeness = [Levenshtein.normalized_similarity(text, normalised(readings[line.pk])) for line in free]
        first, second = [*sorted(likeness, reverse=True), 0.0, 0.0][:2]
        if first >= _ALIKE and first - second >= _ALONE:
            line = free[likeness.index(first)]
            _move(displaced.revision, line, layout, displaced.revision.text)
            displaced.outcome, displaced.used_on = DisplacedText.Outcome.USED, line
            displaced.resolved_at = Now()
            displaced.save(update_fields=["outcome", "used_on", "resolved_at"])


def _move(revision: TranscriptRevision, line: Line, layout: Layout, text: str) -> None:
    revise(
        line=line,
        text=text,
        source=Source(revision.source),
        author=revision.author,
        transcript=revision.transcript,
        layout=layout,
        mixed=revision.mixed,
    )
