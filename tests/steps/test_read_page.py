from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import DatabaseError, IntegrityError
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_user
from tests.steps.journey import TEXTS, current_run, prepared_page, work_until_nothing_is_due
from transcription.htr.records import Hints, ItemError, PageImage, PageText, Usage
from transcription.models import Failure, Page, PageReading, PageState, PassVersion, Reading, StagePass, Vote
from transcription.steps import flow
from transcription.steps.profiles import registry
from transcription.views.page_readings import unplaced_readings

pytestmark = pytest.mark.django_db
ANSWER = ["Here is the page:", TEXTS[0], f"{TEXTS[1]}", TEXTS[2]]


class Clerk:
    """Answers every page with ``lines``; fails with ``error``."""

    def __init__(self, *, lines: Iterable[str] = (), error: str = "") -> None:
        self._lines, self._error = tuple(lines), error

    def read_pages(self, pages: Iterable[PageImage], hints: Hints) -> Iterator[PageText | ItemError]:
        for page in pages:
            if self._error:
                yield ItemError(page.key, self._error, "it could not be read.")
                continue
            chars = tuple((0.8,) * len(line) for line in self._lines)
            yield PageText(page.key, self._lines, chars, raw="\n".join(self._lines), usage=Usage(50, 20))


@pytest.fixture
def clerk(settings: Settings) -> Iterator[Callable[..., None]]:
    def install(**options: object) -> None:
        settings.ENGINES = settings.ENGINES | {
            "clerk": {
                "CLASS": "tests.steps.test_read_page.Clerk",
                "VERSION": "1",
                "READS": ["pages"],
                "RUNTIME": options,
            }
        }
        registry.cache_clear()

    yield install
    registry.cache_clear()


def page_with_clerk(media_root: Path) -> Page:
    """A page whose run has a pass by the clerk beside the bundled ones."""
    page = prepared_page(media_root, collection=create_collection())
    run = current_run(page)
    version = PassVersion.objects.create(
        digest="c" * 64, name="plain+clerk", recipe="plain", engine="clerk", engine_digest=registry().digest("clerk")
    )
    StagePass.objects.create(profile_version=run.profile_version, pass_version=version, position=9)
    with transaction.atomic():
        flow.start_run(page=page, profile_version=run.profile_version, layout=page.layout, lane=1)
    return page


def test_a_page_reading_is_kept_and_its_lines_are_put_where_they_stand(
    media_root: Path, clerk: Callable[..., None], client: Client
) -> None:
    clerk(lines=ANSWER)
    page = page_with_clerk(media_root)
    work_until_nothing_is_due()
    run = current_run(page)
    kept = PageReading.objects.get(run=run)
    assert kept.lines == ANSWER
    assert (kept.tokens_in, kept.tokens_out) == (50, 20)
    readings = Reading.objects.filter(run=run, pass_version__engine="clerk").order_by("line__places__position")
    assert [each.text for each in readings] == list(TEXTS)
    assert [each["row"] for each in kept.unplaced] == [0]
    assert all(0 <= each["cost"] < 1 for each in kept.placed)
    [shown] = unplaced_readings(page)
    assert [piece.text for piece in shown.pieces] == [ANSWER[0]]
    client.force_login(create_user(superuser=True))
    for name in ("transcription:page", "review:unplaced"):
        content = client.get(reverse(name, args=[page.pk])).content.decode()
        assert "1 line that plain+clerk read on this page found no place" in content
    assert Vote.objects.filter(run=run).count() == 3
    with pytest.raises((DatabaseError, InternalError, IntegrityError)), transaction.atomic():
        PageReading.objects.update(raw="x")
    assert connection.is_usable()


def test_a_page_that_cannot_be_read_is_a_failure_and_the_other_passes_vote(
    media_root: Path, clerk: Callable[..., None]
) -> None:
    clerk(error="engine-timeout")
    page = page_with_clerk(media_root)
    work_until_nothing_is_due()
    assert Failure.objects.get().code == "engine-timeout"
    page.refresh_from_db()
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
