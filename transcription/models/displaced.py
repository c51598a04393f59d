"""Text that lost its place when the lines of its page were found anew: kept and shown until a person has settled it."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Role
from transcription.models.layout import LayoutLine
from transcription.models.page import Page


class DisplacedTextQuerySet(models.QuerySet["DisplacedText"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(page__in=Page.objects.visible_to(user, role))

    def unsettled(self) -> Self:
        """What nobody used or dismissed, and what no layout shows: going back to an earlier one gives its lines their
        place again, with their texts."""
        shown = LayoutLine.objects.filter(layout=OuterRef("page__layout"), line=OuterRef("line"))
        return self.filter(~Exists(shown), resolved_at=None, revision=F("line__current"))


class DisplacedText(models.Model):
    """The text, a revision, of a line that ``layout`` has no place for. ``near`` is the line that stands there now."""

    class Outcome(models.TextChoices):
        USED = "used", _("used on a line")
        DISMISSED = "dismissed", _("dismissed")

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="displaced_texts")
    layout = models.ForeignKey("transcription.Layout", on_delete=models.CASCADE, related_name="displaced_texts")
    line = models.ForeignKey("transcription.Line", on_delete=models.CASCADE, related_name="displaced_texts")
    revision = models.ForeignKey("transcription.TranscriptRevision", on_delete=models.CASCADE, related_name="+")
    near = models.ForeignKey("transcription.Line", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    used_on = models.ForeignKey("transcription.Line", on_delete=models.SET_NULL, null=True, related_name="+")

    objects = DisplacedTextQuerySet.as_manager()

    class Meta:
        ordering = ["page", "pk"]
        constraints = [models.UniqueConstraint(fields=["layout", "line"], name="one_displaced_text_a_line")]

    def __str__(self) -> str:
        return f"{self.revision.text} (displaced by layout {self.layout_id})"
