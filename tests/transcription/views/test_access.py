"""What a list, the health check and htmx are answered; who gets in where is tests/permissions/routes.txt."""

from __future__ import annotations

import uuid

from django.test import Client
from django.urls import reverse

from tests.factories import create_user
from transcription.models import Collection


def test_the_list_shows_only_ones_own_collections(collection: Collection, stranger: Client) -> None:
    answer = stranger.get(reverse("transcription:collections"))
    assert answer.status_code == 200
    assert collection.title not in answer.content.decode()


def test_the_sample_is_not_for_everybody_to_reset(stranger: Client, collection: Collection) -> None:
    assert stranger.post(reverse("transcription:sample_reset")).status_code == 404
    assert stranger.post(reverse("transcription:sample_empty")).status_code == 404


def test_the_status_page_is_for_superusers(stranger: Client, client: Client) -> None:
    assert stranger.get(reverse("transcription:status")).status_code == 404
    client.force_login(create_user(superuser=True))
    answer = client.get(reverse("transcription:status"))
    assert answer.status_code == 200
    assert "PostgreSQL" in answer.content.decode()


def test_health_needs_no_login_and_says_that_the_database_answers(client: Client, db: None) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok"}


def test_htmx_is_told_to_load_the_login_page_whole(client: Client, collection: Collection) -> None:
    url = reverse("transcription:collection_live", args=[collection.pk])
    answer = client.get(url, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == reverse("login")


def test_an_upload_of_somebody_else_cannot_be_added_to(stranger: Client, collection: Collection) -> None:
    assert stranger.post(reverse("transcription:upload_files", args=[uuid.uuid4()])).status_code == 404
