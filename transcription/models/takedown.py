"""What was taken down: pages that nobody is shown any more, and the stone that says so."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models.functions import Now

from transcription.models.collection import Collection, Role


class TakedownQuerySet(models.QuerySet["Takedown"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role))

    def standing(self) -> Self:
        """Those that were not restored."""
        return self.filter(restored_at=None)

    def restorable(self) -> Self:
        return self.standing().filter(purged_at=None)

    def overdue(self) -> Self:
        """Those whose grace is over, by the database's clock, and whose bytes are still there."""
        return self.restorable().filter(restorable_until__lte=Now())


class Takedown(models.Model):
    """A page, or a document with all of its pages, hidden everywhere; its bytes and texts are removed after the grace.

    The pages point at it (`Page.takedown`), and `Page.objects` leaves them out; `Page.everything` has them.
    """

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="takedowns")
    title = models.CharField(max_length=400, help_text="what was taken down, as people called it")
    whole_document = models.BooleanField(default=False)
    reason = models.TextField()
    pages = models.PositiveIntegerField(help_text="how many pages it hides")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    restorable_until = models.DateTimeField()
    restored_at = models.DateTimeField(null=True)
    restored_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    purged_at = models.DateTimeField(null=True)
    # Null with purged_at: the sweeper, when the grace was over.
    purged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = TakedownQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(restored_at=None) | models.Q(purged_at=None), name="nothing_purged_is_restored"
            )
        ]

    def __str__(self) -> str:
        return self.title
