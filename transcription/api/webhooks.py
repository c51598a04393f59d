"""Webhooks: where you are told, what you were told, and telling it again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpResponse
from ninja import Field, Query, Router, Schema, Status

from transcription.api.access import ApiRequest, Bearer, owner_of
from transcription.api.answers import Made, answered_once
from transcription.api.schema import Asked, Listing, next_url, part_of
from transcription.errors import Conflict
from transcription.models import Delivery, DeliveryState, Scope, Webhook
from transcription.steps.webhooks import create_webhook, remove_webhook, resend

router = Router(tags=["webhooks"])


class WebhookIn(Asked):
    url: str = Field(
        max_length=500,
        pattern=r"^https?://[^\s\u0000]+$",
        description="An https:// address on the public internet.",
        examples=["https://example.org/longhand"],
    )


class WebhookOut(Schema):
    id: UUID
    url: str
    created_at: datetime


class NewWebhookOut(WebhookOut):
    secret: str = Field(description="Signs what you are told. Shown this once: keep it.")


class WebhookList(Schema):
    items: list[WebhookOut]
    next: str | None


class DeliveryOut(Schema):
    id: UUID = Field(description="The event's, the same however often it is sent.")
    event: str
    job: UUID | None
    state: DeliveryState
    attempts: int
    status: int | None = Field(description="HTTP status of the last answer.")
    problem: str
    created_at: datetime
    tried_at: datetime | None
    due_at: datetime | None


class DeliveryList(Schema):
    items: list[DeliveryOut]
    next: str | None


class DeliveryFilters(Listing):
    state: DeliveryState | None = None


@router.get("/webhooks", auth=Bearer(Scope.SUBMIT), response=WebhookList, summary="List your webhooks")
def list_webhooks(request: ApiRequest, wanted: Query[Listing]) -> WebhookList:
    part = part_of(Webhook.objects.of(owner_of(request)), wanted, order=("-created_at", "id"))
    return WebhookList(items=[_webhook(each) for each in part.rows], next=next_url(request, part.after))


@router.post(
    "/webhooks",
    auth=Bearer(Scope.SUBMIT),
    response={201: NewWebhookOut},
    summary="Make a webhook",
    openapi_extra={"x-no-key": True},
)
def make_webhook(request: ApiRequest, wanted: WebhookIn) -> Status[NewWebhookOut]:
    """Once for an address: a second time is a 409, so this takes no Idempotency-Key, under which the secret would have
    to be kept."""
    new = create_webhook(user=owner_of(request), url=wanted.url)
    said = {"id": new.webhook.pk, "url": new.webhook.url, "created_at": new.webhook.created_at, "secret": new.secret}
    return Status(201, NewWebhookOut.model_validate(said))


@router.get("/webhooks/{uuid:webhook}", auth=Bearer(Scope.SUBMIT), response=WebhookOut, summary="A webhook")
def get_webhook(request: ApiRequest, webhook: UUID) -> WebhookOut:
    return _webhook(_of(request, webhook))


@router.delete("/webhooks/{uuid:webhook}", auth=Bearer(Scope.SUBMIT), response={204: None}, summary="Remove a webhook")
def delete_webhook(request: ApiRequest, webhook: UUID) -> Status[None]:
    remove_webhook(_of(request, webhook))
    return Status(204, None)


@router.get(
    "/webhooks/{uuid:webhook}/deliveries",
    auth=Bearer(Scope.SUBMIT),
    response=DeliveryList,
    summary="What a webhook was told, newest first",
)
def list_deliveries(request: ApiRequest, webhook: UUID, wanted: Query[DeliveryFilters]) -> DeliveryList:
    deliveries = _of(request, webhook).deliveries.all()
    if wanted.state is not None:
        deliveries = deliveries.filter(state=wanted.state)
    part = part_of(deliveries, wanted, order=("-created_at", "id"))
    return DeliveryList(items=[_delivery(each) for each in part.rows], next=next_url(request, part.after))


@router.post(
    "/deliveries/{uuid:delivery}/resend", auth=Bearer(Scope.SUBMIT), response=DeliveryOut, summary="Tell it once more"
)
def resend_delivery(request: ApiRequest, delivery: UUID) -> HttpResponse:
    """The event keeps its id: a receiver that has it already knows it."""

    def make() -> Made:
        found = Delivery.objects.of(owner_of(request)).filter(pk=delivery).first()
        if found is None:
            raise Http404
        if not resend(found):
            raise Conflict("The webhook was removed; make it again for what is to come.", code="webhook-removed")
        found.refresh_from_db()
        return Made(200, _delivery(found))

    return answered_once(request, make)


def _of(request: ApiRequest, pk: UUID) -> Webhook:
    found = Webhook.objects.of(owner_of(request)).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _webhook(webhook: Webhook) -> WebhookOut:
    return WebhookOut(id=webhook.pk, url=webhook.url, created_at=webhook.created_at)


def _delivery(delivery: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=delivery.pk,
        event=delivery.event,
        job=delivery.job_id,
        state=DeliveryState(delivery.state),
        attempts=delivery.attempts,
        status=delivery.status,
        problem=delivery.problem,
        created_at=delivery.created_at,
        tried_at=delivery.tried_at,
        due_at=delivery.due_at,
    )
