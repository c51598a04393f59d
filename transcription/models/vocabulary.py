"""Words a collection is known to hold. Each change of the words makes a revision; runs pin the one they read with."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection


class Vocabulary(models.Model):
    """The state of one collection's vocabulary; whoever changes its terms locks this row first."""

    collection = models.OneToOneField(Collection, on_delete=models.CASCADE, primary_key=True, related_name="vocabulary")
    revision = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "vocabularies"

    def __str__(self) -> str:
        return f"vocabulary of {self.collection_id}, revision {self.revision}"


class TermKind(models.TextChoices):
    NAME = "name", _("name")
    PLACE = "place", _("place")
    TERM = "term", _("term")


class TermQuerySet(models.QuerySet["Term"]):
    def present(self) -> Self:
        """Terms that nobody has removed."""
        return self.filter(until=None)

    def at(self, revision: int) -> Self:
        """The terms as they were in ``revision``."""
        return self.filter(Q(until=None) | Q(until__gt=revision), since__lte=revision)


class Term(models.Model):
    """A name, a place or another term: one word or several, NFC, as it is written.

    It belongs to the revisions from ``since`` to before ``until``: what a run has read with stays known.
    """

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="terms")
    text = models.CharField(max_length=100)
    # Without case and accents: what lists are sorted by and searched in. Ligatures make it longer than the text.
    sort_key = models.CharField(max_length=400)
    kind = models.CharField(max_length=5, choices=TermKind, default=TermKind.TERM)
    note = models.CharField(max_length=200, blank=True)
    since = models.PositiveIntegerField()
    until = models.PositiveIntegerField(null=True)

    objects = TermQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "text"], condition=Q(until=None), name="one_term_a_text"),
            models.CheckConstraint(condition=~Q(text=""), name="term_says_something"),
            models.CheckConstraint(condition=Q(until=None) | Q(until__gt=F("since")), name="term_ends_after_it_began"),
        ]
        indexes = [
            models.Index(fields=["collection", "sort_key", "id"], name="terms_in_order", condition=Q(until=None))
        ]

    def __str__(self) -> str:
        return self.text
