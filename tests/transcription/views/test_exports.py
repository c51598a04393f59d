"""Exports: asked for, followed, taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from tests.factories import create_failure, create_page, create_work
from transcription.models import Collection, Export, PageState, Role, Step, Work, WorkState
from transcription.steps.export import request_export


def test_asking_for_an_export_queues_its_work(collection: Collection, member: Callable[[Role], Client]) -> None:
    page = create_page(collection=collection, state=PageState.REVIEWED)
    url = reverse("transcription:exports", args=[collection.pk])
    wish = {"format": "tei", "scope": "reviewed", "document": page.document_id, "spelling": "normalised"}
    answer = member(Role.STAFF).post(url, wish | {"names": "{identifier}/{page:03}"})
    assert answer.status_code == 302
    export = Export.objects.get(collection=collection)
    assert (export.format, export.scope, export.state) == ("tei", "reviewed", Export.State.QUEUED)
    assert (export.document, export.normalised, export.names) == (page.document, True, "{identifier}/{page:03}")
    assert Work.objects.filter(export=export, step=Step.EXPORT).count() == 1


def test_what_cannot_be_exported_is_refused_beside_its_field(
    collection: Collection, member: Callable[[Role], Client]
) -> None:
    url, client = reverse("transcription:exports", args=[collection.pk]), member(Role.STAFF)
    other = create_page(state=PageState.REVIEWED)
    wrong = {"scope": {}, "names": {"names": "{title}"}, "document": {"document": other.document_id}}
    wrong["base"] = {"format": "iiif", "base": "nowhere"}
    for field, wish in wrong.items():
        answer = client.post(url, {"format": "txt", "scope": "all"} | wish)
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert not Export.objects.exists()


def test_an_unknown_format_is_refused(collection: Collection, member: Callable[[Role], Client]) -> None:
    url = reverse("transcription:exports", args=[collection.pk])
    assert member(Role.STAFF).post(url, {"format": "odt", "scope": "all"}).status_code == 422
    assert not Export.objects.exists()


def test_the_form_says_how_many_pages_each_scope_has(collection: Collection, member: Callable[[Role], Client]) -> None:
    for state in (PageState.REVIEWED, PageState.ACCEPTED, PageState.IN_REVIEW, PageState.PREPARED):
        create_page(collection=collection, state=state)
    answer = member(Role.STAFF).get(reverse("transcription:exports", args=[collection.pk]))
    assert {scope.value: count for scope, _label, count in answer.context["scopes"]} == {
        "reviewed": 1,
        "accepted": 2,
        "all": 3,
    }


def test_a_finished_export_is_a_download_named_after_the_collection(
    collection: Collection, member: Callable[[Role], Client]
) -> None:
    Collection.objects.filter(pk=collection.pk).update(identifier="P 12/3")
    default_storage.save("exports/x.zip", ContentFile(b"PK"))
    export = Export.objects.create(
        collection=collection, format="page_xml", state=Export.State.DONE, file="exports/x.zip"
    )
    answer = member(Role.STAFF).get(reverse("transcription:export_download", args=[export.pk]))
    assert answer.getvalue() == b"PK"
    assert 'attachment; filename="p-123-page-xml-' in answer["Content-Disposition"]


@pytest.mark.parametrize("state", [Export.State.QUEUED, Export.State.FAILED])
def test_an_unfinished_export_has_no_file(
    collection: Collection, member: Callable[[Role], Client], state: Export.State
) -> None:
    export = Export.objects.create(collection=collection, format="txt", state=state)
    assert member(Role.STAFF).get(reverse("transcription:export_download", args=[export.pk])).status_code == 404


def test_a_failed_export_says_why_and_offers_a_retry(collection: Collection, member: Callable[[Role], Client]) -> None:
    export = Export.objects.create(collection=collection, format="txt", state=Export.State.FAILED)
    work = create_work(collection=collection, step=Step.EXPORT, export=export, state=WorkState.FAILED)
    failure = create_failure(collection=collection, work=work, message="The disk is full; free some space.")
    screen = member(Role.STAFF).get(reverse("transcription:export_list", args=[collection.pk])).content.decode()
    assert "The disk is full" in screen
    assert reverse("transcription:failure_retry", args=[failure.pk]) in screen


def test_an_export_is_cancelled_by_who_may_ask_for_it(collection: Collection, member: Callable[[Role], Client]) -> None:
    create_page(collection=collection, state=PageState.REVIEWED)
    export = request_export(collection=collection, format="txt")
    url = reverse("transcription:export_cancel", args=[export.pk])
    client = member(Role.STAFF)
    assert client.get(url).status_code == 405
    assert client.post(url).status_code == 302
    export.refresh_from_db()
    assert export.state == Export.State.CANCELLED
    screen = client.get(reverse("transcription:export_list", args=[collection.pk]))
    assert screen.status_code == 286  # nothing moves: the browser asks no more
    assert url not in screen.content.decode()


def test_older_exports_are_a_page_further(collection: Collection, member: Callable[[Role], Client]) -> None:
    made = [
        Export.objects.create(collection=collection, format="txt", state=Export.State.EXPIRED, pages=number)
        for number in range(25)
    ]
    client, url = member(Role.STAFF), reverse("transcription:exports", args=[collection.pk])
    first = client.get(url)
    assert [row[0] for row in first.context["exports"]] == made[:4:-1]
    assert "expired" in first.content.decode()
    older = client.get(url, {"after": first.context["slice"].after})
    assert [row[0] for row in older.context["exports"]] == made[4::-1]
