"""Tokens: what opens nothing, what reaches no further than its user, its scopes and its collections."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.api.client import ALL, BASE, Program, problem, program
from tests.factories import (
    create_collection,
    create_layout,
    create_membership,
    create_page,
    create_revision,
    create_run,
    create_user,
)
from transcription.api.site import api
from transcription.models import Document, Export, PageState, Role, Scope, Token
from transcription.steps.search_index import settle_marks
from transcription.steps.tokens import issue_token, revoke_token

pytestmark = pytest.mark.django_db


def test_a_token_is_stored_as_a_hash_and_nothing_in_the_database_opens_anything() -> None:
    issued = issue_token(user=create_user(), name="x", scopes=ALL)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM transcription_token t")
        (row,) = cursor.fetchone()
    assert issued.secret not in row
    assert issued.secret[11:] not in row
    assert issued.secret.startswith(issued.token.prefix)
    for stored in (issued.token.digest, issued.token.prefix, f"lh_{issued.token.digest}"):
        answer = Client().get(f"{BASE}/token", headers={"Authorization": f"Bearer {stored}"})
        problem(answer, 401, "token-refused")


def test_without_a_token_or_with_a_cookie_only_nothing_is_answered() -> None:
    client = Client()
    client.force_login(create_user(superuser=True))
    answer = client.get(f"{BASE}/collections")
    problem(answer, 401, "no-token")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    problem(client.get(f"{BASE}/token", headers={"Authorization": "Basic abc"}), 401, "no-token")


def test_a_revoked_an_expired_and_a_dismissed_users_token_are_refused_at_their_next_call() -> None:
    user = create_user()
    revoked, expired, dismissed = program(user), program(user), program(user)
    for each in (revoked, expired, dismissed):
        assert each.get("/token").status_code == 200
    revoke_token(revoked.token)
    problem(revoked.get("/token"), 401, "token-refused")
    Token.objects.filter(pk=expired.token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    problem(expired.get("/token"), 401, "token-refused")
    User.objects.filter(pk=user.pk).update(is_active=False)
    problem(dismissed.get("/token"), 401, "token-refused")


def test_use_is_noted_and_the_token_tells_what_it_may() -> None:
    user = create_user(username="ada")
    caller = program(user, scopes=[Scope.EXPORT, Scope.READ])
    told = caller.get("/token").json()
    assert (told["user"], told["scopes"], told["collections"]) == ("ada", ["read", "export"], None)
    assert Token.objects.get().last_used_at is not None


class TestEveryOperation:
    """Taken from the description itself, so that a new operation is tested too."""

    def operations(self) -> list[tuple[str, str]]:
        paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
        return [(method, path) for path, methods in paths.items() for method in methods]

    def address(self, path: str, ids: dict[str, str]) -> str:
        for name, value in ids.items():
            path = path.replace("{" + name + "}", value)
        assert "{" not in path, path
        return path

    def send(self, caller: Program | None, method: str, path: str) -> Any:
        """With the body that an operation takes."""
        client = Client(raise_request_exception=False)
        headers = {"Authorization": f"Bearer {caller.secret}"} if caller is not None else {}
        said = {"exports": {"format": "txt"}, "webhooks": {"url": "https://example.org/"}, "uploads": {}}
        body = json.dumps(said.get(path.rpartition("/")[2], {"title": "A"}))
        return client.generic(method.upper(), path, body, content_type="application/json", headers=headers)

    def test_is_refused_to_the_anonymous_and_to_tokens_without_its_scope(self, settings: Settings) -> None:
        settings.API_BURST = 1000
        nothing = program(create_user(superuser=True), scopes=[])
        assert len(self.operations()) > 25
        ids = {"pk": "1"} | dict.fromkeys(("job", "webhook", "delivery", "export", "upload"), str(UUID(int=0)))
        for method, path in self.operations():
            address = self.address(path, ids)
            problem(self.send(None, method, address), 401, "no-token")
            if path != f"{BASE}/token":
                problem(self.send(nothing, method, address), 403, "insufficient-scope")

    def test_shows_nothing_of_collections_of_others_or_beyond_the_tokens(self, settings: Settings) -> None:
        settings.API_BURST = 1000
        user = create_user()
        owner = create_user()
        collection = create_collection(owner=owner)
        create_membership(collection=collection, user=user)
        page = create_page(collection=collection, state=PageState.REVIEWED)
        create_layout(page=page)
        create_run(page=page)
        owners = program(owner)
        job = owners.submit(collection=collection.pk).json()["id"]
        webhook = owners.post("/webhooks", {"url": "https://example.org/hook"}).json()["id"]
        export = owners.post(f"/collections/{collection.pk}/exports", {"format": "txt"}).json()["id"]
        upload = owners.post(f"/collections/{collection.pk}/uploads", {}).json()["id"]
        strangers = program(create_user())
        elsewhere = program(user, collections=[create_collection(owner=user)])
        pks = {"collections": collection.pk, "documents": page.document_id, "pages": page.pk}
        for method, path in self.operations():
            kind = path.removeprefix(f"{BASE}/").partition("/")[0]
            if "{" not in path or kind == "deliveries":
                continue
            ids = {"pk": str(pks.get(kind, 0)), "job": job, "webhook": webhook, "export": export, "upload": upload}
            for caller in (strangers, elsewhere):
                status = self.send(caller, method, self.address(path, ids)).status_code
                expected = {422} if path.endswith("/metadata") else {404}
                assert status in expected, (method, path, status)
        assert strangers.get("/collections").json()["items"] == []
        listed = elsewhere.get("/collections").json()["items"]
        assert [each["title"] for each in listed] == ["Parish registers"]
        assert listed[0]["id"] != collection.pk

    def test_of_an_unsafe_kind_ignores_the_cookie_and_so_needs_no_csrf_token(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(create_user(superuser=True))
        problem(client.post(f"{BASE}/collections", "{}", content_type="application/json"), 401, "no-token")


def test_search_finds_nothing_beyond_the_tokens_collections() -> None:
    user = create_user()
    one, other = create_collection(owner=user), create_collection(owner=user)
    for collection in (one, other):
        page = create_page(collection=collection)
        place = create_layout(page=page, lines=1).places.get()
        create_revision(line=place.line, text="the old rector")
    settle_marks(seconds=5)
    assert len(program(user).get("/search", q="rector").json()["items"]) == 2
    found = program(user, collections=[one]).get("/search", q="rector").json()["items"]
    assert [each["collection"] for each in found] == [one.pk]


def test_calls_above_the_rate_are_told_when_to_come_again(settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE, settings.API_BURST = 60, 3
    user = create_user()
    caller, other = program(user), program(user)
    assert [caller.get("/token").status_code for _ in range(3)] == [200] * 3
    refused = caller.get("/token")
    problem(refused, 429, "too-many-requests")
    assert refused["Retry-After"] == "1"
    assert other.get("/token").status_code == 200, "each token has its own"
    Token.objects.filter(pk=caller.token.pk).update(spent_until=timezone.now() + timedelta(seconds=1.5))
    assert caller.get("/token").status_code == 200, "it may go on as time passes"


def test_limits_hold_and_calls_are_answered_while_the_broker_is_away(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    settings.API_CALLS_PER_MINUTE, settings.API_BURST = 60, 1
    caller = program(create_user())
    assert caller.get("/token").status_code == 200
    problem(caller.get("/token"), 429, "too-many-requests")


def test_a_collection_made_by_a_narrow_token_is_within_its_reach() -> None:
    user = create_user()
    caller = program(user, collections=[])
    made = caller.post("/collections", {"title": "New"}).json()
    assert caller.get(f"/collections/{made['id']}").status_code == 200
    problem(caller.submit(), 422, "no-collection")


def test_what_takes_a_role_is_forbidden_to_lesser_ones() -> None:
    user, collection = create_user(), create_collection()
    create_membership(collection=collection, role=Role.REVIEWER, user=user)
    document = Document.objects.create(collection=collection, title="A")
    caller = program(user)
    problem(caller.patch(f"/collections/{collection.pk}", {"title": "Mine"}), 403, "role")
    assert caller.patch(f"/documents/{document.pk}", {"dates": "1702"}).json()["dates"] == "1702"
    assert Export.objects.count() == 0
