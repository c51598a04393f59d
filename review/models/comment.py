"""What people say to each other about a line, or about a page."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ThreadQuerySet(models.QuerySet["Thread"]):
    def open(self) -> Self:
        return self.filter(resolved_at=None)


class Thread(models.Model):
    """All that was said about one line, or (``line`` null) about its page. Resolved until somebody speaks again."""

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="threads")
    line = models.OneToOneField("transcription.Line", on_delete=models.CASCADE, null=True, related_name="thread")
    resolved_at = models.DateTimeField(null=True)

    objects = ThreadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["page"], condition=models.Q(line=None), name="one_thread_about_a_page_itself"
            ),
        ]
        indexes = [
            models.Index(fields=["page"], name="open_threads", condition=models.Q(resolved_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.page}: thread {self.pk}"


class Comment(models.Model):
    """One thing said or done in a thread. Append-only; ``text`` is empty where it was resolved or opened again."""

    class Kind(models.TextChoices):
        SAID = "said", _("said")
        RESOLVED = "resolved", _("resolved")
        REOPENED = "reopened", _("opened again")

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="comments")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SAID)
    text = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:40]}"
