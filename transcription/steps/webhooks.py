"""Webhooks of a user: made with a secret that is shown once, removed, and what they were told sent again.

Signatures are those of the Standard Webhooks specification, for which receivers find libraries.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from transcription.errors import BadInput, Conflict
from transcription.models import Delivery, DeliveryState, Webhook
from transcription.steps.reachable import checked_url

LONGEST_ADDRESS = 500
MOST_WEBHOOKS = 20  # of one user


@dataclass(frozen=True, slots=True)
class NewWebhook:
    webhook: Webhook
    secret: str


def create_webhook(*, user: User, url: str) -> NewWebhook:
    """A webhook for ``user``. Raises BadInput for what is no address, Conflict where the user has it already."""
    url = _checked(url)
    if Webhook.objects.of(user).count() >= MOST_WEBHOOKS:
        raise BadInput(f"You have {MOST_WEBHOOKS} webhooks, as many as there may be; remove one.", code="too-many")
    try:
        with transaction.atomic():
            webhook = Webhook.objects.create(user=user, url=url)
    except IntegrityError as error:
        raise Conflict(f"You have a webhook for {url} already; remove it first to get a new secret.") from error
    return NewWebhook(webhook, secret_of(webhook))


def _checked(url: str) -> str:
    address = str(checked_url(url.strip(), plain_http=False))
    if len(address) > LONGEST_ADDRESS:
        raise BadInput(f"An address may have {LONGEST_ADDRESS} characters; choose a shorter one.", code="wrong-url")
    return address


def remove_webhook(webhook: Webhook) -> None:
    """Send nothing more to it; what was sent, and what was not, stays to be seen."""
    with transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk, removed_at=None).update(removed_at=Now())
        waiting = webhook.deliveries.filter(state=DeliveryState.WAITING)
        waiting.update(state=DeliveryState.FAILED, problem="The webhook was removed.", due_at=None, claim=None)


def resend(delivery: Delivery) -> bool:
    """Send an event once more, with its id, beginning a new series of attempts; False where its webhook is removed."""
    again = Delivery.objects.filter(pk=delivery.pk, webhook__removed_at=None)
    return bool(again.update(state=DeliveryState.WAITING, attempts=0, due_at=Now(), claim=None, problem=""))


def secret_of(webhook: Webhook) -> str:
    """The secret, as receivers are given it. Derived, so that a copy of the database signs nothing."""
    return f"whsec_{base64.b64encode(_key(webhook)).decode()}"


def _key(webhook: Webhook) -> bytes:
    said = f"longhand webhook {webhook.pk} {webhook.salt}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), said, hashlib.sha256).digest()


def signed_headers(delivery: Delivery, *, timestamp: int) -> dict[str, str]:
    """Headers by which a receiver knows the event, and that it comes from us and was not sent before ``timestamp``."""
    signed = f"{delivery.pk}.{timestamp}.{delivery.body}".encode()
    digest = hmac.new(_key(delivery.webhook), signed, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
