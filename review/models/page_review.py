"""Where a page stands in its review and whom it is for; who sent it back, and who passed it over."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from transcription.models import Membership, Role
from transcription.models.collection import roles_from


class Stage(models.TextChoices):
    """What a page in review waits for. `review.stages` has the moves between them."""

    FIRST = "first", _("first review")
    RETURNED = "returned", _("changes requested")
    SECOND = "second", _("second review")


class PageReviewQuerySet(models.QuerySet["PageReview"]):
    def assigned(self) -> Self:
        """Those whose assignee may review the page: who left the collection or the house keeps nothing from others."""
        reviewing = Membership.objects.filter(role__in=roles_from(Role.REVIEWER))
        held = reviewing.filter(user=OuterRef("assignee"), collection=OuterRef("page__collection"))
        return self.filter(Q(assignee__is_superuser=True) | Exists(held), assignee__is_active=True)


class PageReview(models.Model):
    """Of a page in review; a page without such a row waits for its first review and is nobody's in particular.

    ``approver`` is whose approval waits for a second review, or whose work is to be changed. ``barred`` is whose review
    was rejected: somebody else does it.
    """

    page = models.OneToOneField("transcription.Page", on_delete=models.CASCADE, primary_key=True, related_name="review")
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.FIRST)
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    barred = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="assigned_reviews"
    )
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    assigned_at = models.DateTimeField(null=True)

    objects = PageReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(assignee=None) | models.Q(assigned_at__isnull=False), name="assigned_at_some_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.page}: {self.stage}"


class PageReturn(models.Model):
    """Somebody looked at an approved page and sent it back. Append-only.

    ``approver`` is whose approval it was; ``by`` who took it back.
    """

    class Kind(models.TextChoices):
        CHANGES = "changes", _("changes requested")
        REJECTED = "rejected", _("rejected")

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="returns")
    kind = models.CharField(max_length=10, choices=Kind)
    note = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.page}: {self.kind}"


class Skip(models.Model):
    """A reviewer left a page to others, and why. Append-only."""

    class Reason(models.TextChoices):
        LATER = "later", _("not at this moment")
        HAND = "hand", _("I cannot read this hand")
        LANGUAGE = "language", _("I do not know the language")
        IMAGE = "image", _("the image is too bad")
        LINES = "lines", _("its lines are wrong")
        OTHER = "other", _("another reason")

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="skips")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skips")
    reason = models.CharField(max_length=10, choices=Reason, default=Reason.LATER)
    note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["reviewer", "created_at"], name="skips_of_a_reviewer")]

    def __str__(self) -> str:
        return f"{self.page} skipped: {self.reason}"
