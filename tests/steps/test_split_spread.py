from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from tests.factories import create_collection, create_page, create_user
from tests.steps.journey import claim_step, perform, receive, work_until_nothing_is_due
from tests.steps.spread import GUTTER, LEFT, LINES, RIGHT, draw_spread, places, read_spread, receive_spread, shown
from transcription.errors import LostLease
from transcription.formats.pyramid import read_gray
from transcription.htr.geometry import bounding_box
from transcription.models import (
    Collection,
    Line,
    Page,
    PageState,
    Part,
    Reading,
    Source,
    Step,
    TranscriptRevision,
    Vote,
    Work,
    WorkState,
)
from transcription.steps.control import rerun
from transcription.steps.correct import save_line
from transcription.steps.invariants import violations
from transcription.steps.join_spread import join_spread
from transcription.steps.split_spread import NoSpread, split_spread
from transcription.steps.turn import turn_page

pytestmark = pytest.mark.django_db

Install = Callable[..., None]


@pytest.fixture
def spread(tmp_path: Path, scribe: Install, surveyor: Install) -> Page:
    """A spread that was read as one page."""
    surveyor(lines=LINES, gutter=GUTTER)
    page = read_spread(tmp_path)
    assert (page.part, page.gutter) == (Part.WHOLE, pytest.approx(GUTTER / 1200))
    assert len(places(page)) == 6
    return page


def halves() -> tuple[Page, Page]:
    left, right = Page.objects.order_by("position")
    return left, right


def pixels(page: Page) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return read_gray(Path(default_storage.path(page.pyramid)), None)[0].astype(np.int64)


def test_a_spread_becomes_two_pages_with_their_own_images_and_lines(spread: Page) -> None:
    split_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    left, right = halves()
    assert (left.pk, left.part, right.part) == (spread.pk, Part.LEFT, Part.RIGHT)
    assert (left.width, left.height, right.width, right.height) == (GUTTER, 560, 1200 - GUTTER, 560)
    assert (left.label, right.label) == ("letter-07 (left)", "letter-07 (right)")
    assert (left.position, right.position) == (1, 2)
    drawn = np.asarray(draw_spread()).astype(np.int64)
    assert abs(pixels(left) - drawn[:, :GUTTER]).mean() < 2
    assert abs(pixels(right) - drawn[:, GUTTER:]).mean() < 2
    assert right.transform["columns"] == [GUTTER, 1200]
    on_left = [bounding_box([(x, y) for x, y in place.polygon]) for place in places(left)]
    assert on_left == [(60, 20, GUTTER - 1, 70), *LEFT], "what reaches over the gutter is cut"
    on_right = [bounding_box([(x, y) for x, y in place.polygon]) for place in places(right)]
    assert on_right == [(x0 - GUTTER, y0, x1 - GUTTER, y1) for x0, y0, x1, y1 in RIGHT]
    for page in (left, right):
        assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
        assert page.run is not None
        assert page.run.layout == page.layout
    assert violations() == []


def test_what_people_wrote_goes_to_its_page_as_theirs_with_its_history(spread: Page) -> None:
    author = create_user()
    before = places(spread)
    typed = before[3].line
    save_line(line=typed, text="first", base_revision=1, author=author)
    save_line(line=typed, text="second", base_revision=2, author=author)
    split_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    _, right = halves()
    line = places(right)[0].line
    assert line.pk != typed.pk
    assert list(line.derived_from.all()) == [typed]
    history = [(each.number, each.text, each.source, each.author, each.created_at) for each in _revisions(line)]
    assert history == [
        (each.number, each.text, each.source, each.author, each.created_at) for each in _revisions(typed)
    ]
    assert line.current is not None
    assert (line.current.text, line.current.source, line.current.author) == ("second", Source.PERSON, author)
    assert violations() == []


def _revisions(line: Line) -> list[object]:  # type: ignore[type-arg]
    return list(line.revisions.order_by("number").select_related("author"))


def test_split_then_joined_is_the_same_page(spread: Page) -> None:
    author = create_user()
    save_line(line=places(spread)[0].line, text="over the gutter", base_revision=1, author=author)
    save_line(line=places(spread)[4].line, text="on the right", base_revision=1, author=author)
    lines, before = [place.line_id for place in places(spread)], shown(spread)
    files = {spread.pyramid}
    for _ in range(2):  # and again
        right = split_spread(page=spread, lane=0)
        work_until_nothing_is_due()
        assert join_spread(page=right, lane=0).pk == spread.pk
        work_until_nothing_is_due()
        spread.refresh_from_db()
        assert [place.line_id for place in places(spread)] == lines
        assert shown(spread) == before
        assert (spread.part, spread.turn, spread.frame_turn) == (Part.WHOLE, 0, 0)
        assert (spread.width, spread.height) == (1200, 560)
        assert spread.pyramid not in files
        files.add(spread.pyramid)
        assert not Page.objects.filter(pk=right.pk).exists()
        assert violations() == []


