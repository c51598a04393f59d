"""Replacements in the texts of a whole collection: what was looked for, what was put there, and how to take it back."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from transcription.htr.replacing import Pattern
from transcription.models.collection import Collection, Role


class ReplacementQuerySet(models.QuerySet["Replacement"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.LEAD) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role))


class Replacement(models.Model):
    """One step that changed, and can change back, many lines of a collection.

    What it may touch was settled when it was asked for: texts up to the revision ``as_of``, as its author saw them in
    the preview, without the places in ``left_out`` ({line: [numbers of places]}). ``planned_…`` are what was found
    then, ``places``, ``lines`` and ``pages`` what was changed; a line that somebody changed or opened in between is
    the difference.
    """

    class State(models.TextChoices):
        APPLYING = "applying", _("being made")
        DONE = "done", _("made")
        UNDOING = "undoing", _("being taken back")
        UNDONE = "undone", _("taken back")

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="replacements")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    find = models.CharField(max_length=200)
    put = models.CharField(max_length=200, blank=True)
    whole_words = models.BooleanField(default=False)
    match_case = models.BooleanField(default=True)
    typed = models.BooleanField(default=False, help_text="also texts that people typed or brought")
    as_of = models.BigIntegerField(help_text="the last revision that its author saw")
    left_out = models.JSONField(default=dict, help_text="numbers of places by line")
    state = models.CharField(max_length=8, choices=State, default=State.APPLYING)
    cursor = models.BigIntegerField(default=0, help_text="the last page that is done with")
    planned_places = models.PositiveIntegerField()
    planned_lines = models.PositiveIntegerField()
    planned_pages = models.PositiveIntegerField()
    places = models.PositiveIntegerField(default=0)
    lines = models.PositiveIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0)
    restored = models.PositiveIntegerField(default=0, help_text="lines taken back")
    held = models.JSONField(default=list, help_text="pages left out because somebody had them open")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)

    objects = ReplacementQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=~models.Q(find=""), name="replacement_finds_something")]
        indexes = [models.Index(fields=["collection", "-id"], name="replacements_made")]

    def __str__(self) -> str:
        return f"{self.find} → {self.put}"

    @property
    def pattern(self) -> Pattern:
        return Pattern(self.find, self.put, self.whole_words, self.match_case)

    @property
    def in_motion(self) -> bool:
        return self.state in (self.State.APPLYING, self.State.UNDOING)


class ReplacedLineQuerySet(models.QuerySet["ReplacedLine"]):
    def standing(self) -> Self:
        """Lines that their page shows and whose text is still what the replacement made of it."""
        shown = self.filter(restored=None, line__places__layout=F("line__page__layout"))
        return shown.filter(line__current=F("after"))

    def undoable(self) -> Self:
        """Those of them that may be taken back: what stands on an approved page, a person answers for."""
        return self.standing().filter(line__page__approved_at=None)


class ReplacedLine(models.Model):
    """A line that a replacement changed: its revisions before and after, and the one that took it back."""

    replacement = models.ForeignKey(Replacement, on_delete=models.CASCADE, related_name="changed")
    line = models.ForeignKey("transcription.Line", on_delete=models.CASCADE, related_name="+")
    before = models.ForeignKey("transcription.TranscriptRevision", on_delete=models.CASCADE, related_name="+")
    after = models.OneToOneField("transcription.TranscriptRevision", on_delete=models.CASCADE, related_name="replaced")
    restored = models.OneToOneField(
        "transcription.TranscriptRevision", on_delete=models.CASCADE, null=True, related_name="restores"
    )
    places = models.PositiveSmallIntegerField()

    objects = ReplacedLineQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["replacement", "line"], name="one_change_a_line")]

    def __str__(self) -> str:
        return f"line {self.line_id}: {self.places} places"
