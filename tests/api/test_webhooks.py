"""What programs are told: signed, at least once, and nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.api.client import Program, problem, program
from tests.factories import create_user
from tests.steps.journey import work_until_nothing_is_due
from tests.steps.web_server import say, serving
from transcription.models import Delivery, DeliveryState, Webhook
from transcription.steps import deliver
from transcription.steps.deliver import PAUSES, deliver_due
from transcription.steps.settle_job import settle_job
from transcription.steps.webhooks import create_webhook, secret_of

ROOT = Path(__file__).resolve().parents[2]


class Receiver:
    """Takes events as a receiver should: it believes only what its secret signs."""

    def __init__(self) -> None:
        self.secret = ""
        self.status = 204
        self.events: list[dict[str, object]] = []
        self.ids: list[str] = []
        self.on_event: Callable[[], None] = lambda: None

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        event, sent = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signature = base64.b64encode(hmac.digest(key, f"{event}.{sent}.".encode() + body, hashlib.sha256)).decode()
        assert request.headers["webhook-signature"] == f"v1,{signature}"
        assert abs(time.time() - int(sent)) < 60
        self.ids.append(event)
        self.events.append(json.loads(body))
        self.on_event()
        say(request, status=self.status)


@contextmanager
def receiving(settings: Settings, user: User) -> Iterator[tuple[Receiver, Webhook]]:
    receiver = Receiver()
    with serving(receiver) as address:
        settings.FETCH_HOSTS = ("127.0.0.1",)
        new = create_webhook(user=user, url=f"{address}/hook")
        receiver.secret = new.secret
        yield receiver, new.webhook


@pytest.fixture
def user(db: None) -> User:
    return create_user(username="ada")


@pytest.fixture
def caller(user: User) -> Program:
    return program(user)


def waiting(webhook: Webhook, **fields: object) -> Delivery:
    values: dict[str, object] = {
        "event": "job.completed",
        "body": '{"type": "job.completed"}',
        "due_at": timezone.now(),
    }
    return Delivery.objects.create(webhook=webhook, **values | fields)


def test_the_end_of_a_job_is_told_once_signed_and_only_after_its_text_is_there(
    caller: Program, user: User, settings: Settings, scribe: Callable[..., None]
) -> None:
    with receiving(settings, user) as (receiver, webhook):
        job = caller.submit(webhook=str(webhook.pk), reference="box 7").json()
        assert deliver_due() == 0, "nothing is told before it is so"
        work_until_nothing_is_due()
        settle_job(Delivery.objects.get().job.original_id)  # type: ignore[union-attr]  # once more changes nothing
        assert deliver_due() == 1
        assert deliver_due() == 0
    (event,) = receiver.events
    assert (event["type"], event["id"]) == ("job.completed", receiver.ids[0])
    data = event["data"]
    assert isinstance(data, dict)
    assert (data["job"], data["status"], data["reference"], data["pages"]) == (job["id"], "completed", "box 7", 1)
    (told,) = caller.get(f"/webhooks/{webhook.pk}/deliveries").json()["items"]
    assert (told["id"], told["state"], told["status"], told["attempts"]) == (receiver.ids[0], "delivered", 204, 1)


def test_a_receiver_that_does_not_take_it_is_tried_later_and_later_and_then_given_up(
    user: User, settings: Settings
) -> None:
    with receiving(settings, user) as (receiver, webhook):
        receiver.status = 500
        delivery = waiting(webhook)
        pauses = []
        for _ in range(len(PAUSES) + 1):
            Delivery.objects.filter(state=DeliveryState.WAITING).update(due_at=timezone.now())
            assert deliver_due() == 1
            delivery.refresh_from_db()
            pauses.append(delivery.due_at - timezone.now() if delivery.due_at else None)
        assert (delivery.state, delivery.status, delivery.attempts) == (DeliveryState.FAILED, 500, len(PAUSES) + 1)
        assert "500" in delivery.problem
        grew = [pause for pause in pauses if pause is not None]
        assert grew == sorted(grew)
        assert grew[-1] > timedelta(hours=19)
        assert set(receiver.ids) == {str(delivery.pk)}, "under one id"
        receiver.status = 200
        caller = program(user)
        assert caller.post(f"/deliveries/{delivery.pk}/resend").json()["state"] == "waiting"
        assert deliver_due() == 1
        delivery.refresh_from_db()
        assert delivery.state == DeliveryState.DELIVERED


def test_one_receiver_that_hangs_keeps_no_other_waiting(
    user: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "ANSWER_SECONDS", 0.5)
    with receiving(settings, user) as (slow, hanging), receiving(settings, user) as (_, quick):
        slow.on_event = lambda: time.sleep(1.0)
        stuck = [waiting(hanging) for _ in range(3)]
        prompt = waiting(quick)
        assert deliver_due() == 2, "one of each"
        prompt.refresh_from_db()
        assert prompt.state == DeliveryState.DELIVERED
        assert Delivery.objects.filter(pk__in=[each.pk for each in stuck], attempts=1).count() == 1


def test_an_address_inside_the_network_is_not_called(user: User, settings: Settings) -> None:
    reached: list[str] = []
    with serving(lambda request: reached.append(request.path)) as address:
        settings.FETCH_HOSTS = ("127.0.0.1",)
        webhook = create_webhook(user=user, url=address).webhook
        settings.FETCH_HOSTS = ()
        delivery = waiting(webhook)
        deliver_due()
    delivery.refresh_from_db()
    assert (reached, delivery.state) == ([], DeliveryState.WAITING)
    assert delivery.problem
    caller = program(user)
    for wrong in ("http://169.254.169.254/latest", "https://user:word@example.org/", "https://x:22/"):
        problem(caller.post("/webhooks", {"url": wrong}), 422, "wrong-url")


def test_a_removed_webhook_is_told_nothing_more_and_its_secret_is_nowhere_in_the_database(
    user: User, settings: Settings
) -> None:
    with receiving(settings, user) as (receiver, webhook):
        waiting(webhook)
        caller = program(user)
        problem(caller.post("/webhooks", {"url": webhook.url}), 409, "conflict")
        assert caller.delete(f"/webhooks/{webhook.pk}").status_code == 204
        assert deliver_due() == 0
        again = caller.post("/webhooks", {"url": webhook.url}).json()
        assert again["secret"] != receiver.secret, "made anew it has another secret"
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(w::text, ' ') FROM transcription_webhook w")
        (rows,) = cursor.fetchone()
    assert again["secret"].removeprefix("whsec_") not in rows
    assert secret_of(webhook) == receiver.secret, "derived, so that it is the same at every call"


@pytest.mark.django_db(transaction=True)
def test_a_sender_killed_between_sending_and_noting_sends_again_under_the_same_id(
    process_environment: dict[str, str], settings: Settings
) -> None:
    with receiving(settings, create_user(username="eve")) as (receiver, webhook):
        delivery = waiting(webhook)
        environment = process_environment | {"LONGHAND_FETCH_HOSTS": "127.0.0.1"}
        sweeper = subprocess.Popen([sys.executable, "manage.py", "sweep"], cwd=ROOT, env=environment)
        try:
            receiver.on_event = lambda: os.kill(sweeper.pid, signal.SIGKILL)
            assert sweeper.wait(timeout=60) == -signal.SIGKILL
        finally:
            sweeper.kill()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (DeliveryState.WAITING, 1), "it was sent, and nobody noted it"
        assert deliver_due() == 0, "the dead sender holds it for a while"
        Delivery.objects.update(due_at=timezone.now())
        receiver.on_event = lambda: None
        assert deliver_due() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)
    assert receiver.ids == [str(delivery.pk)] * 2
