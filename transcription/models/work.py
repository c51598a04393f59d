"""The unit of work. PostgreSQL is the queue; a Celery message only says "there is work"."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Step(models.TextChoices):
    SAMPLE = "sample", _("drawing the sample")
    FETCH = "fetch", _("fetching")
    UNPACK = "unpack", _("opening the file")
    PREPARE = "prepare", _("preparing")
    SEGMENT = "segment", _("finding lines")
    RECOGNIZE = "recognize", _("reading")
    VOTE = "vote", _("voting")
    SCORE = "score", _("scoring")
    ALIGN = "align", _("placing a brought transcript")
    ROUTE = "route", _("routing")
    EXPORT = "export", _("exporting")
    PROMISE = "promise", _("weighing the audits")
    CALIBRATE = "calibrate", _("fitting word confidence")
    REPLACE = "replace", _("replacing in many texts")


class Queue(models.TextChoices):
    CPU = "cpu", "cpu"
    ENGINE = "engine", "engine"


class Lane(models.IntegerChoices):
    """Interactive work overtakes bulk work."""

    INTERACTIVE = 0, _("interactive")
    BULK = 1, _("bulk")


class WorkState(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class Work(models.Model):
    """A step to do once. ``input_hash`` is unique: the same work cannot exist twice.

    Claimed rows carry a ``token`` and a lease in database time; results are written only under the token.
    ``interruptions`` counts workers lost while this row was their only one, ``attempts`` errors that engines raised.
    """

    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, related_name="work")
    original = models.ForeignKey("transcription.Original", on_delete=models.CASCADE, null=True, related_name="work")
    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, null=True, related_name="work")
    run = models.ForeignKey("transcription.Run", on_delete=models.CASCADE, null=True, related_name="work")
    pass_version = models.ForeignKey("transcription.PassVersion", on_delete=models.PROTECT, null=True, related_name="+")
    export = models.ForeignKey("transcription.Export", on_delete=models.CASCADE, null=True, related_name="work")
    transcript = models.ForeignKey(
        "transcription.ImportedTranscript", on_delete=models.CASCADE, null=True, related_name="work"
    )
    audit = models.ForeignKey("transcription.Audit", on_delete=models.CASCADE, null=True, related_name="work")
    promise = models.ForeignKey("transcription.Promise", on_delete=models.CASCADE, null=True, related_name="work")
    calibration = models.ForeignKey(
        "transcription.CollectionCalibration", on_delete=models.CASCADE, null=True, related_name="work"
    )
    replacement = models.ForeignKey(
        "transcription.Replacement", on_delete=models.CASCADE, null=True, related_name="work"
    )
    manifest = models.ForeignKey("transcription.Manifest", on_delete=models.CASCADE, null=True, related_name="work")
    step = models.CharField(max_length=12, choices=Step)
    queue = models.CharField(max_length=8, choices=Queue)
    stage = models.PositiveSmallIntegerField(default=0)
    lines = ArrayField(models.BigIntegerField(), null=True, help_text="line ids; null: all lines of the layout")
    lane = models.PositiveSmallIntegerField(choices=Lane, default=Lane.BULK)
    rank = models.PositiveSmallIntegerField(default=0, help_text="lower first: pages begun are finished first")
    state = models.CharField(max_length=10, choices=WorkState, default=WorkState.QUEUED)
    input_hash = models.CharField(max_length=64, unique=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    interruptions = models.PositiveSmallIntegerField(default=0)
    alone = models.BooleanField(default=False, help_text="its last batch was lost: try it by itself")
    token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    company = models.PositiveSmallIntegerField(default=0, help_text="rows claimed together with it, itself included")
    worker = models.CharField(max_length=120, blank=True)
    not_before = models.DateTimeField(null=True, help_text="back-off after a transient error")
    waiting_for = models.CharField(max_length=400, blank=True, help_text="why it was put off, for people")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    milliseconds = models.FloatField(default=0, help_text="time its device spent on it")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="running", token__isnull=False, lease_until__isnull=False)
                | (~models.Q(state="running") & models.Q(token__isnull=True, lease_until__isnull=True)),
                name="work_token_while_running",
            )
        ]
        indexes = [
            models.Index(
                fields=["queue", "collection", "lane", "-alone", "rank", "id"],
                name="work_due",
                condition=models.Q(state="queued"),
            ),
            models.Index(fields=["lease_until"], name="work_leases", condition=models.Q(state="running")),
            models.Index(fields=["run", "step", "stage"], name="work_of_run"),
            models.Index(fields=["collection", "state"], name="work_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.state} (work {self.pk})"
