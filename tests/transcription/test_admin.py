"""The administration shows every model and lets nobody change what is append-only."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.factories import create_layout, create_page, create_revision, create_user
from transcription.models import Collection, Reading, TranscriptRevision, Vote

MODELS = sorted((model for model in admin.site._registry if model._meta.app_label == "transcription"), key=str)


@pytest.fixture
def superuser(db: None) -> Client:
    client = Client()
    client.force_login(create_user(superuser=True))
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.model_name)
def test_every_list_opens(superuser: Client, model: type) -> None:
    layout = create_layout(page=create_page())
    place = layout.places.select_related("line")[0]
    create_revision(line=place.line, text="a line")
    url = reverse(f"admin:transcription_{model._meta.model_name}_changelist")  # type: ignore[attr-defined]
    assert superuser.get(url).status_code == 200


@pytest.mark.parametrize("model", [Reading, Vote, TranscriptRevision])
def test_append_only_models_have_no_form(superuser: Client, model: type) -> None:
    url = reverse(f"admin:transcription_{model._meta.model_name}_add")  # type: ignore[attr-defined]
    assert superuser.get(url).status_code == 403


def test_collections_are_not_deleted_from_here(superuser: Client) -> None:
    collection = Collection.objects.create(title="Kept")
    assert superuser.get(reverse("admin:transcription_collection_delete", args=[collection.pk])).status_code == 403
