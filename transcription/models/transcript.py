"""The current text of a line, as append-only revisions. A trigger refuses to change or delete one."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Source(models.TextChoices):
    """Where a revision comes from; later ones in PRECEDENCE outrank earlier ones."""

    VOTE = "vote", _("vote")
    DRAFT = "draft", _("draft")
    BULK = "bulk", _("bulk fix")
    IMPORT = "import", _("import")
    PERSON = "person", _("person")


BROUGHT = [Source.IMPORT, Source.DRAFT]  # placed from a file, by people or by another program
PRECEDENCE = [Source.VOTE, Source.DRAFT, Source.BULK, Source.IMPORT, Source.PERSON]


class TranscriptRevision(models.Model):
    """Revision ``number`` (1-based, gapless) of a line's text."""

    line = models.ForeignKey("transcription.Line", on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    source = models.CharField(max_length=10, choices=Source)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    vote = models.ForeignKey("transcription.Vote", on_delete=models.SET_NULL, null=True, related_name="+")
    transcript = models.ForeignKey(
        "transcription.ImportedTranscript",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="what text of the source import was placed from",
    )
    layout = models.ForeignKey(
        "transcription.Layout",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="the layout whose lines this text was moved to; nobody typed it there",
    )
    mixed = models.BooleanField(
        default=False, help_text="moved text: the machine's words stand among it, so it is no ground truth"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["line", "number"], name="one_revision_a_number"),
            # Voted text never becomes a person's by being accepted unseen.
            models.CheckConstraint(
                condition=~models.Q(source="person") | models.Q(vote=None), name="person_text_is_no_vote"
            ),
        ]

    def __str__(self) -> str:
        return f"r{self.number}: {self.text}"
