"""Where programs want to be told, and the outbox of what they are told."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def of(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.filter(user=user.pk, removed_at=None)


class Webhook(models.Model):
    """An address of a user's. Its secret is derived from the installation's key and ``salt``: none is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(_("address"), max_length=500)
    salt = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, help_text="nothing more is sent; what was sent stays to be seen")

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "url"], name="one_webhook_an_address", condition=models.Q(removed_at=None)
            )
        ]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("given up")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def of(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.filter(webhook__user=user.pk)


class Delivery(models.Model):
    """One event on its way to one webhook; ``id`` is the event's, the same however often it is sent.

    ``due_at`` is when it is tried next and, while it is being sent, when the sender is believed dead.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    job = models.ForeignKey("transcription.Job", on_delete=models.SET_NULL, null=True, related_name="deliveries")
    event = models.CharField(max_length=40)
    body = models.TextField(help_text="the JSON that is sent, byte for byte")
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status of the last answer")
    problem = models.CharField(max_length=300, blank=True, help_text="why the last attempt failed")
    created_at = models.DateTimeField(auto_now_add=True)
    tried_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["due_at"], name="delivery_due", condition=models.Q(state="waiting")),
            models.Index(fields=["webhook", "-created_at", "id"], name="delivery_of_webhook"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}"
