"""Replace a pattern in the texts of a collection as one step, page by page in the background, and take it back.

Each page is one short transaction under its lock that also moves the replacement's cursor, so a worker may be killed
anywhere and another goes on. After some seconds the row is given back and claimed again: others get their turn, and an
orderly stop does not wait. A line that was changed since the preview, and a page that somebody has open, is left.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from transcription.errors import BadInput, Conflict
from transcription.htr.replacing import Pattern, replaced
from transcription.models import Collection, Lane, Line, Page, ReplacedLine, Replacement, Source, Step, Work
from transcription.models.page import FINISHED_STATES
from transcription.steps.find_places import census, checked_pattern, is_typed, pages_with_places
from transcription.steps.placement import settle_typed
from transcription.steps.queue import enqueue, finishing, going_on
from transcription.steps.revise import revise

TURN_SECONDS = 5.0
PAGES_AT_ONCE = 50


class NothingToUndo(Conflict):
    """The replacement is in motion, or nothing of it stands any more that may be taken back."""

    code = "nothing-to-undo"


def request_replacement(
    *,
    collection: Collection,
    pattern: Pattern,
    typed: bool,
    as_of: int,
    left_out: Mapping[int, Sequence[int]],
    author: User,
) -> Replacement:
    """Queue the replacement of what stands in texts up to the revision ``as_of``; somebody waits for it.

    ``left_out`` are the numbers of places by line that are to stay. Raises BadInput where nothing is left to replace.
    """
    pattern = checked_pattern(pattern)
    found = census(collection_id=collection.pk, pattern=pattern, typed=typed, as_of=as_of, leave=left_out).free
    if not found.places:
        raise BadInput(_("Nothing is left to replace: look for it again."), code="nothing-to-replace")
    with transaction.atomic():
        replacement = Replacement.objects.create(
            collection=collection,
            author=author,
            find=pattern.find,
            put=pattern.put,
            whole_words=pattern.whole_words,
            match_case=pattern.match_case,
            typed=typed,
            as_of=as_of,
            left_out={str(line): sorted(set(numbers)) for line, numbers in left_out.items()},
            planned_places=found.places,
            planned_lines=found.lines,
            planned_pages=len(found.pages),
        )
        _queue(replacement)
    return replacement


def request_undo(replacement: Replacement, *, by: User) -> None:
    """Queue taking back every line that still says what the replacement made of it. Raises NothingToUndo."""
    with transaction.atomic():
        locked = Replacement.objects.select_for_update().get(pk=replacement.pk)
        if locked.in_motion:
            raise NothingToUndo(_("This replacement is still at work: wait until it is done."))
        if not locked.changed.undoable().exists():
            raise NothingToUndo(_("No line says any more what this replacement made of it: nothing was taken back."))
        locked.state, locked.undone_by, locked.cursor, locked.held = Replacement.State.UNDOING, by, 0, []
        locked.save(update_fields=["state", "undone_by", "cursor", "held"])
        _queue(locked)


def replace(work: Work, token: uuid.UUID, progress: Callable[[], None] = lambda: None) -> None:
    """Change page after page, or change them back, until all are done or this turn is over."""
    assert work.replacement_id is not None
    replacement = Replacement.objects.select_related("author", "collection").get(pk=work.replacement_id)
    undoing = replacement.state == Replacement.State.UNDOING
    ends = time.monotonic() + TURN_SECONDS
    while pages := _pages_to_undo(replacement) if undoing else _pages_to_change(replacement):
        for page_id in pages:
            with going_on(work, token, page_id=page_id) as page:
                if page is not None:
                    (_undo_page if undoing else _change_page)(replacement, page)
                replacement.cursor = page_id
                replacement.save(update_fields=["cursor", "places", "lines", "pages", "restored", "held"])
            progress()
            if time.monotonic() > ends:
                return  # unfinished: the row is given back, and claimed again
    with finishing(work, token):
        if undoing:
            replacement.state, replacement.undone_at = Replacement.State.UNDONE, Now()
        else:
            replacement.state, replacement.ended_at = Replacement.State.DONE, Now()
        replacement.save(update_fields=["state", "undone_at", "ended_at"])


def _queue(replacement: Replacement) -> None:
    # The stage tells a second undo from the first: the same work cannot exist twice.
    enqueue(
        step=Step.REPLACE,
        collection_id=replacement.collection_id,
        lane=Lane.INTERACTIVE,
        replacement_id=replacement.pk,
        stage=replacement.work.count(),
    )


def _pages_to_change(replacement: Replacement) -> list[int]:
    return pages_with_places(
        collection_id=replacement.collection_id,
        pattern=replacement.pattern,
        typed=replacement.typed,
        as_of=replacement.as_of,
        after=replacement.cursor,
        limit=PAGES_AT_ONCE,
    )


def _pages_to_undo(replacement: Replacement) -> list[int]:
    standing = replacement.changed.undoable().filter(line__page__gt=replacement.cursor)
    pages = standing.order_by("line__page").values_list("line__page", flat=True).distinct()
    return list(pages[:PAGES_AT_ONCE])


def _change_page(replacement: Replacement, page: Page) -> None:
    """Revise the lines of a page. What was a machine's text stays one, a bulk fix; what people wrote becomes the text
    of who asked for this. The caller holds the page lock."""
    if page.approved_at is not None or page.state not in FINISHED_STATES:
        return
    if Page.objects.filter(pk=page.pk).looked_at_once().exists():
        return
    shown = Line.objects.filter(places__layout=page.layout_id, current__lte=replacement.as_of)
    changed: list[ReplacedLine] = []
    typed = False
    for line in shown.select_related("current__layout").order_by("places__position"):
        before = line.current
        assert before is not None
        by_people = is_typed(before.source)
        if by_people and not replacement.typed:
            continue
        leave = replacement.left_out.get(str(line.pk), ())
        text, places = replaced(before.text, replacement.pattern, leave)
        if not places:
            continue
        if not changed and _is_held(replacement, page):
            return
        after = revise(
            line=line,
            text=text,
            source=Source.PERSON if by_people else Source.BULK,
            author=replacement.author,
            layout=before.layout,
            mixed=before.mixed,
        )
        changed.append(ReplacedLine(replacement=replacement, line=line, before=before, after=after, places=places))
        typed |= by_people
    ReplacedLine.objects.bulk_create(changed)
    replacement.places += sum(each.places for each in changed)
    replacement.lines += len(changed)
    replacement.pages += bool(changed)
    if typed:
        settle_typed(page)


def _undo_page(replacement: Replacement, page: Page) -> None:
    """Give the lines of a page the text, and the origin, that they had before. The caller holds the page lock."""
    standing = replacement.changed.undoable().filter(line__page=page).order_by("pk")
    back = list(standing.select_related("line__current", "before__author", "before__vote", "before__layout"))
    if not back or _is_held(replacement, page):
        return
    typed = False
    for each in back:
        before = each.before
        each.restored = revise(
            line=each.line,
            text=before.text,
            source=Source(before.source),
            author=before.author,
            vote=before.vote,
            transcript=before.transcript,
            layout=before.layout,
            mixed=before.mixed,
        )
        typed |= is_typed(before.source)
    ReplacedLine.objects.bulk_update(back, ["restored"])
    replacement.restored += len(back)
    if typed:
        settle_typed(page)


def _is_held(replacement: Replacement, page: Page) -> bool:
    """Whether somebody has the page open; it is named then."""
    held = Page.objects.filter(pk=page.pk).held().exists()
    if held:
        replacement.held = [*replacement.held, page.pk]
    return held
