"""What a person sees of the programs that act for them: tokens, webhooks; and the table of documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.factories import create_collection, create_document, create_membership, create_user
from tests.transcription.views.conftest import client_of
from transcription.models import Collection, Delivery, DeliveryState, Document, Role, Token, Webhook
from transcription.steps.tokens import token_in_use
from transcription.steps.webhooks import secret_of

pytestmark = pytest.mark.django_db
TOKENS = "/tokens/"


def make(client: Client, **changes: object) -> str:
    """The page that answers the form."""
    said = {"name": "Importer", "scopes": ["read", "submit"], "reach": "everywhere", "lasts": "90"}
    return client.post(TOKENS, said | changes).content.decode()


def test_a_token_is_shown_once_and_opens_what_it_says() -> None:
    client = client_of(create_user(username="ada"))
    page = make(client)
    secret = page.partition('data-copy="')[2].partition('"')[0]
    token = token_in_use(secret)
    assert token is not None
    assert (token.user.get_username(), token.scopes, token.everywhere) == ("ada", ["read", "submit"], True)
    assert token.expires_at is not None
    shown = client.get(TOKENS)
    assert secret not in shown.content.decode()
    assert token.prefix in shown.content.decode()
    assert shown["Cache-Control"] == "no-store"
    client.post(reverse("transcription:token_revoke", args=[token.pk]))
    assert token_in_use(secret) is None


def test_a_token_is_for_collections_that_its_user_sees_and_says_what_is_missing() -> None:
    user, mine, other = create_user(), create_collection(title="Mine"), create_collection(title="Of others")
    create_membership(collection=mine, user=user)
    client = client_of(user)
    assert "Of others" not in client.get(TOKENS).content.decode()
    assert client.post(TOKENS, {"name": "", "reach": "chosen"}).status_code == 422
    make(client, reach="chosen", collections=[other.pk])
    make(client, reach="chosen", collections=[])
    assert not Token.objects.exists()
    assert 'data-copy="lh_' in make(client, reach="chosen", collections=[mine.pk], lasts="")
    assert [each.pk for each in Token.objects.get().visible_collections()] == [mine.pk]
    assert Token.objects.get().expires_at is None


def test_tokens_and_webhooks_are_nobody_elses() -> None:
    owner, stranger = client_of(create_user()), client_of(create_user(superuser=True))
    make(owner)
    owner.post("/webhooks/", {"url": "https://example.org/hook"})
    webhook, token = Webhook.objects.get(), Token.objects.get()
    delivery = Delivery.objects.create(webhook=webhook, event="job.completed", body="{}", state=DeliveryState.FAILED)
    posts = {"token_revoke": token.pk, "webhook_remove": webhook.pk, "delivery_resend": delivery.pk}
    for name, pk in posts.items():
        address = reverse(f"transcription:{name}", args=[pk])
        assert stranger.post(address).status_code == 404
        assert Client().post(address).status_code == 302
    assert stranger.get(reverse("transcription:webhook", args=[webhook.pk])).status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_a_webhooks_secret_is_shown_once_its_deliveries_are_seen_and_sent_again() -> None:
    client = client_of(create_user())
    page = client.post("/webhooks/", {"url": "https://example.org/hook"}).content.decode()
    webhook = Webhook.objects.get()
    assert secret_of(webhook) in page
    assert secret_of(webhook) not in client.get("/webhooks/").content.decode()
    assert client.post("/webhooks/", {"url": "http://10.0.0.1/"}).status_code == 422
    delivery = Delivery.objects.create(
        webhook=webhook,
        event="job.failed",
        body="{}",
        state=DeliveryState.FAILED,
        attempts=9,
        problem="It says 500.",
    )
    address = reverse("transcription:webhook", args=[webhook.pk])
    assert "It says 500." in client.get(address).content.decode()
    client.post(reverse("transcription:delivery_resend", args=[delivery.pk]))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.WAITING, 0)
    client.post(reverse("transcription:webhook_remove", args=[webhook.pk]))
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.FAILED
    assert client.get(address).status_code == 200, "what it was told stays to be seen"


def test_a_table_of_documents_is_looked_at_first_and_then_taken(
    collection: Collection, member: Callable[[Role], Client]
) -> None:
    create_document(collection=collection, title="Box 1")
    client = member(Role.STAFF)
    address = reverse("transcription:documents", args=[collection.pk])

    def send(**more: str) -> str:
        file = SimpleUploadedFile("table.csv", b"document,dates\nBox 1,1702\nBox 9,1703\n")
        return client.post(address, {"file": file} | more).content.decode()

    assert "1 document would change" in send(dry_run="on")
    assert Document.objects.get().dates == ""
    page = send()
    assert "1 document changed" in page
    assert "Box 9" in page
    assert Document.objects.get().dates == "1702"
    assert client.post(address).status_code == 422
    table = b"".join(client.get(reverse("transcription:documents_download", args=[collection.pk])).streaming_content)
    assert b"Box 1,Box 1,,1702,," in table
