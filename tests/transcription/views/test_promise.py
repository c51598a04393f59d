"""What a collection promises, as its administrator asks for it and as everybody reads it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import create_collection, create_membership, create_profile_version
from tests.steps.audited import TEXT, decided_page, settle
from transcription.htr import risk
from transcription.models import Audit, Collection, Promise, Role, Step, Work
from transcription.steps import weigh_audits
from transcription.steps.weigh_audits import bring_up_to_date
from transcription.views.promise import note_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection() -> Collection:
    return create_collection(promised_error=0.08, audit_rate=1.0)


def standing(collection: Collection, **fields: object) -> Promise:
    made = datetime(2026, 11, 25, 12, tzinfo=UTC)
    values: dict[str, object] = {"state": "standing", "threshold": 0.8, "made_at": made, "pages": 64, "lines": 192}
    version = create_profile_version()
    return Promise.objects.create(collection=collection, profile_version=version, error=0.08, **values | fields)  # type: ignore[misc]


def said(collection: Collection) -> str:
    note = note_of(collection)
    return " ".join([note.sentence, *note.more]).replace("\N{NO-BREAK SPACE}", " ")


def test_a_promise_that_stands_is_said_with_its_sample(collection: Collection) -> None:
    standing(collection)
    assert said(collection).startswith(
        "The text accepted unseen has a CER of at most 8 %, with 95 % confidence: "
        "64 pages and 192 lines audited by 2026-11-25."
    )


def test_a_promise_that_expired_says_why(collection: Collection) -> None:
    standing(collection, state="expired", reason="material", expired_at=datetime(2026, 11, 26, tzinfo=UTC))
    assert "expired on 2026-11-26: the pages that came since look unlike those that were audited." in said(collection)


def test_how_many_audits_are_missing_is_said(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(risk, "LEAST_PAGES", 5)
    monkeypatch.setattr(weigh_audits, "LEAST_DECIDED", 8)
    version = create_profile_version()
    assert "A promise needs 30 pages" in said(collection)
    for _ in range(12):
        decided_page(collection, version, lines=1)
    bring_up_to_date(collection)
    assert "takes 63 audited pages or more of the surer half, even without an error; 0 are settled" in said(collection)
    for audit in Audit.objects.order_by("pk"):
        settle(audit, truth=TEXT)
    assert "have a CER of 0 %. If it goes on like that, about" in said(collection)
    Promise.objects.update(error=0.0005)
    Audit.objects.all().delete()
    assert "No promise yet" in said(collection)


def test_a_rate_that_no_number_of_audits_reaches_is_refused(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(risk, "LEAST_PAGES", 5)
    monkeypatch.setattr(weigh_audits, "LEAST_DECIDED", 8)
    version = create_profile_version()
    for _ in range(10):
        decided_page(collection, version, lines=1)
    bring_up_to_date(collection)
    for audit in Audit.objects.order_by("pk"):
        settle(audit, truth="wholly another line")
    assert "no number of audits makes that a promise of 8 %" in said(collection)


def test_asking_for_a_promise_has_audits_drawn(client: Client) -> None:
    collection = create_collection()
    client.force_login(create_membership(collection=collection, role=Role.ADMIN).user)
    url = reverse("transcription:promise", args=[collection.pk])
    answer = client.post(url, {"promised": "7.5", "audited": "20"})
    assert answer.status_code == 302
    collection.refresh_from_db()
    assert (collection.promised_error, collection.audit_rate) == (0.075, 0.2)
    assert Work.objects.filter(step=Step.PROMISE, collection=collection).count() == 1
    client.post(url, {"promised": "", "audited": "20"})
    collection.refresh_from_db()
    assert collection.promised_error is None
    assert Work.objects.filter(step=Step.PROMISE, collection=collection).count() == 2


@pytest.mark.parametrize(("promised", "audited"), [("0", "5"), ("60", "5"), ("8", "101"), ("8", ""), ("x", "5")])
def test_what_cannot_be_promised_is_refused_with_a_sentence(client: Client, promised: str, audited: str) -> None:
    collection = create_collection()
    client.force_login(create_membership(collection=collection, role=Role.ADMIN).user)
    answer = client.post(
        reverse("transcription:promise", args=[collection.pk]), {"promised": promised, "audited": audited}
    )
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    assert not Work.objects.exists()


def test_the_collection_says_what_it_promises_to_everybody_in_it(client: Client, collection: Collection) -> None:
    standing(collection)
    client.force_login(create_membership(collection=collection, role=Role.STAFF).user)
    html = client.get(reverse("transcription:collection", args=[collection.pk])).content.decode()
    assert "The text accepted unseen has a CER of at most" in html
