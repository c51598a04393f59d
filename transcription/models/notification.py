"""What people are told: a row in the application, and a mail where they want one."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Mail(models.Model):
    """An outgoing mail: kept until a mail server has taken it, so that a server that is away loses nothing.

    ``not_before`` is when it may be tried (again); while somebody sends it, it lies ahead.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=200)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    not_before = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=400, blank=True, help_text="what the mail server said last")

    class Meta:
        indexes = [models.Index(fields=["not_before"], name="mail_to_send", condition=models.Q(sent_at=None))]

    def __str__(self) -> str:
        return f"mail {self.pk}: {self.subject}"


class Notification(models.Model):
    """Something that happened and that ``user`` should know. ``details`` fills the sentence of its kind."""

    class Kind(models.TextChoices):
        ASSIGNED = "assigned", _("pages assigned to me")
        RETURNED = "returned", _("pages sent back to me")
        COMMENT = "comment", _("comments on what I worked on")
        FINISHED = "finished", _("collections that are finished")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=10, choices=Kind)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, related_name="+")
    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, null=True, related_name="+")
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)
    to_mail = models.BooleanField(default=True, help_text="waits to be put into a mail")
    mail = models.ForeignKey(Mail, on_delete=models.SET_NULL, null=True, related_name="notifications")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["user", "-id"], name="notifications_of_a_user"),
            models.Index(fields=["user"], name="unread_notifications", condition=models.Q(read_at=None)),
            models.Index(fields=["user", "created_at"], name="notifications_to_mail", condition=models.Q(to_mail=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user}"


class MailWish(models.Model):
    """Whether a user wants mails; without such a row they do."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="mail_wish"
    )
    wanted = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"{self.user}: {'mails' if self.wanted else 'no mails'}"
