"""Ending the work on a page, and taking it up again."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from review.claims import NotInReview, lock, require_hold
from review.models import Approval, Stage
from review.stages import after_approval, move, review_of
from transcription.models import Line, Page, PageState
from transcription.steps.correct import save_line
from transcription.steps.draw_audits import draw_approved_audit
from transcription.steps.placement import use_kept

WHOLE = Approval.Mode.WHOLE_PAGE
LONGEST_ACTIVE_SECONDS = 12 * 3600.0


def approve(
    *,
    page: Page,
    reviewer: User,
    mode: Approval.Mode,
    active_seconds: float,
    read_lines: Sequence[int] | None = None,
    passed_words: int | None = None,
) -> Approval:
    """End the reviewer's work on the page and let go of it: it is reviewed, or waits for its second review. The
    reviewer holds it, or takes it now if nobody does.

    ``read_lines`` were read one by one, ``passed_words`` were marked as doubtful and not settled; None: not measured.
    No text changes: what the machine read and nobody touched stays the machine's. Raises PageHeld, NotInReview and
    NotYours.
    """
    with transaction.atomic():
        locked = lock(page)
        claim = require_hold(locked, reviewer)
        review = review_of(locked)
        approval = Approval.objects.create(
            page=locked,
            run_id=locked.run_id,
            reviewer=reviewer,
            mode=mode,
            second=review.stage == Stage.SECOND,
            read_lines=_shown(locked, read_lines),
            passed_words=passed_words,
            active_seconds=min(max(active_seconds, 0.0), LONGEST_ACTIVE_SECONDS),
        )
        if after_approval(locked, reviewer):
            locked.approved_at = approval.created_at
            locked.approved_whole = mode == WHOLE or (approval.second and _read_whole_before(approval))
            _move(locked, PageState.REVIEWED)
            draw_approved_audit(locked)
        claim.delete()
    return approval


def approve_as_empty(*, page: Page, reviewer: User, active_seconds: float) -> Approval:
    """There is nothing to read on this page: empty every line as the reviewer's own text, then approve.

    What stood there stays in the lines' history; lines that were taken off the page keep their text.
    Raises PageHeld and NotInReview.
    """
    with transaction.atomic():
        locked = lock(page)
        require_hold(locked, reviewer)
        for line in (
            Line.objects.filter(places__layout=locked.layout_id)
            .exclude(current=None)
            .exclude(current__text="")
            .select_related("current")
        ):
            assert line.current is not None
            save_line(line=line, text="", base_revision=line.current.number, author=reviewer)
        return approve(page=locked, reviewer=reviewer, mode=WHOLE, active_seconds=active_seconds)


def send_back(*, page: Page) -> None:
    """Put a reviewed or accepted page into review again; its approvals stay on record. Raises NotInReview.

    A transcript that was brought since the page was approved gives its lines their text now.
    """
    with transaction.atomic():
        locked = lock(page)
        if locked.state == PageState.IN_REVIEW:
            return
        if locked.state not in (PageState.REVIEWED, PageState.ACCEPTED):
            raise NotInReview(
                _("This page is “%(state)s”: it can be reviewed once the machine has read it.")
                % {"state": locked.get_state_display()}
            )
        take_up(locked)
        move(locked, Stage.FIRST)


def take_up(page: Page) -> None:
    """Make a finished page one that is in review. The caller holds the page lock and says where it stands there."""
    use_kept(page)
    page.approved_at, page.approved_whole = None, False  # a later run decides afresh
    _move(page, PageState.IN_REVIEW)


def _move(page: Page, state: PageState) -> None:
    page.state = state
    page.save(update_fields=["state", "approved_at", "approved_whole", "changed_at"])


def _shown(page: Page, lines: Sequence[int] | None) -> list[int] | None:
    """Of ``lines`` those that the page shows."""
    if lines is None:
        return None
    return sorted(Line.objects.filter(places__layout=page.layout_id, pk__in=lines).values_list("pk", flat=True))


def _read_whole_before(second: Approval) -> bool:
    """Whether the approval that a second review looked at said that the whole page was read."""
    first = Approval.objects.filter(page=second.page_id, second=False).order_by("-created_at").first()
    return first is not None and first.mode == WHOLE
