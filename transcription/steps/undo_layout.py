"""Undo and redo of layout changes: each brings an earlier version back, as a new one.

No row says where one is in the history: the versions themselves do. A change follows directly upon its parent. An
undo or redo copies the version it brings back, that one's parent and change included, so that the copy can be undone
as the original could. Whatever else makes a layout (a segmenter, say) is where undoing ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from transcription.errors import BadInput
from transcription.models import Layout, Page
from transcription.steps.edit_layout import places_of, regions_of, require_version, take
from transcription.steps.layouts import save_layout

DEEPEST = 500  # versions that are looked back over


@dataclass(frozen=True, slots=True)
class History:
    """What can be taken back and what can be done again: versions to bring back, with what changes by it."""

    undo: Layout | None
    undone: str  # the change that undoing takes back
    redo: Layout | None
    redone: str


def layout_history(page: Page) -> History:
    """Where the page's layout stands in the history of its changes."""
    past, present, future = _replayed(page)
    return History(
        undo=past[-1] if past else None,
        undone=present.change if present is not None and past else "",
        redo=future[-1] if future else None,
        redone=future[-1].change if future else "",
    )


def undo_layout(*, page: Page, base_version: int, author: User) -> Layout:
    """Bring back the layout before the last change. The caller holds the page lock. Raises LayoutConflict, BadInput."""
    require_version(page, base_version)
    earlier = layout_history(page).undo
    if earlier is None:
        raise BadInput("There is no change of the lines to undo.", code="nothing-to-undo")
    return _bring_back(page, earlier, author)


def redo_layout(*, page: Page, base_version: int, author: User) -> Layout:
    """Do again what was undone last. The caller holds the page lock. Raises LayoutConflict, BadInput."""
    require_version(page, base_version)
    later = layout_history(page).redo
    if later is None:
        raise BadInput("There is no change of the lines to do again.", code="nothing-to-redo")
    return _bring_back(page, later, author)


def _bring_back(page: Page, layout: Layout, author: User) -> Layout:
    copy = save_layout(
        page=page,
        places=places_of(layout),
        regions=regions_of(layout),
        source=author.get_username()[:80],
        note=layout.note,
        parent=layout.parent,
        author=author,
        change=layout.change,
    )
    take(page, copy)
    return copy


def _replayed(page: Page) -> tuple[list[Layout], Layout | None, list[Layout]]:
    """(what can be brought back by undoing, the present, what by redoing), the nearest last."""
    layouts = page.layouts.select_related("parent").defer("regions", "parent__regions")
    versions = list(layouts.order_by("-version")[:DEEPEST])[::-1]
    past: list[Layout] = []
    future: list[Layout] = []
    present: Layout | None = None
    for layout in versions:
        if layout.change and layout.parent is not None and layout.parent.version == layout.version - 1:
            past, future = [*past, present] if present is not None else [], []
        elif past and _is_copy(layout, past[-1]):
            assert present is not None
            future.append(present)
            past.pop()
        elif future and _is_copy(layout, future[-1]):
            assert present is not None
            past.append(present)
            future.pop()
        else:
            past, future = [], []
        present = layout
    return past, present, future


def _is_copy(layout: Layout, original: Layout) -> bool:
    return layout.author_id is not None and (layout.parent_id, layout.change) == (original.parent_id, original.change)
