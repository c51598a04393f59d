"""Which passes read a collection. Versions are immutable once used, so that any text can say how it came about."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class PassVersion(models.Model):
    """An enhancement recipe × an engine at one exact state; ``digest`` is the SHA-256 over all of it."""

    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=80, help_text="such as clahe+starter")
    recipe = models.CharField(max_length=40)
    recipe_options = models.JSONField(default=dict)
    engine = models.CharField(max_length=40)
    # SHA-256 over the engine's class, version, options and weights: a worker takes work only for what it holds.
    engine_digest = models.CharField(max_length=64, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name}@{self.digest[:8]}"


class Profile(models.Model):
    """What reads a collection. Versions pin it to exact engines; when these change, a new version is derived.

    A shared one reads nothing by itself: it is what collections may begin their own choice with.
    """

    name = models.CharField(max_length=80, unique=True)
    # As a person chose them, whatever the engines are: [{"enhancement": as htr.enhance writes it, "weight": number,
    # "engine": where it is not the bundled one, "stage": where it is not the first}].
    choice = models.JSONField(null=True, help_text="the chosen passes; null: nobody chose any")
    thresholds = models.JSONField(default=list, help_text="of each stage but the last, as chosen; missing: the usual")
    shared = models.BooleanField(default=False, help_text="a person gave it its name, for any collection to take")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return self.name


class ProfileVersion(models.Model):
    """The stages of a profile: its segmenter and, through StagePass, the passes of each stage.

    ``thresholds`` holds, for each stage, the line confidence under which a line goes on to the next stage.
    """

    profile = models.ForeignKey(Profile, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    segmenter = models.CharField(max_length=40)
    segmenter_digest = models.CharField(max_length=64)
    thresholds = models.JSONField(default=list)
    calibration = models.JSONField(null=True, help_text="word calibration bundle; null: uncalibrated")
    passes: models.ManyToManyField[PassVersion, StagePass] = models.ManyToManyField(PassVersion, through="StagePass")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "number"], name="one_profile_version_a_number"),
            models.UniqueConstraint(fields=["profile", "digest"], name="one_profile_version_a_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.profile} v{self.number}"


class StagePass(models.Model):
    """A pass in a stage of a profile version; stages count from 0."""

    profile_version = models.ForeignKey(ProfileVersion, on_delete=models.CASCADE, related_name="stage_passes")
    pass_version = models.ForeignKey(PassVersion, on_delete=models.PROTECT)
    stage = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)
    weight = models.FloatField(default=1.0, help_text="how much the vote trusts this pass beside the others")

    class Meta:
        ordering = ["stage", "position"]
        constraints = [
            models.UniqueConstraint(fields=["profile_version", "stage", "pass_version"], name="one_pass_a_stage")
        ]

    def __str__(self) -> str:
        return f"{self.profile_version} stage {self.stage}: {self.pass_version}"


class ChosenVersion(models.Model):
    """A profile version that a person gave a collection, and when."""

    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, related_name="chosen_versions")
    profile_version = models.ForeignKey(ProfileVersion, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.profile_version} for {self.collection}"
