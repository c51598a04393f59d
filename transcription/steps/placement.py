"""What of a brought transcript stands where, as the alignment keeps it: what stays placed, and what has no place."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transcription.formats.ground_truth import parse_ground_truth
from transcription.htr.text import clean
from transcription.htr.transcript_alignment import Word, words_of
from transcription.htr.typed_text import find_typed
from transcription.models import (
    Alignment,
    ImportedTranscript,
    LayoutLine,
    Line,
    Page,
    Part,
    Run,
    Source,
    TranscriptRevision,
)
from transcription.models.transcript import BROUGHT
from transcription.steps.revise import outranked_by, revise

Entry = dict[str, Any]


def transcript_lines(name: str, data: bytes) -> list[str]:
    """The lines with text of a transcript's file. Raises BadInput."""
    return [text for text in (clean(line.text) for line in parse_ground_truth(data, name).lines) if text]


def in_use(page: Page) -> ImportedTranscript | None:
    """The newest transcript of a page that was not withdrawn, with who brought it."""
    transcripts = ImportedTranscript.objects.of_page(page.original_id, page.frame).standing()
    return transcripts.select_related("importer").first()


def lines_of(run: Run) -> list[LayoutLine]:
    """The lines of a run with their texts, in reading order."""
    return list(run.layout.places.select_related("line__current").order_by("position")) if run.layout else []


def kept_entries(
    transcript: ImportedTranscript, places: Sequence[LayoutLine], words: Sequence[Word], elsewhere: Sequence[Entry] = ()
) -> dict[int, Entry]:
    """What is not to be moved, by the index of its line: brought text that stands, and what a person typed, which says
    more of a line than any reading; where that is other text, what was placed there before, which they have seen.
    Brought text that moved to other lines when the page's were found anew counts as typed there."""
    accepted = accepted_before(transcript, places)
    kept: dict[int, Entry] = {}
    typed: dict[int, str] = {}
    for index, place in enumerate(places):
        current, entry = place.line.current, accepted.get(place.line_id)
        if current is not None and (current.source == Source.PERSON or _moved(current, transcript)):
            typed[index] = current.text
        elif current is not None and entry and current.source in BROUGHT and current.text == entry["text"]:
            kept[index] = entry
    barred = words_in([*kept.values(), *elsewhere])
    for index, text in typed.items():
        entry = accepted.get(places[index].line_id, {})
        known = range(entry["first"], entry["end"]) if entry.get("typed") and entry["text"] == text else None
        stretch = known if known and barred.isdisjoint(known) else find_typed(text, words, barred)
        if stretch is not None:
            kept[index] = _typed_entry(places[index].line_id, stretch, text)
            barred |= set(stretch)
    for index in typed:
        entry = accepted.get(places[index].line_id, {})
        if index not in kept and entry and not entry.get("typed") and barred.isdisjoint(words_in([entry])):
            kept[index] = entry
            barred |= words_in([entry])
    return kept


def _moved(current: TranscriptRevision, transcript: ImportedTranscript) -> bool:
    return current.source in BROUGHT and current.layout_id is not None and current.transcript_id == transcript.pk


def accepted_before(transcript: ImportedTranscript, places: Sequence[LayoutLine]) -> dict[int, Entry]:
    """What an earlier alignment accepted, by line. Of a line that was another one before a spread was split or joined,
    what was accepted there, where it still says so."""
    texts = {place.line_id: place.line.current.text if place.line.current else "" for place in places}
    relations = Line.derived_from.through.objects
    former = dict(relations.filter(to_line__in=texts).order_by("from_line").values_list("to_line", "from_line"))
    former |= dict(relations.filter(from_line__in=texts).order_by("to_line").values_list("from_line", "to_line"))
    alignments = list(transcript.alignments.order_by("-changed_at", "-pk"))
    accepted = _last_accepted(alignments, {line: line for line in texts})
    taken = words_in(accepted.values())
    for line, entry in _last_accepted(alignments, {then: line for line, then in former.items()}).items():
        if line not in accepted and entry["text"] == texts[line] and taken.isdisjoint(words_in([entry])):
            accepted[line] = entry
            taken |= words_in([entry])
    return accepted


def _last_accepted(alignments: Sequence[Alignment], lines: Mapping[int, int]) -> dict[int, Entry]:
    """The accepted entries of the last alignment that has any on ``lines`` (as they were → as they are)."""
    for alignment in alignments:
        found = [entry for entry in alignment.placed if entry["accepted"] and entry["line"] in lines]
        if found:
            return {lines[entry["line"]]: entry | {"line": lines[entry["line"]]} for entry in found}
    return {}