def test_joined_then_split_is_the_same_two_pages(spread: Page) -> None:
    split_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    left, right = halves()
    save_line(line=places(right)[1].line, text="typed on the right", base_revision=1, author=create_user())
    save_line(line=places(left)[1].line, text="typed on the left", base_revision=1, author=create_user())
    before = shown(left), shown(right)
    join_spread(page=left, lane=0)
    work_until_nothing_is_due()
    spread.refresh_from_db()
    assert [row[3] for row in shown(spread)][4] == "typed on the right"
    split_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    left, right = halves()
    assert (shown(left), shown(right)) == before
    assert violations() == []


def test_nothing_that_was_read_voted_or_written_on_the_right_page_is_lost_when_it_is_joined(
    spread: Page, surveyor: Install
) -> None:
    split_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    left, right = halves()
    surveyor(lines=[(50, 100, 540, 150), (50, 460, 540, 510)])  # the second is a line that nobody saw before
    rerun(right.collection, pages=Page.objects.filter(pk=right.pk), find_lines=True)
    work_until_nothing_is_due()
    new = places(right)[-1].line
    save_line(line=new, text="seen at last", base_revision=1, author=create_user())
    kept = [set(model.objects.values_list("pk", flat=True)) for model in (Reading, Vote, TranscriptRevision)]
    join_spread(page=left, lane=0)
    work_until_nothing_is_due()
    after = [set(model.objects.values_list("pk", flat=True)) for model in (Reading, Vote, TranscriptRevision)]
    assert all(before <= now for before, now in zip(kept, after, strict=True))
    last = places(spread)[-1]
    assert (last.line_id, last.polygon[0]) == (new.pk, [50 + GUTTER, 460])
    assert last.line.current is not None
    assert last.line.current.text == "seen at last"
    assert violations() == []


def test_a_half_that_was_turned_is_turned_back_when_it_is_joined(spread: Page) -> None:
    save_line(line=places(spread)[4].line, text="on the right", base_revision=1, author=create_user())
    before = shown(spread)
    right = split_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    turn_page(page=right, quarters=1, lane=0)
    work_until_nothing_is_due()
    right.refresh_from_db()
    assert (right.width, right.height) == (560, 1200 - GUTTER)
    assert len(places(right)) == 3
    join_spread(page=right, lane=0)
    work_until_nothing_is_due()
    assert shown(spread) == before
    assert violations() == []


