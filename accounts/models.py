"""Invitations: the only way in for people whom no superuser made an account for."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Now

from transcription.models import Collection, Role


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def standing(self) -> Self:
        """Those that can still be used, by the database's clock."""
        return self.filter(used_at=None, withdrawn_at=None, expires_at__gt=Now())

    def visible_to(self, user: User) -> Self:
        """What ``user`` sent, and whatever gives a role in a collection that they administer; all for a superuser."""
        if user.is_superuser:
            return self.all()
        led = InvitedRole.objects.filter(collection__in=Collection.objects.visible_to(user, Role.ADMIN))
        return self.filter(models.Q(inviter=user) | models.Q(pk__in=led.values("invitation")))


class Invitation(models.Model):
    """A link that makes one account, or adds roles to one. The key is shown once and kept as its SHA-256 only."""

    digest = models.CharField(max_length=64, unique=True)
    email = models.EmailField(blank=True)
    inviter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.email or f"invitation {self.pk}"


class InvitedRole(models.Model):
    """A role that the invitation gives."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="roles")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invitation", "collection"], name="one_role_an_invitation")]

    def __str__(self) -> str:
        return f"{self.role} · {self.collection}"
