"""Place a transcript that was brought for a page on its lines; what surely stands on a line becomes its text."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence

from transcription.engines.base import ForcedScorer
from transcription.errors import LostLease
from transcription.htr.confidence import page_confidence
from transcription.htr.crop import cut_line
from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.enhance import enhance
from transcription.htr.records import LineImage
from transcription.htr.transcript_alignment import SURE, FoundLine, Placed, Word, align_transcript, words_of
from transcription.models import (
    Alignment,
    ImportedTranscript,
    LayoutLine,
    Line,
    Page,
    PageState,
    PassVersion,
    Run,
    Source,
    Step,
    Work,
)
from transcription.models.page import FINISHED_STATES
from transcription.models.transcript import BROUGHT
from transcription.steps import flow
from transcription.steps.import_transcripts import place_if_read
from transcription.steps.page_image import page_image
from transcription.steps.placement import (
    Entry,
    in_use,
    kept_entries,
    lines_of,
    other_half,
    placed_elsewhere,
    settle_typed,
    transcribe,
    transcript_lines,
    unplaced,
)
from transcription.steps.profiles import registry
from transcription.steps.queue import finishing
from transcription.steps.route import decide_again
from transcription.steps.score import expected_cer


def align(work: Work, token: uuid.UUID, progress: Callable[[], None]) -> None:
    """Align the newest transcript of the page with the lines of the run; done twice, it changes nothing.

    What an earlier alignment of the same transcript placed and still stands, or was since corrected by a person, stays
    where it is. ``progress`` is called after each line that was read.
    """
    page, run = work.page, work.run
    assert page is not None
    assert run is not None
    if work.transcript_id is None or not Page.objects.filter(pk=page.pk).exists():
        raise LostLease(f"The transcript of work {work.pk} was deleted with its page; nothing is left to place.")
    transcript = in_use(page)
    if transcript is None:
        with finishing(work, token) as locked:
            assert locked is not None
            _go_on(locked, run, [], work)
        return
    texts = transcript_lines(transcript.name, bytes(transcript.data))
    words = words_of(texts)
    places = lines_of(run)
    elsewhere = placed_elsewhere(page, transcript)
    kept = kept_entries(transcript, places, words, elsewhere)
    alphabet, found = _found(page, run, places, work.pass_version, progress)
    known = {i: range(entry["first"], entry["end"]) for i, entry in kept.items()}
    # Lines of the other page of a spread, as if they stood behind those of this one: their words are taken.
    known |= {i: range(entry["first"], entry["end"]) for i, entry in enumerate(elsewhere, start=len(found))}
    aligned = align_transcript([*found, *(FoundLine("") for _ in elsewhere)], texts, alphabet, kept=known)
    entries = [*kept.values(), *(_entry(placed, places[placed.line].line_id) for placed in aligned.placed)]
    with finishing(work, token) as locked:
        assert locked is not None
        if in_use(locked) != transcript:  # withdrawn or followed by another, which has its own work
            _go_on(locked, run, [], work)
            return
        Alignment.objects.update_or_create(
            transcript=transcript,
            run=run,
            defaults={"placed": entries, "unplaced": unplaced(words, [*entries, *elsewhere])},
        )
        if locked.approved_at is None:
            transcribe(entries, transcript)
        settle_typed(locked)  # a person may have typed while the words were placed
        _go_on(locked, run, entries, work)
        _tell_other_half(locked, transcript, words, entries)


def _tell_other_half(
    page: Page, transcript: ImportedTranscript, words: Sequence[Word], entries: Sequence[Entry]
) -> None:
    """Words that stand here are not missing on the other page of the spread: it is settled again where it says so."""
    other = other_half(page)
    if other is None or other.run_id is None:
        return
    alignment = transcript.alignments.filter(run=other.run_id).first()
    if alignment is not None and unplaced(words, [*alignment.placed, *entries]) != alignment.unplaced:
        place_if_read(transcript, other)


def _found(
    page: Page,
    run: Run,
    places: Sequence[LayoutLine],
    version: PassVersion | None,
    progress: Callable[[], None],
) -> tuple[str, list[FoundLine]]:
    """What was voted on each line and, where the pass's engine scores texts, its alphabet and log-probabilities."""
    votes = run.votes.latest_by_line()
    texts = [votes[place.line_id].text if place.line_id in votes else "" for place in places]
    engine: object = registry().recognizer(version.engine) if version is not None else None
    found = [FoundLine(text) for text in texts]
    if version is None or not isinstance(engine, ForcedScorer) or not places:
        return "", found
    for result in engine.log_probabilities(_crops(page, places, version)):
        if isinstance(result, LineProbabilities):
            found[result.key] = FoundLine(texts[result.key], result.values)
        progress()
    return engine.alphabet, found


def _crops(page: Page, places: Sequence[LayoutLine], version: PassVersion) -> Iterator[LineImage]:
    image = page_image(page)
    for key, place in enumerate(places):
        yield LineImage(key, enhance(cut_line(image, place.geometry), version.recipe, version.recipe_options))


def _entry(placed: Placed, line: int) -> Entry:
    return {
        "line": line,
        "first": placed.first,
        "end": placed.end,
        "text": placed.text,
        "confidence": round(placed.confidence, 4),
        "accepted": placed.confidence >= SURE,
    }


def _go_on(page: Page, run: Run, entries: Sequence[Entry], work: Work) -> None:
    """Renew the page's confidence; then its decision, if that was made before the transcript came."""
    page.confidence = _confidence(run, entries)
    # What people wrote elsewhere is wrong in ways of its own, which nobody has measured.
    brought = Line.objects.filter(page=page, current__source__in=BROUGHT).exists()
    page.expected_cer = None if brought else expected_cer(run.votes.latest_by_line().values())
    page.save(update_fields=["confidence", "expected_cer", "changed_at"])
    if page.state == PageState.SCORED:
        flow.follow(Step.ROUTE, page=page, run=run, stage=work.stage, lane=work.lane)
    elif page.state in FINISHED_STATES and page.approved_at is None:
        decide_again(page=page, run=run)


def _confidence(run: Run, entries: Sequence[Entry]) -> float | None:
    """The expected share of right words: a line with brought text counts as surely as it was placed."""
    votes = run.votes.latest_by_line()
    imported = dict(Line.objects.filter(pk__in=votes, current__source=Source.IMPORT).values_list("pk", "current__text"))
    placed = {entry["line"]: entry["confidence"] for entry in entries if entry["accepted"]}
    words = [
        (placed.get(line, vote.confidence or 0.0), len(imported[line].split()))
        if line in imported
        else (vote.confidence or 0.0, len(vote.words))
        for line, vote in votes.items()
    ]
    return page_confidence(words) if words else None
