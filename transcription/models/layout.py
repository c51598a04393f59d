"""Lines are stable things on a page; layouts are versions of where they stand. Text hangs on lines."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from transcription.htr.blank import is_blank
from transcription.htr.records import LineGeometry, RegionGeometry

# What ``Layout.change`` says of a layout that came along with its page: codes, where a person's change is a sentence.
TURNED, SPLIT, JOINED = "turned", "split", "joined"
CARRIED = [TURNED, SPLIT, JOINED]


class Production(models.TextChoices):
    """How a line was written: PAGE XML's words, without its finer kinds of handwriting."""

    UNKNOWN = "", _("not said")
    HANDWRITTEN = "handwritten", _("handwritten")
    PRINTED = "printed", _("printed")
    TYPEWRITTEN = "typewritten", _("typewritten")


class Line(models.Model):
    """One line of writing, whatever layout shows it. ``current`` is its transcript's last revision."""

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="lines")
    derived_from = models.ManyToManyField("self", symmetrical=False, related_name="derived", blank=True)
    current = models.OneToOneField(
        "transcription.TranscriptRevision", on_delete=models.SET_NULL, null=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"line {self.pk}"


class Layout(models.Model):
    """An ordered, versioned set of line geometries of one page. Immutable.

    A layout that a person made names its ``author``, the layout it changed (``parent``) and what was done (``change``).
    ``regions`` are {"id", "kind", "polygon"} in reading order; a line's ``region`` is the id of one of them.
    """

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="layouts")
    version = models.PositiveIntegerField()
    source = models.CharField(max_length=80, help_text="segmenter and its version, or the person")
    note = models.CharField(max_length=200, blank=True, help_text="why there are no lines")
    regions = models.JSONField(default=list)
    framing = models.JSONField(default=dict, help_text="the image of which geometries are pixels; htr.framing.Framing")
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="children")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    change = models.CharField(max_length=200, blank=True, help_text="what a person did to the parent")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["page", "version"], name="one_layout_a_version")]

    def __str__(self) -> str:
        return f"layout {self.version} of page {self.page_id}"

    @property
    def region_geometries(self) -> tuple[RegionGeometry, ...]:
        return tuple(
            RegionGeometry(str(each["id"]), str(each["kind"]), tuple((int(x), int(y)) for x, y in each["polygon"]))
            for each in self.regions
        )

    @property
    def is_blank(self) -> bool:
        """Whether what made it was sure that the page is blank."""
        return is_blank(self.note)


class LayoutLine(models.Model):
    """Where a line stands in a layout: baseline and polygon as lists of [x, y] in pixels."""

    layout = models.ForeignKey(Layout, on_delete=models.CASCADE, related_name="places")
    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="places")
    position = models.PositiveIntegerField(help_text="reading order, 1-based")
    baseline = models.JSONField()
    polygon = models.JSONField()
    region = models.CharField(max_length=40, default="text")
    production = models.CharField(max_length=12, choices=Production, blank=True, default=Production.UNKNOWN)
    ink = models.FloatField(null=True, help_text="share of the line's image that is ink, measured when it is first cut")

    class Meta:
        ordering = ["layout", "position"]
        constraints = [
            models.UniqueConstraint(fields=["layout", "position"], name="one_line_a_place"),
            models.UniqueConstraint(fields=["layout", "line"], name="one_place_a_line"),
        ]

    def __str__(self) -> str:
        return f"line {self.line_id} at {self.position}"

    @property
    def geometry(self) -> LineGeometry:
        return LineGeometry(
            baseline=tuple((int(x), int(y)) for x, y in self.baseline),
            polygon=tuple((int(x), int(y)) for x, y in self.polygon),
            region=self.region,
            production=self.production,
        )
