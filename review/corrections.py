"""A reviewer's work on one line: the text they leave, and what they decided about single words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from review.claims import TEXT_MAY_CHANGE, lock, require_hold
from review.models import WordDecision
from transcription.htr.text import clean
from transcription.models import DisplacedText, Line, TranscriptRevision, Vote
from transcription.steps.correct import require_shown, save_line
from transcription.steps.settle_displaced import NotOnTheLine, settle_displaced


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a word of the line's vote; ``word`` is its 0-based index there."""

    word: int
    kind: WordDecision.Kind
    after: str


def correct_line(
    *, line: Line, text: str, base_revision: int, decisions: Sequence[Decision], reviewer: User
) -> TranscriptRevision | None:
    """Save the line and the decisions that led to it; the line's current revision afterwards.

    Text that did not change makes no revision: confirming the machine's words is a decision, not a person's text.
    A page that is reviewed stays so; what was changed since is told apart by its time (`review.late_changes`).
    Raises PageHeld, NotInReview, LineGone and RevisionConflict; then nothing is written.
    """
    with transaction.atomic():
        page = lock(line.page)
        require_hold(page, reviewer, TEXT_MAY_CHANGE)
        require_shown(line, page)
        fresh = Line.objects.select_related("current").get(pk=line.pk)
        current = fresh.current
        if current is None or current.text != clean(text) or current.number != base_revision:
            current = save_line(line=fresh, text=text, base_revision=base_revision, author=reviewer)
        _record(line, decisions, reviewer)
        return current


def settle_text(displaced: DisplacedText, *, reviewer: User, line: int | None) -> None:
    """Take a text that lost its line as used on ``line`` of its page, or as dismissed.

    Raises PageHeld, NotInReview and NotOnTheLine; a line of another page is no line of it.
    """
    with transaction.atomic():
        require_hold(lock(displaced.page), reviewer)
        lines = Line.objects.filter(page=displaced.page_id).select_related("current")
        chosen = lines.filter(pk=line).first() if line is not None else None
        if line is not None and chosen is None:
            raise NotOnTheLine("This page has no such line. The text stays listed.")
        settle_displaced(displaced, by=reviewer, line=chosen)


def latest_vote(line: Line) -> Vote | None:
    """The vote of the page's run that read the line last."""
    return Vote.objects.filter(line=line, run=line.page.run_id).order_by("-stage").first()


def _record(line: Line, decisions: Sequence[Decision], reviewer: User) -> None:
    vote = latest_vote(line) if decisions else None
    if vote is None:
        return
    last = {
        word: (kind, after)
        for word, kind, after in WordDecision.objects.filter(vote=vote, reviewer=reviewer)
        .order_by("pk")
        .values_list("word", "kind", "after")
    }
    WordDecision.objects.bulk_create(
        WordDecision(
            line=line,
            vote=vote,
            word=decision.word,
            kind=decision.kind,
            before=vote.words[decision.word]["text"],
            after=decision.after,
            reviewer=reviewer,
        )
        for decision in decisions
        # A page read again while it was open may have fewer words; a request sent twice decides nothing new.
        if decision.word < len(vote.words) and last.get(decision.word) != (decision.kind, decision.after)
    )
