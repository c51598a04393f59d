"""Tokens with which programs act for a person. What is stored of one opens nothing."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, CollectionQuerySet, Role


class Scope(models.TextChoices):
    """What a token may be used for, besides what its user may do."""

    READ = "read", _("read: collections, pages, texts, search")
    SUBMIT = "submit", _("submit: documents to be read, and follow them")
    MANAGE = "manage", _("manage: make collections, describe documents")
    EXPORT = "export", _("export: ask for exports and fetch them")


class TokenQuerySet(models.QuerySet["Token"]):
    def usable(self) -> Self:
        """Neither revoked nor expired, of a user who may sign in; by the database's clock."""
        alive = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(alive, revoked_at=None, user__is_active=True)


class Token(models.Model):
    """``digest`` is the SHA-256 of the token, which has 256 random bits: nothing slower is needed. ``prefix`` is what
    a person knows it by."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    everywhere = models.BooleanField(default=True, help_text="in all collections its user may see, or in those named")
    collections = models.ManyToManyField(Collection, related_name="+", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    # When the calls made so far would all have come, had they come at the even rate that is allowed.
    spent_until = models.DateTimeField(null=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def scope_labels(self) -> list[str]:
        return [str(Scope(scope).label) for scope in self.scopes if scope in Scope.values]

    def visible_collections(self, role: Role = Role.STAFF) -> CollectionQuerySet:
        """What its user may see in ``role``, cut to the collections it was made for."""
        user = self.user
        assert isinstance(user, User)
        visible = Collection.objects.visible_to(user, role)
        return visible if self.everywhere else visible.filter(pk__in=self.collections.values("pk"))
