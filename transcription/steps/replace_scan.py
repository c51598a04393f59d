"""Put a better scan in the place of another: its pages, their lines and what people wrote stay, the image is new."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models.functions import Now

from transcription.errors import BadInput
from transcription.formats.decode import FrameInfo
from transcription.models import Failure, Original, Page, Work, WorkState
from transcription.steps.flow import OPEN
from transcription.steps.queue import lock_in_order
from transcription.steps.renew_image import renew_image

_RESCANNED = "earlier_scan"  # in a page's transform, until its image is made of the scan that came later


def take_over(scan: Original, before: Original, frames: Sequence[FrameInfo], *, lane: int) -> bool:
    """Give the pages of ``before`` to ``scan`` and have their images made anew; ``before`` keeps its bytes.

    False where ``before`` never came to have pages: then the scan is opened as any other. The caller holds the lock of
    the document and is about to settle the opening of ``scan``. Raises BadInput where they hold other numbers of pages.
    """
    if before.frames is None:
        _give_up_opening(before)
        return False
    if before.frames != len(frames):
        raise BadInput(
            f"“{scan.name}” holds {len(frames)} pages, the scan that it was to replace {before.frames}: which page "
            "belongs to which cannot be told. Upload it once more and choose to keep both.",
            code="other-page-count",
        )
    pages = list(Page.objects.select_for_update().filter(original=before).order_by("pk"))
    if not pages:
        raise BadInput(
            f"The scan that “{scan.name}” was to replace was replaced by another one meanwhile. Upload it once more.",
            code="replaced-meanwhile",
        )
    for page in pages:
        page.original = scan
        page.transform = page.transform | {_RESCANNED: True}
        renew_image(page, lane=lane)
    scan.frames = len(frames)
    scan.save(update_fields=["frames"])
    return True


def is_rescanned(page: Page) -> bool:
    """Whether the page's lines were found on another scan than the one its image is about to be made of."""
    return bool(page.transform.get(_RESCANNED))


def _give_up_opening(original: Original) -> None:
    """What could not be opened need not be any more."""
    Failure.objects.filter(original=original, resolved_at=None).update(resolved_at=Now())
    unfinished = Work.objects.filter(original=original, state__in=[*OPEN, WorkState.FAILED])
    lock_in_order(unfinished).update(state=WorkState.CANCELLED, token=None, lease_until=None, ended_at=Now())
