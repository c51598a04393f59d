"""What happened with a page in review: who approved it, sent it back, passed it over. Newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from review.models import Approval, PageReturn, PageReview, Skip
from review.stages import name_of
from transcription.models import Page


@dataclass(frozen=True, slots=True)
class Happening:
    """One sentence without a full stop, when it was, and the note that was left."""

    at: datetime
    what: str
    note: str = ""


def page_history(page: Page) -> list[Happening]:
    found = [_approved(each) for each in page.approvals.select_related("reviewer")]
    found += [_returned(each) for each in page.returns.select_related("by", "approver")]
    found += [_skipped(each) for each in page.skips.select_related("reviewer")]
    review = PageReview.objects.filter(page=page).select_related("assignee", "assigned_by").first()
    if review is not None and review.assignee is not None and review.assigned_at is not None:
        names = {"name": name_of(review.assigned_by), "other": name_of(review.assignee)}
        found.append(Happening(review.assigned_at, _("%(name)s assigned it to %(other)s") % names))
    return sorted(found, key=lambda each: each.at, reverse=True)


def _approved(approval: Approval) -> Happening:
    values = {"name": name_of(approval.reviewer), "mode": approval.get_mode_display()}
    if approval.second:
        what = _("%(name)s approved it after its second review (%(mode)s)") % values
    else:
        what = _("%(name)s approved it (%(mode)s)") % values
    note = ""
    if approval.passed_words:
        note = _("Doubtful words that were not settled: %(count)d") % {"count": approval.passed_words}
    return Happening(approval.created_at, what, note)


def _returned(sent: PageReturn) -> Happening:
    values = {"name": name_of(sent.by), "other": name_of(sent.approver)}
    if sent.kind == PageReturn.Kind.REJECTED:
        return Happening(sent.created_at, _("%(name)s rejected the review by %(other)s") % values, sent.note)
    return Happening(sent.created_at, _("%(name)s asked %(other)s for changes") % values, sent.note)


def _skipped(skip: Skip) -> Happening:
    values = {"name": name_of(skip.reviewer), "reason": skip.get_reason_display()}
    return Happening(skip.created_at, _("%(name)s skipped it: %(reason)s") % values, skip.note)