def placed_elsewhere(page: Page, transcript: ImportedTranscript) -> list[Entry]:
    """What stands on the other page of a spread that was split: a transcript belongs to the frame, so to both."""
    other = other_half(page)
    alignment = transcript.alignments.filter(run=other.run_id).first() if other and other.run_id else None
    return [entry for entry in alignment.placed if entry["accepted"]] if alignment is not None else []


def other_half(page: Page) -> Page | None:
    if page.part == Part.WHOLE:
        return None
    return Page.objects.filter(original=page.original_id, frame=page.frame).exclude(pk=page.pk).first()


def _typed_entry(line: int, stretch: range, text: str) -> Entry:
    place: Entry = {"line": line, "first": stretch.start, "end": stretch.stop, "text": text}
    return place | {"confidence": 1.0, "accepted": True, "typed": True}


def words_in(entries: Iterable[Entry]) -> set[int]:
    return {k for entry in entries for k in range(entry["first"], entry["end"])}


def unplaced(words: Sequence[Word], entries: Sequence[Entry]) -> list[Entry]:
    """What no line was accepted for, in the transcript's order, each piece within one line of it (``row``, 0-based):
    ``text``, and the ``line`` it may belong to or None."""
    taken = words_in(entry for entry in entries if entry["accepted"])
    guesses = {k: entry["line"] for entry in entries if not entry["accepted"] for k in words_in([entry])}
    pieces: list[Entry] = []
    for (row, free), group in itertools.groupby(range(len(words)), key=lambda k: (words[k].line, k not in taken)):
        if not free:
            continue
        piece = list(group)
        lines = Counter(guesses[k] for k in piece if k in guesses).most_common(1)
        text = " ".join(words[k].text for k in piece)
        pieces.append({"text": text, "line": lines[0][0] if lines else None, "row": row})
    return pieces


def settle_typed(page: Page) -> None:
    """Count as placed what people typed since the transcript in use was placed. The caller holds the page lock."""
    alignment = _alignment_in_use(page)
    if alignment is None or not (alignment.unplaced or any(entry.get("typed") for entry in alignment.placed)):
        return
    transcript = alignment.transcript
    words = words_of(transcript_lines(transcript.name, bytes(transcript.data)))
    elsewhere = placed_elsewhere(page, transcript)
    kept = list(kept_entries(transcript, lines_of(alignment.run), words, elsewhere).values())
    lines, barred = {entry["line"] for entry in kept}, words_in(kept)
    others = [
        entry
        for entry in alignment.placed
        if not entry.get("typed") and entry["line"] not in lines and barred.isdisjoint(words_in([entry]))
    ]
    alignment.placed = kept + others
    alignment.unplaced = unplaced(words, [*alignment.placed, *elsewhere])
    alignment.save(update_fields=["placed", "unplaced", "changed_at"])


def _alignment_in_use(page: Page) -> Alignment | None:
    transcript = ImportedTranscript.objects.of_page(page.original_id, page.frame).standing().only("pk").first()
    if transcript is None:
        return None
    return (
        Alignment.objects.filter(transcript=transcript, run=page.run_id)
        .select_related("transcript__importer", "run")
        .first()
    )


def transcribe(entries: Sequence[Entry], transcript: ImportedTranscript) -> None:
    """Make what was accepted the text of its line, unless that outranks it."""
    source = Source.DRAFT if transcript.draft else Source.IMPORT
    accepted: Mapping[int, str] = {entry["line"]: entry["text"] for entry in entries if entry["accepted"]}
    for line in Line.objects.filter(pk__in=accepted).select_related("current").order_by("pk"):
        current, text = line.current, accepted[line.pk]
        if current is not None and outranked_by(source, current):
            continue
        if current is None or current.source != source or current.text != text:
            revise(line=line, text=text, source=source, author=transcript.importer, transcript=transcript)


def use_kept(page: Page) -> None:
    """Give lines the text of a transcript that came when ``page`` was approved, and so was kept and placed only.

    For a page that is taken into review again; the caller holds its lock and has not reset ``approved_at`` yet.
    """
    alignment = _alignment_in_use(page)
    if alignment is not None and page.approved_at is not None and page.approved_at <= alignment.transcript.created_at:
        transcribe(alignment.placed, alignment.transcript)
