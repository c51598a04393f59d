"""Save a person's text of a line, if it is based on what is current."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from transcription.errors import Conflict
from transcription.htr.text import clean
from transcription.models import LayoutLine, Line, Page, Source, TranscriptRevision
from transcription.steps.placement import settle_typed
from transcription.steps.revise import revise
from transcription.steps.search_index import settle_marks


class RevisionConflict(Conflict):
    """The line was changed since the editor read it; ``current`` is what stands there now."""

    code = "revision-conflict"

    def __init__(self, current: TranscriptRevision | None) -> None:
        who = "the machine" if current is None or current.author is None else current.author.get_username()
        super().__init__(
            f"This line was changed by {who} in the meantime. Nothing was overwritten; choose which to keep."
        )
        self.current = current


class LineGone(Conflict):
    """The line is in no layout that the page shows: its text would be out of sight."""

    code = "line-gone"


def require_shown(line: Line, page: Page) -> None:
    """Raises LineGone where the page's present layout has no such line. The caller holds the page lock."""
    if not LayoutLine.objects.filter(layout=page.layout_id, line=line).exists():
        raise LineGone(
            _("The lines of this page were changed in the meantime; this one is no longer among them. Reload the page.")
        )


def save_line(*, line: Line, text: str, base_revision: int, author: User) -> TranscriptRevision:
    """Append ``text`` as a person's revision and return it. Takes the page lock.

    ``base_revision`` is the number of the revision the editor started from (0: none). The same text saved again by
    the same person (a repeated request) returns the revision that is there. Raises RevisionConflict and LineGone.
    """
    with transaction.atomic():
        page = Page.objects.select_for_update().get(pk=line.page_id)
        require_shown(line, page)
        fresh = Line.objects.select_related("current__author").get(pk=line.pk)
        current = fresh.current
        if current is not None and _is_repeated(current, clean(text), base_revision, author):
            return current
        if (current.number if current is not None else 0) != base_revision:
            raise RevisionConflict(current)
        revision = revise(line=fresh, text=text, source=Source.PERSON, author=author)
        settle_typed(page)
        # Who corrects a name looks for it next; what fails here is tried again by the sweeper.
        transaction.on_commit(partial(settle_marks, pages=[page.pk]), robust=True)
        return revision


def _is_repeated(current: TranscriptRevision, text: str, base_revision: int, author: User) -> bool:
    """True when the same person saved the same text just before: the answer was lost, not the text."""
    mine = current.source == Source.PERSON and current.author_id == author.pk
    return mine and current.text == text and base_revision in (current.number, current.number - 1)
