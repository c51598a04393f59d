"""The audit log: who did what, when, from where. A trigger refuses to change or delete a row, for superusers too."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, Role


class Verb(models.TextChoices):
    """What was done; the value is stable and goes into exports of the log."""

    LOGGED_IN = "login", _("logged in")
    LOGGED_OUT = "logout", _("logged out")
    LOGIN_FAILED = "login-failed", _("failed to log in")
    LOCKED_OUT = "locked-out", _("was made to wait after wrong passwords")
    UNLOCKED = "unlocked", _("let a user log in again")
    PASSWORD_CHANGED = "password-changed", _("changed a password")
    SECOND_FACTOR_ADDED = "second-factor-added", _("added a second factor")
    SECOND_FACTOR_REMOVED = "second-factor-removed", _("removed a second factor")
    INVITED = "invited", _("invited somebody")
    INVITATION_WITHDRAWN = "invitation-withdrawn", _("withdrew an invitation")
    INVITATION_USED = "invitation-used", _("used an invitation")
    USER_DEACTIVATED = "user-deactivated", _("deactivated a user")
    USER_ACTIVATED = "user-activated", _("activated a user")
    SUPERUSER_SET = "superuser-set", _("changed who is a superuser")
    MEMBER_SET = "member-set", _("set a role")
    MEMBER_REMOVED = "member-removed", _("removed a member")
    ADMINISTERED = "administered", _("changed a row in Django's administration")
    COLLECTION_MADE = "collection-made", _("made a collection")
    COLLECTION_PURGED = "collection-purged", _("deleted a collection")
    SETTINGS_CHANGED = "settings-changed", _("changed settings")
    PROFILE_CHANGED = "profile-changed", _("changed how a collection is read")
    CONTROLLED = "controlled", _("paused, resumed, cancelled or began reading")
    UPLOADED = "uploaded", _("uploaded files")
    EXPORTED = "exported", _("asked for an export")
    EXPORT_DOWNLOADED = "export-downloaded", _("downloaded an export")
    ORIGINAL_DOWNLOADED = "original-downloaded", _("downloaded an original")
    LOG_DOWNLOADED = "log-downloaded", _("downloaded the audit log")
    RETRIED = "retried", _("retried what had failed")
    TAKEN_DOWN = "taken-down", _("took something down")
    RESTORED = "restored", _("restored what was taken down")
    PURGED = "purged", _("removed for good what was taken down")
    TOKEN_MADE = "token-made", _("made an API token")
    TOKEN_REVOKED = "token-revoked", _("revoked an API token")


class DeedQuerySet(models.QuerySet["Deed"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.ADMIN) -> Self:
        """Deeds in collections that ``user`` administers; all of them for a superuser."""
        if getattr(user, "is_superuser", False) and user.is_authenticated:
            return self.all()
        return self.filter(collection__in=Collection.objects.visible_to(user, role))


class Deed(models.Model):
    """One thing somebody did; ``actor`` null: Longhand itself, or somebody unknown.

    The log outlives what it speaks of: its keys are not held by constraints. Whoever is deleted is only a number in it.
    """

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    address = models.GenericIPAddressField(null=True)
    verb = models.CharField(max_length=24, help_text="a Verb; one that this version does not know stays readable")
    collection = models.ForeignKey(
        Collection, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    about = models.CharField(max_length=300, blank=True, help_text="what it was done to, as people call it")
    details = models.JSONField(default=dict)

    objects = DeedQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["collection", "-id"], name="deeds_of_collection"),
            models.Index(fields=["actor", "-id"], name="deeds_of_actor"),
            models.Index(fields=["verb", "-id"], name="deeds_of_verb"),
            models.Index(fields=["at"], name="deeds_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.verb}: {self.about}"

    @property
    def done(self) -> str:
        """The verb in words."""
        return str(Verb(self.verb).label) if self.verb in Verb.values else self.verb
