"""Workers that hold some engines (LONGHAND_ENGINES): each takes its own work; what nobody holds waits, and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.factories import create_collection
from tests.steps.journey import current_run, open_work, prepared_page
from transcription.models import Collection, Failure, Page, PageState, Queue, Step, Work, Worker
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.profiles import PassRecipe, registry, version_at_present
from transcription.steps.progress import collection_progress
from transcription.steps.workers import engines_held, held_engine_digests

pytestmark = pytest.mark.django_db
Hold = Callable[..., None]


@pytest.fixture
def hold(settings: Settings) -> Iterator[Hold]:
    """Two engines; call it to say which of them this process, as a worker, holds."""

    def these(*names: str) -> None:
        settings.HELD_ENGINES = names
        registry.cache_clear()

    settings.ENGINES = settings.ENGINES | {
        name: {
            "CLASS": "tests.steps.engines.Scribe",
            "VERSION": "1",
            "READS": ["lines"],
            "OPTIONS": {"text": f"as {name} reads"},
        }
        for name in ("quick", "strong")
    }
    these()
    yield these
    registry.cache_clear()


@pytest.fixture
def page(media_root: Path, hold: Hold) -> Page:
    """A page that both engines are to read."""
    version = version_at_present("both", [[PassRecipe("plain", "quick"), PassRecipe("plain", "strong")]])
    made = prepared_page(media_root, collection=create_collection(profile=version.profile))
    Work.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    return made


def engines_waiting_for(page: Page) -> set[str]:
    return set(open_work(page).values_list("pass_version__engine", flat=True))


def reason(collection: Collection) -> str:
    return collection_progress(collection).waiting_reason


def test_each_worker_takes_the_work_of_its_engines_and_the_page_goes_on_when_all_have_read(
    page: Page, hold: Hold
) -> None:
    hold("quick")
    assert drain(Queue.ENGINE) == 1
    assert engines_waiting_for(page) == {"strong"}
    assert current_run(page).readings.count() == 3
    assert page.state == PageState.SEGMENTED, "the other pass is not given up: it waits"
    assert registry().loaded() == ["quick"], "what it does not hold it does not load"
    hold("strong")
    assert drain(Queue.ENGINE) == 1
    assert {reading.text for reading in current_run(page).readings.all()} == {"as quick reads", "as strong reads"}
    assert page.state == PageState.READ
    assert not Failure.objects.exists()
    assert violations() == []


def test_what_no_worker_holds_waits_and_the_screen_says_so(page: Page, hold: Hold) -> None:
    hold("quick")
    drain(Queue.ENGINE)
    assert engines_held() == {"quick"}
    assert reason(page.collection) == "engine-not-held"
    assert drain(Queue.ENGINE) == 0
    hold("strong")
    Worker.objects.update(name="another machine's")
    drain(Queue.ENGINE)
    assert engines_held() == {"quick", "strong"}
    assert reason(page.collection) == ""


def test_an_engine_that_changed_is_told_from_one_that_nobody_holds(page: Page, hold: Hold, settings: Settings) -> None:
    settings.ENGINES = settings.ENGINES | {"strong": settings.ENGINES["strong"] | {"VERSION": "2"}}
    hold()
    drain(Queue.ENGINE)
    assert engines_waiting_for(page) == {"strong"}
    assert reason(page.collection) == "no-engine-version"


def test_lines_are_found_only_by_who_holds_the_segmenter(page: Page, hold: Hold, settings: Settings) -> None:
    settings.SEGMENTERS = ["classical"]
    run = current_run(page)
    run.profile_version = version_at_present("classical", [[PassRecipe("plain", "quick")]])
    run.save()
    Work.objects.all().delete()
    work = Work.objects.create(
        step=Step.SEGMENT, queue=Queue.ENGINE, collection=page.collection, page=page, run=run, input_hash="s"
    )
    Work.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    hold("quick", "strong")
    assert drain(Queue.ENGINE) == 0
    assert reason(page.collection) == "engine-not-held"
    hold("classical")
    Worker.objects.create(name="w", queue=Queue.ENGINE, engine_digests=held_engine_digests(), seen_at=timezone.now())
    assert reason(page.collection) == "", "work that finds lines has no pass; it waits for no version"
    assert drain(Queue.ENGINE) >= 1
    work.refresh_from_db()
    assert work.state == "done"


def test_a_name_that_no_engine_has_holds_nothing_and_harms_nothing(page: Page, hold: Hold) -> None:
    hold("quick", "quik")
    assert registry().held() == ["quick"]
    assert drain(Queue.ENGINE) == 1


def test_the_screen_says_it_in_a_sentence(page: Page, hold: Hold, admin_client: object) -> None:
    hold("quick")
    drain(Queue.ENGINE)
    response = admin_client.get(f"/collections/{page.collection_id}/")  # type: ignore[attr-defined]
    assert response.status_code == 200
    assert "Waiting for a worker that holds the engine of a pass" in response.content.decode()
