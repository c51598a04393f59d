"""Blind checks of texts: a few random lines of a random page, typed by somebody who does not see what the machine read.

What is measured is the text of a run (or, on an approved page, the text that was approved), line by line against what
people who looked at the image alone say stands there. An audit is of one page, because the page is what is drawn at
random: lines of a page are alike.
"""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, Role


class AuditQuerySet(models.QuerySet["Audit"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role), page__takedown=None)

    def waiting(self) -> Self:
        """Audits of which lines are to be typed or judged; what a later run has overtaken is measured no more."""
        return self.filter(state=Audit.State.OPEN, run=F("page__run"))


class Audit(models.Model):
    """A page drawn for a blind check, with the numbers that make the draw a sample (`htr.risk`).

    ``weight`` is 1 for a page drawn in proportion to its ``size``, more for one so large that it was drawn for sure.
    """

    class Kind(models.TextChoices):
        MACHINE = "machine", _("read by the machine")
        APPROVED = "approved", _("approved by a person")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        SETTLED = "settled", _("settled")
        OVERTAKEN = "overtaken", _("overtaken by a later reading")

    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, related_name="audits")
    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="audits")
    run = models.ForeignKey("transcription.Run", on_delete=models.CASCADE, related_name="audits")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    seed = models.BigIntegerField(help_text="decides whether the page is drawn, and which of its lines")
    confidence = models.FloatField(help_text="of the page, as it was drawn")
    size = models.PositiveIntegerField(help_text="characters of the page, by which it was drawn")
    weight = models.FloatField(default=1.0)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", help_text="who types it"
    )
    held_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "kind"], name="one_audit_a_run_and_kind")]
        indexes = [models.Index(fields=["collection", "state", "id"], name="audit_by_state")]

    def __str__(self) -> str:
        return f"audit of page {self.page_id} ({self.kind})"


class AuditLine(models.Model):
    """One drawn line: the text under audit, what was typed blind, and who is right where they differ.

    ``edits`` and ``characters`` are those of the settled line, normalised (`htr.text`); a line that nobody could read
    counts as wholly wrong.
    """

    class Verdict(models.TextChoices):
        SAME = "same", _("typed alike")
        TEXT = "text", _("the text under audit is right")
        TYPED = "typed", _("the typist is right")
        NEITHER = "neither", _("both are wrong")
        UNREADABLE = "unreadable", _("nobody can read it")

    audit = models.ForeignKey(Audit, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey("transcription.Line", on_delete=models.CASCADE, related_name="audits")
    vote = models.ForeignKey("transcription.Vote", on_delete=models.CASCADE, null=True, related_name="audits")
    position = models.PositiveSmallIntegerField(help_text="order in the audit, 1-based")
    hits = models.PositiveSmallIntegerField(default=1, help_text="how often the line was drawn")
    size = models.PositiveIntegerField(help_text="characters by which it was drawn")
    text = models.TextField(blank=True, help_text="the text under audit, as it stood when it was drawn")
    typed = models.TextField(null=True)  # noqa: DJ001 - an empty line is an answer
    unreadable = models.BooleanField(default=False, help_text="the typist cannot read it")
    typist = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    typed_at = models.DateTimeField(null=True)
    swapped = models.BooleanField(default=False, help_text="the judge is shown what was typed first")
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True)
    truth = models.TextField(null=True)  # noqa: DJ001 - null: not settled, or nobody can read it
    judge = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    settled_at = models.DateTimeField(null=True)
    edits = models.PositiveIntegerField(null=True)
    characters = models.PositiveIntegerField(null=True)
    # Of the vote, where a person's text was under audit: what review was worth. Null where nothing was voted.
    read_edits = models.PositiveIntegerField(null=True, help_text="edits of what the machine had read")

    class Meta:
        ordering = ["audit", "position"]
        constraints = [
            models.UniqueConstraint(fields=["audit", "line"], name="one_audit_line_a_line"),
            models.CheckConstraint(
                condition=models.Q(verdict="", edits=None, characters=None)
                | (~models.Q(verdict="") & models.Q(edits__isnull=False, characters__isnull=False)),
                name="audit_line_counted_when_settled",
            ),
            # A text that was seen cannot be typed blind.
            models.CheckConstraint(
                condition=models.Q(judge=None) | models.Q(typist=None) | ~models.Q(judge=models.F("typist")),
                name="nobody_judges_their_own_typing",
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.line_id} in {self.audit}"
