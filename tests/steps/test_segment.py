from __future__ import annotations

import pytest

from tests.factories import create_page, create_revision, create_user
from transcription.htr.records import LayoutRecord, LineGeometry
from transcription.models import Layout, Page, Source
from transcription.steps.layouts import write_layout

pytestmark = pytest.mark.django_db


def line(top: int, *, left: int = 100, right: int = 1100, height: int = 50) -> LineGeometry:
    bottom = top + height
    return LineGeometry(
        baseline=((left, bottom - 12), (right, bottom - 12)),
        polygon=((left, top), (right, top), (right, bottom), (left, bottom)),
    )


def lay_out(page: Page, *lines: LineGeometry) -> Layout:
    layout = write_layout(page=page, record=LayoutRecord(lines=lines, size=(1200, 1600)), source="test")
    page.layout = layout
    page.save()
    return layout


def ids(layout: Layout) -> list[int]:
    return list(layout.places.order_by("position").values_list("line", flat=True))


def test_a_new_layout_keeps_the_lines_that_are_still_there() -> None:
    page = create_page()
    first = lay_out(page, line(100), line(200), line(300))
    second = lay_out(page, line(105), line(150), line(296, right=1080))
    assert second.version == first.version + 1
    before, after = ids(first), ids(second)
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] not in before


def test_the_same_lines_found_again_are_the_same_lines() -> None:
    page = create_page()
    lines = [line(100), line(160), line(220, right=400)]
    assert ids(lay_out(page, *lines)) == ids(lay_out(page, *lines))


def test_halves_of_a_line_remember_the_whole() -> None:
    page = create_page()
    [whole] = ids(lay_out(page, line(100)))
    halves = lay_out(page, line(100, right=560), line(100, left=620)).places.order_by("position")
    parents = [list(place.line.derived_from.values_list("pk", flat=True)) for place in halves]
    assert parents == [[whole], [whole]]


def test_what_a_person_wrote_stays_in_place_though_the_segmenter_no_longer_finds_its_line() -> None:
    page = create_page()
    before = lay_out(page, line(100), line(200), line(300))
    written = before.places.get(position=2).line
    create_revision(line=written, text="Anno Domini", author=create_user())
    voted = before.places.get(position=3).line
    create_revision(line=voted, text="voted", source=Source.VOTE)
    after = lay_out(page, line(100), line(400))
    assert ids(after)[1] == written.pk
    assert voted.pk not in ids(after), "what a machine read, a machine reads again"
    assert [place.position for place in after.places.order_by("position")] == [1, 2, 3]


def test_a_layout_that_finds_nothing_still_keeps_what_people_wrote() -> None:
    page = create_page()
    before = lay_out(page, line(100))
    create_revision(line=before.places.get().line, text="Anno Domini", author=create_user())
    assert ids(lay_out(page)) == ids(before)
