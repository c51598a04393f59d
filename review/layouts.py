"""A reviewer's work on the lines of a page: what the screen is given, and changes made while they hold the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from review.claims import lock, require_hold
from review.editor import revision_origin
from transcription.errors import Conflict
from transcription.models import Line, Page, PageState, Source, Step
from transcription.models.page import FINISHED_STATES
from transcription.steps.edit_layout import LayoutConflict, edit_layout, regions_of
from transcription.steps.flow import OPEN
from transcription.steps.layout_operations import Operation
from transcription.steps.layout_regions import kind_of
from transcription.steps.reread import Changes, changes_since_reading, reread
from transcription.steps.undo_layout import layout_history, redo_layout, undo_layout


class LayoutChanged(Conflict):
    """Somebody else changed the lines first; ``layout`` is what is there now, as the screen is given it."""

    code = "layout-conflict"

    def __init__(self, message: str, layout: dict[str, Any]) -> None:
        super().__init__(message)
        self.layout = layout


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change has led to: the page's lines, those to look at, and what was done."""

    layout: dict[str, Any]
    touched: list[int]
    done: str


def change_lines(*, page: Page, base_version: int, operation: Operation, reviewer: User) -> Changed:
    """Make one change. Raises PageHeld, NotInReview, LayoutChanged, TextAtStake, BadInput; then nothing is written."""

    def act(locked: Page) -> tuple[list[int], str]:
        layout, touched = edit_layout(page=locked, base_version=base_version, operation=operation, author=reviewer)
        return touched, layout.change if layout.version != base_version else _("Nothing to change")

    return _held(page, reviewer, act)


def undo_change(*, page: Page, base_version: int, reviewer: User, sure: bool = False) -> Changed:
    """Take the last change back; ``sure``: also where words that a person typed lose their line, which are then kept
    beside the page's text. Raises as ``change_lines`` does."""

    def act(locked: Page) -> tuple[list[int], str]:
        change = layout_history(locked).undone
        undo_layout(page=locked, base_version=base_version, author=reviewer, sure=sure)
        if sure:
            return [], _("Undone: %(change)s; what was typed is kept beside the text") % {"change": change}
        return [], _("Undone: %(change)s") % {"change": change}

    return _held(page, reviewer, act)


def redo_change(*, page: Page, base_version: int, reviewer: User, sure: bool = False) -> Changed:
    """Make the change again that was undone last, otherwise like ``undo_change``."""

    def act(locked: Page) -> tuple[list[int], str]:
        change = layout_history(locked).redone
        redo_layout(page=locked, base_version=base_version, author=reviewer, sure=sure)
        if sure:
            return [], _("Done again: %(change)s; what was typed is kept beside the text") % {"change": change}
        return [], _("Done again: %(change)s") % {"change": change}

    return _held(page, reviewer, act)


def read_changes(*, page: Page, reviewer: User) -> dict[str, Any]:
    """Read again what has changed, which takes the page out of review until it is done; the page's lines meanwhile.

    The reviewer keeps the page. Raises PageHeld and NotInReview.
    """
    with transaction.atomic():
        locked = lock(page)
        require_hold(locked, reviewer)
        reread(page=locked)
    return layout_data(page)


def _held(page: Page, reviewer: User, act: Callable[[Page], tuple[list[int], str]]) -> Changed:
    try:
        with transaction.atomic():
            locked = lock(page)
            require_hold(locked, reviewer)
            touched, done = act(locked)
    except LayoutConflict as conflict:
        raise LayoutChanged(conflict.message, layout_data(page)) from conflict
    return Changed(layout_data(page), touched, done)


def layout_data(page: Page) -> dict[str, Any]:
    """The page's lines and regions as the screen is given them, JSON-ready; what can be undone, and what waits."""
    fresh = Page.objects.select_related("layout", "run").get(pk=page.pk)
    layout = fresh.layout
    history = layout_history(fresh)
    # Nobody waits for the lines of a page that is approved.
    changes = changes_since_reading(fresh) if fresh.state == PageState.IN_REVIEW else Changes()
    being_read = _being_read(fresh)
    waiting = {*changes.lines, *being_read}
    regions = regions_of(layout)
    places = layout.places.order_by("position") if layout is not None else []
    texts = _texts(fresh)
    return {
        "version": layout.version if layout is not None else 0,
        "state": fresh.state,
        "inReview": fresh.state == PageState.IN_REVIEW,
        "confidence": fresh.confidence,
        "lines": [
            {
                "id": place.line_id,
                "baseline": place.baseline,
                "polygon": place.polygon,
                "region": place.region,
                "kind": kind_of(place.geometry, regions),
                "production": place.production,
                "waits": place.line_id in waiting,
                **texts[place.line_id],
            }
            for place in places
        ],
        "regions": [{"id": region.id, "kind": region.kind, "polygon": region.polygon} for region in regions],
        "undo": history.undone if history.undo is not None else None,
        "redo": history.redone if history.redo is not None else None,
        "waiting": len(changes.lines),
        "stale": changes.stale,
        "reading": len(being_read) if fresh.state not in FINISHED_STATES else None,
        "failure": "" if fresh.state in FINISHED_STATES else _failure(fresh),
    }


def _texts(page: Page) -> dict[int, dict[str, Any]]:
    """The current text of every line of the page's layout."""
    lines = Line.objects.filter(places__layout=page.layout_id).select_related("current__author", "current__transcript")
    found = {}
    for line in lines.defer("current__transcript__data"):
        current = line.current
        found[line.pk] = {
            "text": current.text if current is not None else "",
            "typed": current is not None and current.source == Source.PERSON,
            "by": revision_origin(current),
        }
    return found


def _being_read(page: Page) -> set[int]:
    """Lines that are in the hands of the engine, or wait for it."""
    if page.run is None or page.state in FINISHED_STATES:
        return set()
    work = page.run.work.filter(step=Step.RECOGNIZE, state__in=OPEN)
    given = list(work.values_list("lines", flat=True))
    if any(lines is None for lines in given) and page.layout is not None:
        return set(page.layout.places.values_list("line", flat=True))
    return {line for lines in given if lines is not None for line in lines}


def _failure(page: Page) -> str:
    failure = page.failures.open().first()
    return failure.message if failure is not None else ""
