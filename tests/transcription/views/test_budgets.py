"""The screens of budgets: who sees them, who sets them, what they say."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.factories import create_user
from transcription.engines.endpoints import Endpoint, Endpoints
from transcription.htr.records import Usage
from transcription.models import Cap, Collection, Role, Span
from transcription.steps.ledger import Payer, reserve

FIELDS = {f"{span}_{measure}": "" for span in Span.values for measure in ("tokens", "money")}
KEY = "sk-planted-91b"


@pytest.fixture
def endpoint(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAID_KEY", KEY)
    declared = Endpoint(
        name="paid",
        url="http://127.0.0.1:9/v1",
        model="m-1",
        key_variable="PAID_KEY",
        price_in=Decimal(2),
        price_out=Decimal(10),
    )
    settings.ENDPOINTS = Endpoints(paid=declared)


def url(collection: Collection) -> str:
    return reverse("transcription:budget", args=[collection.pk])


@pytest.mark.usefixtures("endpoint")
class TestACollectionsBudget:
    def test_an_admin_sets_it_and_sees_what_was_used(
        self, collection: Collection, member: Callable[[Role], Client]
    ) -> None:
        admin = member(Role.ADMIN)
        answer = admin.post(url(collection), FIELDS | {"day_tokens": "1000", "total_money": "2.50"}, follow=True)
        assert answer.status_code == 200
        assert set(Cap.objects.values_list("span", "tokens", "money")) == {
            (Span.DAY, 1000, None),
            (Span.TOTAL, None, 2_500_000),
        }
        reserve(Payer("paid", collection.pk), Usage(300, 100))
        shown = admin.get(url(collection)).content.decode()
        assert "400 tokens" in shown
        assert 'value="1000"' in shown
        assert "40 %" in shown

    def test_an_emptied_field_is_no_cap(self, collection: Collection, member: Callable[[Role], Client]) -> None:
        admin = member(Role.ADMIN)
        admin.post(url(collection), FIELDS | {"hour_tokens": "5"})
        admin.post(url(collection), FIELDS)
        assert not Cap.objects.exists()

    @pytest.mark.parametrize("value", ["-1", "many", "1e30", "9" * 20])
    def test_what_is_no_number_is_said_at_its_field(
        self, collection: Collection, member: Callable[[Role], Client], value: str
    ) -> None:
        answer = member(Role.ADMIN).post(url(collection), FIELDS | {"day_tokens": value})
        assert answer.status_code == 422
        assert 'class="error"' in answer.content.decode()
        assert not Cap.objects.exists()

    def test_a_lead_sees_it_and_does_not_set_it(self, collection: Collection, member: Callable[[Role], Client]) -> None:
        lead = member(Role.LEAD)
        assert lead.get(url(collection)).status_code == 200
        assert lead.post(url(collection), FIELDS | {"day_tokens": "1"}).status_code == 403
        assert not Cap.objects.exists()

    def test_for_others_there_is_none(
        self, collection: Collection, member: Callable[[Role], Client], stranger: Client
    ) -> None:
        assert member(Role.REVIEWER).get(url(collection)).status_code == 404
        assert stranger.get(url(collection)).status_code == 404


@pytest.mark.usefixtures("endpoint")
class TestEndpoints:
    def test_whoever_runs_the_installation_sets_their_caps_and_never_sees_a_key(self, db: None) -> None:
        client = Client()
        client.force_login(create_user(superuser=True))
        address = reverse("transcription:endpoint_budgets")
        fields = {f"paid-{name}": value for name, value in (FIELDS | {"hour_money": "0.5"}).items()}
        answer = client.post(address, fields | {"endpoint": "paid"}, follow=True)
        assert list(Cap.objects.values_list("endpoint", "span", "money")) == [("paid", Span.HOUR, 500_000)]
        shown = answer.content.decode()
        assert "PAID_KEY is set" in shown
        assert KEY not in shown
        assert client.post(address, {"endpoint": "other"}).status_code == 404

    def test_others_do_not_find_it(self, member: Callable[[Role], Client]) -> None:
        assert member(Role.ADMIN).get(reverse("transcription:endpoint_budgets")).status_code == 404
