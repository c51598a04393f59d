from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from tests.factories import create_layout, create_page, create_user
from tests.steps.journey import claim_step, draw_page, perform, prepared_page, receive, work_until_nothing_is_due
from tests.steps.spread import places, shown
from transcription.errors import LostLease
from transcription.formats.pyramid import read_gray
from transcription.models import Failure, Layout, Page, PageState, Source, Step, Turner, Work, WorkState
from transcription.steps.control import cancel, rerun, resume
from transcription.steps.correct import save_line
from transcription.steps.invariants import violations
from transcription.steps.purge import purge_collection
from transcription.steps.turn import turn_page

pytestmark = pytest.mark.django_db

LINES = [(50, 50, 850, 120), (50, 180, 850, 250)]  # on the upright page of 900 × 560 only
Install = Callable[..., None]


def receive_sideways(folder: Path) -> None:
    path = folder / "sideways.png"
    draw_page().rotate(90, expand=True).save(path)  # a quarter turn clockwise makes it upright
    receive(path)


def stored(page: Page) -> list[str]:
    folder = Path(default_storage.path(page.pyramid)).parent
    return sorted(path.name for path in folder.iterdir() if path.name.split(".")[0].split("-")[0] == str(page.pk))


def test_a_page_that_lies_on_its_side_is_turned_once_and_its_lines_found_upright(
    tmp_path: Path, scribe: Install, surveyor: Install, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    surveyor(lines=LINES, turn=1)  # it goes on saying so, and is not heard a second time
    receive_sideways(tmp_path)
    perform(*claim_step(Step.UNPACK))
    perform(*claim_step(Step.PREPARE))
    page = Page.objects.get()
    first = page.pyramid
    assert (page.width, page.height) == (560, 900)
    perform(*claim_step(Step.SEGMENT))
    page.refresh_from_db()
    assert (page.turn, page.turned_by, page.state) == (1, Turner.MACHINE, PageState.RECEIVED)
    assert default_storage.exists(page.pyramid), "the page never is without an image"
    with django_capture_on_commit_callbacks(execute=True):
        work_until_nothing_is_due()
    page.refresh_from_db()
    assert (page.turn, page.width, page.height) == (1, 900, 560)
    assert page.pyramid != first
    assert (page.transform["turn"], page.transform["rotation"]) == (1, 0)
    assert len(places(page)) == 2
    pixels, _ = read_gray(Path(default_storage.path(page.pyramid)), None)
    assert abs(pixels.astype(int) - np.asarray(draw_page()).astype(int)).mean() < 2
    assert stored(page) == [f"{page.pk}-1.thumb.jpg", f"{page.pk}-1.tif"]
    assert Work.objects.filter(step=Step.PREPARE).count() == 2
    assert violations() == []


@pytest.mark.parametrize("before_there_were_turns", [False, True])
def test_a_person_turns_a_page_and_every_line_keeps_its_text(
    scribe: Install, tmp_path: Path, surveyor: Install, before_there_were_turns: bool
) -> None:
    surveyor(lines=LINES)
    path = tmp_path / "p.png"
    draw_page().save(path)
    receive(path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    before, runs = places(page), page.runs.count()
    save_line(line=before[0].line, text="typed", base_revision=1, author=create_user())
    expected = shown(page)
    if before_there_were_turns:
        Layout.objects.update(framing={})
        Page.objects.update(transform={"rotation": 0, "scale": 1.0})
    turn_page(page=page, quarters=1, lane=0)
    work_until_nothing_is_due()
    after = places(page)
    assert [place.line_id for place in after] == [place.line_id for place in before]
    assert after[0].baseline == [[560 - 1 - y, x] for x, y in before[0].baseline]
    assert [row[3] for row in shown(page)] == [row[3] for row in expected]
    assert (page.width, page.height, page.turned_by) == (560, 900, Turner.PERSON)
    assert page.runs.count() == runs + 1, "crops stand another way: they are read again"
    assert page.runs.latest("number").layout == page.layout
    assert violations() == []
    for _ in range(3):
        turn_page(page=page, quarters=1, lane=0)
    work_until_nothing_is_due()
    assert shown(page) == expected
    assert (page.turn, page.image) == (0, 4)
    assert violations() == []


def test_a_page_that_nobody_has_worked_on_has_its_lines_found_again_on_the_turned_image(
    tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    surveyor(lines=[(20, 20, 200, 60)])
    receive_sideways(tmp_path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    surveyor(lines=LINES, turn=2)  # never against a person
    turn_page(page=page, quarters=1, lane=0)
    work_until_nothing_is_due()
    assert [place.polygon[0] for place in places(page)] == [[50, 50], [50, 180]]
    assert page.turn == 1
    turned = Layout.objects.get(page=page, change="turned")
    assert turned.places.get().polygon[0] == [900 - 1 - 20, 20], "what was there before went along"
    assert violations() == []


@pytest.mark.parametrize("reason", ["text", "approved", "person"])
def test_the_machine_turns_no_page_that_a_person_has_had_in_hand(
    media_root: Path, scribe: Install, surveyor: Install, reason: str
) -> None:
    surveyor(lines=LINES, turn=1)
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    if reason == "text":
        save_line(line=places(page)[0].line, text="typed", base_revision=1, author=create_user())
    Page.objects.filter(pk=page.pk).update(
        approved_at=timezone.now() if reason == "approved" else None,
        turned_by=Turner.PERSON if reason == "person" else Turner.NOBODY,
    )
    rerun(page.collection, find_lines=True)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert (page.turn, page.image) == (0, 0)
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW, PageState.REVIEWED}


def test_a_worker_lost_while_it_turns_a_page_is_followed_by_another(
    tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    surveyor(lines=LINES, turn=1)
    receive_sideways(tmp_path)
    for step in (Step.UNPACK, Step.PREPARE):
        perform(*claim_step(step))
    work, token = claim_step(Step.SEGMENT)
    perform(work, token)
    with pytest.raises(LostLease):
        perform(work, token)  # twice
    page = Page.objects.get()
    assert (page.turn, page.image) == (1, 1)
    lost, old_token = claim_step(Step.PREPARE)
    Work.objects.filter(pk=lost.pk).update(state=WorkState.QUEUED, token=None, lease_until=None)
    assert violations() == []
    again, token = claim_step(Step.PREPARE)
    perform(again, token)
    with pytest.raises(LostLease):
        perform(lost, old_token)  # the one that was believed dead comes back
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert (page.turn, page.image, page.width) == (1, 1, 900)
    assert len(places(page)) == 2
    assert violations() == []


def test_a_page_turned_while_its_image_is_made_gets_the_last_word(
    tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    surveyor(lines=LINES)
    receive_sideways(tmp_path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    turn_page(page=page, quarters=1, lane=0)
    slow, token = claim_step(Step.PREPARE)
    turn_page(page=page, quarters=-1, lane=0)
    with pytest.raises(LostLease):
        perform(slow, token)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert (page.turn, page.image, page.width, page.height) == (0, 2, 560, 900)
    assert violations() == []


def test_a_collection_that_is_resumed_makes_the_last_image_only(
    tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    surveyor(lines=LINES)
    receive_sideways(tmp_path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    turn_page(page=page, quarters=1, lane=0)
    cancel(page.collection)
    turn_page(page=page, quarters=1, lane=0)
    assert violations() == []
    resume(page.collection)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert (page.turn, page.image, page.runs.count()) == (2, 2, 2)
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert violations() == []


@pytest.mark.parametrize("drawn", [False, True])
def test_lines_that_people_drew_are_kept_though_they_came_from_another_page(
    tmp_path: Path, scribe: Install, surveyor: Install, drawn: bool
) -> None:
    surveyor(lines=LINES)
    receive_sideways(tmp_path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    surveyor(lines=[(20, 20, 200, 60)])
    parent = create_layout(page=page)
    if drawn:
        Layout.objects.filter(pk=parent.pk).update(author=create_user(), page=create_page())
    Layout.objects.filter(pk=create_layout(page=page).pk).update(parent=parent, change="split", author=create_user())
    turn_page(page=page, quarters=2, lane=0)
    work_until_nothing_is_due()
    assert len(places(page)) == (2 if drawn else 1)


def test_what_failed_before_a_page_was_turned_is_moot(media_root: Path, scribe: Install) -> None:
    scribe(error="permanent")
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    assert Failure.objects.open().exists()
    turn_page(page=page, quarters=2, lane=0)
    assert not Failure.objects.open().exists()
    assert violations() == []


def test_a_spread_on_its_head_parts_as_far_from_its_other_side() -> None:
    page = create_page(gutter=0.4)
    create_layout(page=page)
    assert turn_page(page=page, quarters=2, lane=0).gutter == pytest.approx(0.6)
    assert turn_page(page=page, quarters=1, lane=0).gutter is None
    image = turn_page(page=page, quarters=4, lane=0).image
    assert image == 2, "a full turn is none"


def test_a_deleted_collection_leaves_no_image_of_a_turned_page(
    tmp_path: Path, scribe: Install, surveyor: Install, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    surveyor(lines=LINES, turn=1)
    receive_sideways(tmp_path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    assert page.lines.filter(current__source=Source.VOTE).exists()
    folder = Path(default_storage.path(page.pyramid)).parent
    assert list(folder.iterdir())
    purge_collection(page.collection)
    assert not list(folder.iterdir())
