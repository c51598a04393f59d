"""Take a transcript that was brought by mistake out of use; its bytes stay."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from transcription.htr.confidence import page_confidence
from transcription.models import ImportedTranscript, Line, Page, Source
from transcription.models.page import FINISHED_STATES
from transcription.models.transcript import BROUGHT
from transcription.steps.import_transcripts import lock_pages_of, place_if_read
from transcription.steps.revise import revise
from transcription.steps.route import decide_again
from transcription.steps.score import expected_cer


def withdraw_transcript(transcript: ImportedTranscript, *, by: User) -> ImportedTranscript | None:
    """The one that is in use from now on: the newest of the page that was not withdrawn, which is placed again.

    Lines whose text is from ``transcript`` take the vote's again; what a person typed stands, and an approved page
    stays as it was approved. Takes the page lock; done twice, it changes nothing.
    """
    with transaction.atomic():
        pages = lock_pages_of(transcript.original_id, transcript.frame)
        of_page = ImportedTranscript.objects.of_page(transcript.original_id, transcript.frame).defer("data")
        changed = of_page.standing().filter(pk=transcript.pk).update(withdrawn_at=Now(), withdrawn_by=by)
        in_use = of_page.standing().first()
        for page in pages if changed else []:
            if page.approved_at is None:
                _give_back(page, transcript)
            if in_use is not None:
                place_if_read(in_use, page)
            elif page.approved_at is None:
                _decide_again(page)
    return in_use


def _give_back(page: Page, transcript: ImportedTranscript) -> None:
    votes = page.run.votes.latest_by_line() if page.run is not None else {}
    placed = Line.objects.filter(page=page, current__source__in=BROUGHT, current__transcript=transcript)
    for line in placed.select_related("current").order_by("pk"):
        vote = votes.get(line.pk)
        revise(line=line, text=vote.text if vote is not None else "", source=Source.VOTE, vote=vote)


def _decide_again(page: Page) -> None:
    """As if nothing had been brought."""
    if page.run is None or page.state not in FINISHED_STATES:
        return
    votes = page.run.votes.latest_by_line().values()
    words = [(vote.confidence or 0.0, len(vote.words)) for vote in votes]
    page.confidence = page_confidence(words) if words else None
    page.expected_cer = expected_cer(votes)
    page.save(update_fields=["confidence", "expected_cer", "changed_at"])
    decide_again(page=page, run=page.run)
