"""Worker processes as they report themselves: what they hold and when they were last seen."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Worker(models.Model):
    name = models.CharField(max_length=120, unique=True, help_text="host and process id")
    queue = models.CharField(max_length=8)
    engine_digests = ArrayField(models.CharField(max_length=64), default=list)
    loaded = ArrayField(models.CharField(max_length=40), default=list, help_text="engines in its memory")
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name
