"""Undo and redo of layout changes: each brings an earlier version back, as a new one.

No row says where one is in the history: the versions themselves do. A change follows directly upon its parent. An
undo or redo copies the version it brings back, that one's parent and change included, so that the copy can be undone
as the original could. Whatever else makes a layout (a segmenter, say) is where undoing ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils.translation import ngettext

from transcription.errors import BadInput
from transcription.htr.records import LineGeometry
from transcription.models import Layout, Line, Page
from transcription.steps.edit_layout import places_of, regions_of, require_version, take
from transcription.steps.layout_operations import TextAtStake, is_typed, numbers
from transcription.steps.layouts import save_layout
from transcription.steps.moved_texts import keep_taken_back

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


def undo_layout(*, page: Page, base_version: int, author: User, sure: bool = False) -> Layout:
    """Bring back the layout before the last change. The caller holds the page lock.

    Words that a person typed and that would stand on no line any more are put aside as DisplacedTexts where they are
    ``sure``. Raises LayoutConflict, BadInput, and TextAtStake where they are not.
    """
    require_version(page, base_version)
    earlier = layout_history(page).undo
    if earlier is None:
        raise BadInput("There is no change of the lines to undo.", code="nothing-to-undo")
    return _bring_back(page, earlier, author, sure)


def redo_layout(*, page: Page, base_version: int, author: User, sure: bool = False) -> Layout:
    """Do again what was undone last, otherwise like ``undo_layout``."""
    require_version(page, base_version)
    later = layout_history(page).redo
    if later is None:
        raise BadInput("There is no change of the lines to do again.", code="nothing-to-redo")
    return _bring_back(page, later, author, sure)


def _bring_back(page: Page, layout: Layout, author: User, sure: bool) -> Layout:
    before, after = places_of(page.layout), places_of(layout)
    leaving = _typed_words_without_a_line(before, after)
    if leaving and not sure:
        first = before[leaving[0]][1].current
        raise TextAtStake(
            ngettext(
                "Line %(numbers)s has text that a person typed: “%(text)s”. It would stand on no line any more.",
                "Lines %(numbers)s have text that people typed: “%(text)s” … It would stand on no line any more.",
                len(leaving),
            )
            % {"numbers": numbers(leaving), "text": first.text if first is not None else ""}
        )
    copy = save_layout(
        page=page,
        places=after,
        regions=regions_of(layout),
        source=author.get_username()[:80],
        note=layout.note,
        parent=layout.parent,
        author=author,
        change=layout.change,
    )
    take(page, copy)
    for index in leaving:
        keep_taken_back(layout=copy, lines=[before[index][1]], near=_nearest(before[index][0], after))
    return copy


def _typed_words_without_a_line(
    before: list[tuple[LineGeometry, Line]], after: list[tuple[LineGeometry, Line]]
) -> list[int]:
    """Which lines of ``before`` take words that a person typed out of sight: those of a line that is split or merged
    again stand on the lines that come back for it, if nobody has changed them since."""
    here, there = {line.pk for _geometry, line in before}, {line.pk for _geometry, line in after}
    back = " ".join(line.current.text for _geometry, line in after if line.pk not in here and line.current is not None)
    return [
        index
        for index, (_geometry, line) in enumerate(before)
        if line.pk not in there and is_typed(line) and f" {line.current.text} " not in f" {back} "  # type: ignore[union-attr]  # typed lines have a text
    ]


def _nearest(geometry: LineGeometry, places: list[tuple[LineGeometry, Line]]) -> Line | None:
    """The line whose middle is nearest to that of ``geometry``."""
    x, y = _middle(geometry)

    def away(place: tuple[LineGeometry, Line]) -> float:
        other_x, other_y = _middle(place[0])
        return abs(other_x - x) / 10 + abs(other_y - y)  # lines lie along the page: what is beside is near

    return min(places, key=away)[1] if places else None


def _middle(geometry: LineGeometry) -> tuple[float, float]:
    (x1, y1), (x2, y2) = geometry.baseline[0], geometry.baseline[-1]
    return (x1 + x2) / 2, (y1 + y2) / 2


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
