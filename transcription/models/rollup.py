"""Counts that reports are drawn from: what the rows come to, by collection, day and kind.

What is counted is in the database's ``longhand_facts()``; triggers write every change of it to ``CountChange``, in the
transaction that makes it, and ``steps/rollups.py`` folds the changes into ``DailyCount``. Both together are exact at
any moment. Days are UTC's.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class CountKind(models.TextChoices):
    """What is counted, and what its ``key`` and day are. Times in milliseconds, money in millionths."""

    PAGES = "pages", "pages, by state; the day received"
    FINISHED = "finished", "pages machines were done with, by hour (00 to 23)"
    CONFIDENCE = "confidence", "finished pages, by twentieth of confidence, 1 to 20"
    APPROVALS = "approvals", "approvals, by mode|reviewer|class of active time"
    APPROVAL_MS = "approval-ms", "active time of approvals, by mode|reviewer"
    WORK = "work", "work done, by queue|step|pass version; the day it ended"
    WORK_MS = "work-ms", "what its devices took, by queue|step|pass version"
    WAIT = "wait", "work done, by queue|class of wait"
    WAIT_MS = "wait-ms", "wait of work done, by queue"
    HOST_MS = "host-ms", "what devices took, by computer"
    HOST_WORK = "host-work", "work done, by computer"
    LOST = "lost", "workers lost over work that was their only one, by step"
    FAILURES = "failures", "failures, by code"
    FAILURES_OPEN = "failures-open", "failures that nobody retried yet, by code"
    CALLS = "calls", "calls of paid endpoints, by endpoint"
    TOKENS = "tokens", "tokens charged, by endpoint"
    MONEY = "money", "money charged, by endpoint"
    # What follows comes from JudgedPage; the day is that on which a person last worked on the page.
    TYPED = "typed", "lines with a person's text"
    CHANGED = "changed", "those that differ from what stood there before"
    BEFORE_CHARS = "before-chars", "characters of lines with a person's text"
    BEFORE_EDITS = "before-edits", "edits from what stood there before to what was typed"
    VOTED_WORDS = "voted-words", "words voted on pages that people worked on"
    CHANGE = "change", "corrections, by the word before, CHANGE_MARK and the word after"
    TRUSTED_LINES = "trusted-lines", "lines of known text, by profile version"
    TRUSTED_CHARS = "trusted-chars", "their characters, by profile version"
    TRUSTED_EDITS = "trusted-edits", "edits from the vote to the text, by profile version"
    PASS_LINES = "pass-lines", "lines of known text a pass read, by pass version"
    PASS_CHARS = "pass-chars", "their characters"
    PASS_EDITS = "pass-edits", "edits from its reading to the text"
    PASS_BEST = "pass-best", "lines that no other pass of the run read better"
    PASS_WORDS = "pass-words", "words of votes that the pass stood for"
    PASS_RIGHT = "pass-right", "those that were right"
    PASS_ALONE = "pass-alone", "words of votes that no other pass stood for"
    PASS_ALONE_RIGHT = "pass-alone-right", "those that were right"
    BIN_WORDS = "bin-words", "words of known lines, by calibration|thirtieth of confidence, 0 to 29"
    BIN_RIGHT = "bin-right", "those that were right"
    BIN_SUM = "bin-sum", "sum of their confidence in millionths"


CHANGE_MARK = "\x1f"
NO_COLLECTION = 0  # what was charged for none


class _Count(models.Model):
    collection_id = models.BigIntegerField()
    day = models.DateField()
    kind = models.CharField(max_length=20, help_text="a CountKind")
    key = models.TextField(blank=True)
    value = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kind} {self.key} of {self.day}: {self.value}"


class DailyCount(_Count):
    """What the changes that were folded come to. Below 0 only where a change that evens it out is not folded yet."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "collection_id", "day", "key"], name="one_daily_count")]
        indexes = [models.Index(fields=["id"], name="counts_of_nothing", condition=Q(value=0))]


class CountChange(_Count):
    """What one statement adds to a count. Append-only, and so without a row that two workers would wait for."""


class JudgedPage(models.Model):
    """What a page on which people worked says about its machines: ``facts``, [[kind, key, value], …], all of ``day``.

    Its triggers count the facts as those of any other row.
    """

    page = models.OneToOneField("transcription.Page", on_delete=models.CASCADE, primary_key=True, related_name="+")
    collection_id = models.BigIntegerField()
    day = models.DateField()
    facts = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"judgement of page {self.page_id}"


class JudgementMark(models.Model):
    """A page whose judgement may be out of date. Append-only as the changes are; a page may have many."""

    page_id = models.BigIntegerField()
    marked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"page {self.page_id} since {self.marked_at}"
