"""A page that was taken down is behind no door: every route that could show it is asked, by those who may the most."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from PIL import Image

from tests.factories import create_original, create_page, create_upload, create_work
from tests.permissions.routes import routes
from tests.permissions.test_permissions import ask, body
from tests.permissions.world import SECRET, World, build_world
from transcription.errors import BadInput
from transcription.models import (
    Collection,
    Deed,
    Document,
    Export,
    Line,
    Original,
    Page,
    Reading,
    Run,
    SearchLine,
    Takedown,
    Verb,
    Work,
    WorkState,
)
from transcription.steps import take_down
from transcription.steps.search_index import write_page
from transcription.steps.store import receive_file

# About the taking down itself.
TOMBSTONES = {"transcription:takedowns", "transcription:page", "transcription:take_page_down", "accounts:log"}
# Words that people typed, of no page: a vocabulary, and what was looked for to be replaced.
TYPED = {
    "transcription:vocabulary",
    "transcription:vocabulary_list",
    "transcription:vocabulary_download",
    "transcription:vocabulary_upload",
    "transcription:term_add",
    "review:replacement",
    "review:replacement-live",
    "review:replacement-lines",
    "review:replacements",
    "accounts:log_csv",
}


@pytest.fixture
def world(db: None) -> World:
    """The world with a collection whose title is no secret: what is looked for is of the page alone."""
    world = build_world()
    write_page(world.page.pk)
    Collection.objects.filter(pk=world.collection.pk).update(title="Minutes")
    return world


def shown(world: World, person: str) -> set[str]:
    """The names of the routes whose answer to a GET holds something of the page."""
    found = set()
    for name, route in routes().items():
        answer = ask(world, person, "GET", route)
        if answer.status_code < 400 and SECRET in body(answer):
            found.add(name)
    return found


@pytest.mark.parametrize("whole", [False, True], ids=["page", "document"])
def test_nothing_shows_what_was_taken_down_and_all_shows_what_was_restored(world: World, whole: bool) -> None:
    admin = world.clients["admin"]
    if not whole:  # then its document stays, under its title
        Document.objects.update(title="Box 7")
    before = shown(world, "admin")
    assert {"transcription:collection_grid", "review:editor", "transcription:transcripts"} <= before
    url = f"/pages/{world.page.pk}/take-down/"
    assert admin.post(url, {"reason": "A living person.", **({"whole": "on"} if whole else {})}).status_code == 302
    left = shown(world, "superuser") - TOMBSTONES - TYPED - {"accounts:users", "accounts:user", "accounts:invitations"}
    assert left == set()
    stone = Takedown.objects.exclude(pages=0).get()
    tombstone = admin.get(f"/pages/{world.page.pk}/")
    assert tombstone.status_code == 410
    assert "A living person." in tombstone.content.decode()
    assert world.clients["stranger"].get(f"/pages/{world.page.pk}/").status_code == 404
    assert not SearchLine.objects.filter(page=world.page).exists()
    for door in ("tiles/0/0_0.jpg", "thumbnail.jpg", "enhanced.jpg"):
        assert admin.get(f"/pages/{world.page.pk}/{door}").status_code == 404
    assert admin.get(f"/originals/{world.page.original_id}/download/").status_code == 404
    assert admin.get(f"/exports/{world.nouns['exports']}/download/").status_code == 404
    assert admin.get("/search/", {"q": SECRET}).content.decode().count("thumbnail") == 0
    assert Page.everything.filter(collection=world.collection).count() == 1
    assert admin.post(f"/takedowns/{stone.pk}/restore/").status_code == 302
    admin.get(f"/collections/{world.collection.pk}/takedowns/")  # what it says of it, it says once
    of_the_log = {"accounts:log", "accounts:log_csv", "transcription:takedowns"}
    assert shown(world, "admin") - of_the_log == before - of_the_log
    assert SearchLine.objects.filter(page=world.page).exists()
    assert admin.get(f"/exports/{world.nouns['exports']}/download/").status_code == 200


def test_work_is_dropped_and_goes_on_when_the_page_comes_back(world: World) -> None:
    work = create_work(collection=world.collection, page=world.page, run=world.page.run, state=WorkState.QUEUED)
    by = world.clients["admin"]
    by.post(f"/pages/{world.page.pk}/take-down/", {"reason": "Asked for by the family."})
    work.refresh_from_db()
    assert work.state == WorkState.CANCELLED
    by.post(f"/takedowns/{Takedown.objects.exclude(pages=0).get().pk}/restore/")
    work.refresh_from_db()
    assert work.state == WorkState.QUEUED


def test_the_sweeper_removes_bytes_and_texts_when_the_grace_is_over_and_the_stone_stays(
    world: World, media_root: object
) -> None:
    admin = world.clients["admin"]
    admin.post(f"/pages/{world.page.pk}/take-down/", {"reason": "Asked for.", "whole": "on"})
    assert take_down.purge_overdue() == 0
    Takedown.objects.exclude(pages=0).update(restorable_until=timezone.now() - timedelta(seconds=1))
    assert take_down.purge_overdue() == 1
    assert not any(path.is_file() for path in Path(str(media_root)).rglob("*") if "secret" in path.name)
    assert not (Path(str(media_root)) / world.page.original.file).exists()
    assert not Line.objects.filter(page=world.page).exists()
    assert not Run.objects.filter(page=world.page).exists()
    assert not Reading.objects.exists()
    assert not Export.objects.exists()
    assert not Work.objects.filter(page=world.page).exists()
    assert Page.everything.taken_down().count() == 1
    assert Original.objects.count() == 1
    stone = Takedown.objects.exclude(pages=0).get()
    assert stone.purged_at is not None
    with pytest.raises(take_down.NoLongerRestorable):
        take_down.restore(stone, by=stone.author)  # type: ignore[arg-type]
    assert set(Deed.objects.values_list("verb", flat=True)) >= {Verb.TAKEN_DOWN, Verb.PURGED}
    assert "removed for good" in admin.get(f"/collections/{world.collection.pk}/takedowns/").content.decode()


def test_bytes_that_were_taken_down_do_not_come_back_by_an_upload(world: World) -> None:
    document, data = world.page.document, io.BytesIO()
    Image.new("L", (300, 200), 230).save(data, "PNG")
    Original.objects.update(sha256=hashlib.sha256(data.getvalue()).hexdigest())
    take_down.take_down_document(document, reason="Asked for.", by=User.objects.filter(is_superuser=True)[0])
    data.seek(0)
    with pytest.raises(BadInput, match="taken down"):
        receive_file(
            collection=world.collection, upload=create_upload(collection=world.collection), name="a.png", stream=data
        )
    # Its title is free for another document.
    assert Document.objects.get_or_create(collection=world.collection, title=document.title)[1]


def test_the_archive_it_came_in_and_the_scan_it_replaced_are_nobody_s_either_and_go_with_it(world: World) -> None:
    original = world.page.original
    archive, older = (create_original(document=world.page.document, frames=0) for _ in range(2))
    other = create_original(document=world.page.document)
    create_page(document=other.document, original=other)
    Original.objects.filter(pk=other.pk).update(container=archive, member="b.jpg")
    Original.objects.filter(pk=original.pk).update(container=archive, member="a.jpg", replaces=older)
    stone = take_down.take_down_page(world.page, reason="Asked for.", by=User.objects.filter(is_superuser=True)[0])
    assert set(Original.objects.shown()) == {other}
    assert set(Original.objects.kept()) == {original, archive, older, other}
    files = take_down.purge(stone) and set(Original.objects.kept())
    assert files == {other}
