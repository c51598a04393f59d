"""One page: its text with doubt, where it comes from, its image in tiles, its original as a mere download."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from tests.factories import (
    create_layout,
    create_original,
    create_page,
    create_revision,
    create_run,
    create_vote,
    word,
)
from transcription.formats.decode import extract
from transcription.htr.records import ReadingRecord
from transcription.models import Collection, Page, PageState, Reading, Role, Source
from transcription.views.page_text import line_texts


@pytest.fixture
def page(collection: Collection) -> Page:
    """A page of three lines that a vote has read."""
    page = create_page(collection=collection, state=PageState.IN_REVIEW)
    layout = create_layout(page=page, lines=3)
    run = create_run(page=page)
    for place in layout.places.select_related("line"):
        create_vote(run=run, line=place.line, words=[word("the", 0.95), word("Recter", 0.6), word("maried", 0.2)])
    return page


def test_words_are_marked_by_how_doubtful_they_are(page: Page) -> None:
    first = line_texts(page)[0]
    assert [(each.text, each.mark) for each in first.words] == [
        ("the", ""),
        ("Recter", "word-doubt"),
        ("maried", "word-low"),
    ]
    assert (first.number, first.doubtful, first.by_person) == (1, 2, False)


def test_an_approved_page_shows_no_doubt(page: Page) -> None:
    page.state = PageState.REVIEWED
    page.save(update_fields=["state"])
    line = line_texts(page)[0]
    assert [each.mark for each in line.words] == ["", "", ""]
    assert line.doubtful == 0


def test_a_persons_text_has_no_doubt(page: Page) -> None:
    line = line_texts(page)[1]
    assert line.revision is not None
    create_revision(line=line.revision.line, text="the Rector married")
    changed = line_texts(page)[1]
    assert (changed.text, changed.words, changed.by_person) == ("the Rector married", [], True)


def test_a_vote_of_a_later_stage_stands_for_the_line(page: Page) -> None:
    assert page.run is not None
    line = page.lines.order_by("pk")[0]
    create_vote(run=page.run, line=line, words=[word("married", 0.9)], stage=1)
    assert [each.text for each in line_texts(page)[0].words] == ["married"]


def test_an_old_vote_gives_no_words_to_a_newer_text(page: Page) -> None:
    line = page.lines.order_by("pk")[0]
    create_revision(line=line, text="something else", source=Source.BULK)
    assert line_texts(page)[0].words == []


def test_the_number_of_queries_does_not_grow_with_the_lines(page: Page, collection: Collection) -> None:
    def queries(of: Page) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            line_texts(Page.objects.select_related("layout").get(pk=of.pk))
        return len(captured)

    long_page = create_page(collection=collection)
    create_layout(page=long_page, lines=40)
    create_run(page=long_page)
    assert queries(long_page) == queries(page)


def test_the_screen_says_where_each_line_comes_from(page: Page, member: Callable[[Role], Client]) -> None:
    run = page.run
    assert run is not None
    stage_pass = run.profile_version.stage_passes.select_related("pass_version")[0]
    line = page.lines.order_by("pk")[0]
    record = ReadingRecord(key=line.pk, text="tbe", chars=(0.5, 0.4, 0.9), spans=((0, 0.3), (0.3, 0.6), (0.6, 1)))
    Reading.from_record(record, run_id=run.pk, pass_version_id=stage_pass.pass_version_id).save()
    answer = member(Role.STAFF).get(reverse("transcription:page", args=[page.pk]))
    screen = answer.content.decode()
    assert "tbe" in screen
    assert "score 0.60" in screen
    assert page.original.sha256 in screen
    assert answer.context["viewer"]["lines"][0]["id"] == line.pk


def test_staff_see_no_link_to_the_editor_but_reviewers_do(page: Page, member: Callable[[Role], Client]) -> None:
    url, editor = reverse("transcription:page", args=[page.pk]), reverse("review:editor", args=[page.pk])
    assert editor not in member(Role.STAFF).get(url).content.decode()
    assert editor in member(Role.REVIEWER).get(url).content.decode()


def test_text_is_never_taken_for_markup(page: Page, member: Callable[[Role], Client]) -> None:
    line = page.lines.order_by("pk")[0]
    create_revision(line=line, text="<script>alert(1)</script>")
    screen = member(Role.STAFF).get(reverse("transcription:page", args=[page.pk])).content.decode()
    assert "<script>alert" not in screen
    assert "&lt;script&gt;alert" in screen


@pytest.fixture
def pictured(collection: Collection, media_root: Path, tmp_path: Path) -> Page:
    """A page with a real pyramid of 900 x 600 px."""
    scan = tmp_path / "scan.png"
    Image.linear_gradient("L").resize((900, 600)).save(scan)
    target = media_root / "pages" / "1.tif"
    target.parent.mkdir(parents=True)
    extract(scan, "scan.png", 0, target, media_root / "pages" / "1.jpg")
    return create_page(collection=collection, width=900, height=600, pyramid="pages/1.tif", thumbnail="pages/1.jpg")


def tile(client: Client, page: Page, level: int, column: int, row: int) -> Any:
    return client.get(reverse("transcription:page_tile", args=[page.pk, level, column, row]))


def test_tiles_are_jpegs_that_browsers_keep(pictured: Page, member: Callable[[Role], Client]) -> None:
    answer = tile(member(Role.STAFF), pictured, 10, 0, 0)
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (255, 255)
    assert "immutable" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]


@pytest.mark.parametrize(("level", "column", "row"), [(10, 4, 0), (10, 0, 3), (11, 0, 0), (99, 0, 0)])
def test_a_tile_beyond_the_page_is_not_found(
    pictured: Page, member: Callable[[Role], Client], level: int, column: int, row: int
) -> None:
    assert tile(member(Role.STAFF), pictured, level, column, row).status_code == 404


def test_an_original_goes_out_as_a_download_that_can_do_nothing(
    collection: Collection, member: Callable[[Role], Client]
) -> None:
    page = create_page(collection=collection)
    original = create_original(document=page.document, name='evil"\r\nX: 1.html')
    default_storage.save(original.file, ContentFile(b"<script>alert(1)</script>"))
    answer = member(Role.STAFF).get(reverse("transcription:original_download", args=[original.pk]))
    assert answer.getvalue() == b"<script>alert(1)</script>"
    assert answer["Content-Disposition"].startswith("attachment")
    assert "\n" not in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert answer["Content-Type"] == "application/octet-stream"