def test_a_spread_that_was_turned_before_is_split_as_it_stands(
    tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    surveyor(lines=LINES, gutter=GUTTER, turn=3)
    path = tmp_path / "sideways.png"
    draw_spread().rotate(-90, expand=True).save(path)
    receive(path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    assert (page.turn, page.width) == (3, 1200)
    before = shown(page)
    split_spread(page=page, lane=0)
    work_until_nothing_is_due()
    left, right = halves()
    assert (left.frame_turn, left.turn, left.width, right.width) == (3, 0, GUTTER, 1200 - GUTTER)
    drawn = np.asarray(draw_spread()).astype(np.int64)
    assert abs(pixels(right) - drawn[:, GUTTER:]).mean() < 2
    join_spread(page=left, lane=0)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert (page.turn, shown(page)) == (3, before)
    assert violations() == []


def test_a_half_without_lines_is_looked_at_by_itself(tmp_path: Path, scribe: Install, surveyor: Install) -> None:
    surveyor(lines=LEFT, gutter=GUTTER)
    page = read_spread(tmp_path)
    surveyor(note="blank page")
    right = split_spread(page=page, lane=0)
    work_until_nothing_is_due()
    right.refresh_from_db()
    assert right.layout is not None
    assert right.layout.note == "blank page"
    before = len(places(page))
    join_spread(page=page, lane=0)
    work_until_nothing_is_due()
    assert len(places(page)) == before
    assert violations() == []


def test_a_collection_that_splits_spreads_does_so_by_itself_in_document_order(
    tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    surveyor(lines=LINES, gutter=GUTTER)
    collection = create_collection(spreads=Collection.Spreads.SPLIT)
    for name in ("b.png", "a.png"):
        path = tmp_path / name
        image = draw_spread()
        image.putpixel((0, 0), ord(name[0]))
        image.save(path)
        receive(path, collection=collection)
    collection.originals.update(document=collection.documents.first())
    work_until_nothing_is_due()
    pages = Page.objects.order_by("position")
    assert [(page.label, page.position) for page in pages] == [
        ("a (left)", 1),
        ("a (right)", 2),
        ("b (left)", 3),
        ("b (right)", 4),
    ]
    assert violations() == []


@pytest.mark.parametrize("lines", [LINES, []])
def test_what_a_person_joined_is_not_split_again_by_itself(
    tmp_path: Path, scribe: Install, surveyor: Install, lines: list[tuple[int, int, int, int]]
) -> None:
    surveyor(lines=lines, gutter=GUTTER)
    collection = create_collection(spreads=Collection.Spreads.SPLIT)
    receive_spread(tmp_path, collection=collection)
    work_until_nothing_is_due()
    join_spread(page=Page.objects.latest("pk"), lane=0)
    work_until_nothing_is_due()
    rerun(collection, find_lines=True)
    work_until_nothing_is_due()
    assert Page.objects.get().part == Part.WHOLE
    assert violations() == []


def test_a_split_is_undone_at_once_without_waiting_for_the_images(spread: Page) -> None:
    before = shown(spread)
    right = split_spread(page=spread, lane=0)
    slow, token = claim_step(Step.PREPARE)
    join_spread(page=right, lane=0)
    assert shown(spread) == before
    assert violations() == []
    with pytest.raises(LostLease):
        perform(slow, token)
    work_until_nothing_is_due()
    spread.refresh_from_db()
    assert (spread.width, shown(spread)) == (1200, before)
    assert violations() == []


def test_an_approved_page_is_neither_split_nor_joined_and_one_in_preparation_not_split() -> None:
    page = create_page(state=PageState.REVIEWED, approved_at=timezone.now())
    with pytest.raises(NoSpread, match="approved"):
        split_spread(page=page, lane=0)
    page = create_page(state=PageState.RECEIVED)
    with pytest.raises(NoSpread, match="being prepared"):
        split_spread(page=page, lane=0)
    with pytest.raises(NoSpread, match="no page of a spread"):
        join_spread(page=page, lane=0)
    left = create_page(part=Part.LEFT, gutter=0.5)
    create_page(document=left.document, original=left.original, part=Part.RIGHT, gutter=0.5, approved_at=timezone.now())
    with pytest.raises(NoSpread, match="approved"):
        join_spread(page=left, lane=0)
    with pytest.raises(NoSpread, match="already"):
        split_spread(page=left, lane=0)


def test_a_page_without_a_gutter_is_split_in_the_middle() -> None:
    page = create_page(width=1200, height=800)
    right = split_spread(page=page, lane=0)
    assert (right.width, right.height, right.gutter) == (600, 800, 0.5)


def crash_after(write: Callable[[], object]) -> None:
    """All is written, nothing committed."""
    with transaction.atomic():
        write()
        raise KeyboardInterrupt


def test_a_worker_lost_in_the_middle_of_a_split_leaves_one_page_or_two(
    tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    surveyor(lines=LINES, gutter=GUTTER)
    receive_spread(tmp_path, collection=create_collection(spreads=Collection.Spreads.SPLIT))
    for step in (Step.UNPACK, Step.PREPARE):
        perform(*claim_step(step))
    work, token = claim_step(Step.SEGMENT)
    with pytest.raises(KeyboardInterrupt):
        crash_after(lambda: perform(work, token))
    assert Page.objects.get().part == Part.WHOLE
    perform(work, token)
    with pytest.raises(LostLease):
        perform(work, token)
    assert Page.objects.count() == 2
    assert violations() == []
    for _ in range(2):  # either half's image is made twice
        half, token = claim_step(Step.PREPARE)
        with pytest.raises(KeyboardInterrupt):
            crash_after(lambda: perform(half, token))  # noqa: B023 - called at once
        Work.objects.filter(pk=half.pk).update(state=WorkState.QUEUED, token=None, lease_until=None)
        assert violations() == []
        again, second = claim_step(Step.PREPARE)
        assert again.pk == half.pk
        perform(again, second)
        with pytest.raises(LostLease):
            perform(half, token)
    work_until_nothing_is_due()
    left, right = halves()
    assert (len(places(left)), len(places(right))) == (3, 3)
    with pytest.raises(KeyboardInterrupt):
        crash_after(lambda: join_spread(page=left, lane=0))
    assert Page.objects.count() == 2
    assert violations() == []
    join_spread(page=left, lane=0)
    with pytest.raises(NoSpread):
        join_spread(page=left, lane=0)
    assert violations() == []
    work_until_nothing_is_due()
    assert violations() == []
