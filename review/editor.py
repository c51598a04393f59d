"""What the editor of one page is given: its lines with their geometry, their text and the marks on their words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from review.marks import mark_words
from review.models import WordDecision
from review.palette import palette
from transcription.htr.confidence import UNSURE_BELOW
from transcription.models import LayoutLine, Line, Page, PageState, Source, TranscriptRevision, Vote


def page_data(page: Page) -> dict[str, Any]:
    """Everything of a page that does not depend on who looks at it; JSON-ready."""
    places = _places(page)
    votes = Vote.objects.filter(run=page.run_id).latest_by_line()
    settled = _settled(page, votes)
    return {
        "id": page.pk,
        "title": str(page),
        "width": page.width,
        "height": page.height,
        "state": page.state,
        "inReview": page.state == PageState.IN_REVIEW,
        "passes": page.run.readings.values("pass_version").distinct().count() if page.run else 0,
        "unsureBelow": UNSURE_BELOW,
        "palette": palette(page.collection),
        "lines": [
            line_data(place.line, votes.get(place.line_id), settled.get(place.line_id, set()))
            | {
                "position": place.position,
                "region": place.region,
                "baseline": place.baseline,
                "polygon": place.polygon,
            }
            for place in places
        ],
    }


def line_data(line: Line, vote: Vote | None, settled: set[int]) -> dict[str, Any]:
    """The text of one line and what is known of its words."""
    current = line.current
    text = current.text if current is not None else ""
    voted = vote.words if vote is not None else []
    unseen = current is not None and current.source in (Source.BULK, Source.DRAFT)
    words = mark_words(text, voted, settled, unseen=unseen)
    if current is not None and vote is not None and _is_typed_before(current, vote):
        for word in words:
            word["confidence"] = word["voted"] = None  # a person had written it: a new reading casts no doubt on it
            word["settled"] = True
    if current is not None and current.source == Source.IMPORT:
        for word in words:
            word["confidence"] = None  # somebody wrote it elsewhere: how sure the machine was says nothing about it
    return {
        "id": line.pk,
        "text": text,
        "revision": current.number if current is not None else 0,
        "by": revision_origin(current),
        "byTitle": revision_title(current),
        "words": words,
        "checks": _check_sentences(current, vote),
    }


def _check_sentences(current: TranscriptRevision | None, vote: Vote | None) -> list[str]:
    """Why the machine's text is not to be trusted; nothing is said of what a person wrote or brought."""
    if vote is None or (current is not None and (current.source != Source.VOTE or current.text != vote.text)):
        return []
    return [str(check.sentence) for check in vote.failed_checks]


def current_line_data(line: Line) -> dict[str, Any]:
    """One line as it stands now, for the answer to a save."""
    lines = Line.objects.select_related("current__author", "current__transcript", "page")
    fresh = lines.defer("current__transcript__data").get(pk=line.pk)
    vote = Vote.objects.filter(line=fresh, run=fresh.page.run_id).order_by("-stage").first()
    settled = _settled(fresh.page, {fresh.pk: vote}) if vote is not None else {}
    return line_data(fresh, vote, settled.get(fresh.pk, set()))


def revision_data(revision: TranscriptRevision | None) -> dict[str, Any]:
    """A revision as a conflict shows it."""
    if revision is None:
        return {"number": 0, "text": "", "by": ""}
    return {"number": revision.number, "text": revision.text, "by": revision_origin(revision)}


def revision_author(revision: TranscriptRevision | None) -> str:
    """Who wrote a revision, empty for the machine."""
    if revision is None or revision.author is None:
        return ""
    return revision.author.get_full_name() or revision.author.get_username()


def revision_origin(revision: TranscriptRevision | None) -> str:
    """Where a text is from: who wrote it, the file that was brought, or that it was replaced in many lines at once;
    empty for the machine."""
    if revision is not None and revision.source == Source.IMPORT:
        return _("brought: %(name)s") % {"name": revision.transcript.name} if revision.transcript else _("brought")
    if revision is not None and revision.source == Source.DRAFT:
        return _("draft: %(name)s") % {"name": revision.transcript.name} if revision.transcript else _("draft")
    if revision is not None and revision.source == Source.BULK:
        return _("replaced")
    return revision_author(revision)


def revision_title(revision: TranscriptRevision | None) -> str:
    """What is said of the origin beside it: who brought the file, whether the text only moved. Empty where a person
    wrote or the machine read."""
    if revision is not None and revision.layout_id is not None:
        if revision.mixed:
            return _("moved here when the lines were found anew, together with words that the machine read")
        return _("moved here when the lines were found anew")
    if revision is not None and revision.source == Source.BULK:
        return _("changed in many lines at once by %(name)s; nobody looked at this one") % {
            "name": revision_author(revision) or _("somebody")
        }
    if revision is not None and revision.source == Source.DRAFT:
        return _("another program wrote it; nobody looked at it here")
    if revision is None or revision.source != Source.IMPORT or revision.author is None:
        return ""
    return _("brought by %(name)s") % {"name": revision_author(revision)}


def _is_typed_before(revision: TranscriptRevision, vote: Vote) -> bool:
    return revision.source == Source.PERSON and revision.created_at < vote.created_at


def _places(page: Page) -> list[LayoutLine]:
    if page.layout is None:
        return []
    places = page.layout.places.select_related("line__current__author", "line__current__transcript")
    return list(places.defer("line__current__transcript__data").order_by("position"))


def _settled(page: Page, votes: Mapping[int, Vote]) -> dict[int, set[int]]:
    """Words that a person has decided, by line: those of ``votes``, and of the votes they were carried over from when
    other lines of the page were read again, which are as old as they."""
    settled: dict[int, set[int]] = defaultdict(set)
    decided = WordDecision.objects.filter(line__page=page, line__in=votes)
    for line, stage, made, word in decided.values_list("line", "vote__stage", "vote__created_at", "word"):
        if (stage, made) == (votes[line].stage, votes[line].created_at):
            settled[line].add(word)
    return settled
