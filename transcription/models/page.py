"""Pages and their journey."""

from __future__ import annotations

from pathlib import PurePath
from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, Role


class PageState(models.TextChoices):
    """How far a page has come. A failed step leaves the last good state and a Failure row."""

    RECEIVED = "received", _("received")
    PREPARED = "prepared", _("prepared")
    SEGMENTED = "segmented", _("lines found")
    READ = "read", _("read")
    VOTED = "voted", _("voted")
    SCORED = "scored", _("scored")
    ACCEPTED = "accepted", _("accepted")
    IN_REVIEW = "in_review", _("in review")
    REVIEWED = "reviewed", _("reviewed")


class Turner(models.TextChoices):
    """Who said which way up a page is. A machine says it once, and never against a person."""

    NOBODY = "", _("nobody")
    MACHINE = "machine", _("machine")
    PERSON = "person", _("person")


class Part(models.IntegerChoices):
    """Which part of its original's frame a page shows: a two-page spread may be two pages, and be joined again."""

    WHOLE = 0, _("whole")
    LEFT = 1, _("left")
    RIGHT = 2, _("right")


IN_REVIEW = models.Q(state="in_review")
FINISHED_STATES = [PageState.ACCEPTED, PageState.IN_REVIEW, PageState.REVIEWED]


class PageQuerySet(models.QuerySet["Page"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role))

    def awaiting_review(self) -> Self:
        return self.filter(state=PageState.IN_REVIEW)

    def with_drawn_lines(self) -> Self:
        """Pages whose present layout a person made; who it was may be forgotten. One that came along when the page was
        turned, split or joined counts where a person had made one before."""
        from transcription.models.layout import CARRIED, Layout  # not above: Layout points at Page

        came_along = models.Q(layout__change__in=CARRIED)
        drawn_before = Exists(Layout.objects.filter(page=OuterRef("pk"), author__isnull=False))
        made = ~models.Q(layout__author=None) | (models.Q(layout__change__gt="") & ~came_along)
        return self.filter(made | (came_along & drawn_before))

    def unsplit_spreads(self) -> Self:
        """Two-page spreads that are one page and may be split: not approved, their image not just being made."""
        whole = self.filter(part=Part.WHOLE, gutter__isnull=False, approved_at=None)
        return whole.exclude(state=PageState.RECEIVED)

    def held(self) -> Self:
        """Pages that somebody has open in the editor: review's claims, which point at pages."""
        return self.filter(claim__lease_until__gt=Now())

    def with_open_failure(self) -> Self:
        """Pages of which a step was given up and nobody has retried it yet."""
        from transcription.models.failure import Failure  # not above: Failure points at Page

        return self.filter(Exists(Failure.objects.filter(page=OuterRef("pk"), resolved_at=None)))


class Page(models.Model):
    """One page of one document. Sizes and coordinates are pixels of the upright stored image."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="pages")
    document = models.ForeignKey("transcription.Document", on_delete=models.CASCADE, related_name="pages")
    original = models.ForeignKey("transcription.Original", on_delete=models.CASCADE, related_name="pages")
    frame = models.PositiveIntegerField(default=0, help_text="which page of the original, 0-based")
    part = models.PositiveSmallIntegerField(choices=Part, default=Part.WHOLE)
    # Beyond what the file itself says (EXIF): what the segmenter or a person found.
    turn = models.PositiveSmallIntegerField(default=0, help_text="quarter turns clockwise, 0 to 3")
    turned_by = models.CharField(max_length=8, choices=Turner, blank=True, default=Turner.NOBODY)
    # A part was cut from the frame after this turn; its own ``turn`` comes after the cut.
    frame_turn = models.PositiveSmallIntegerField(default=0, help_text="quarter turns of the frame of a part")
    # Where the frame parts in two pages, as a share of its width; null: it is a single page, or nobody looked yet.
    gutter = models.FloatField(null=True)
    position = models.PositiveIntegerField(help_text="order in the document, 1-based")
    state = models.CharField(max_length=10, choices=PageState, default=PageState.RECEIVED)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    transform = models.JSONField(default=dict, help_text="how the upright image comes from the original")
    # Counted up whenever the image is made anew, turned or parted another way; files and work carry it.
    image = models.PositiveSmallIntegerField(default=0, help_text="version of the image")
    pyramid = models.CharField(max_length=200, blank=True, help_text="tiled TIFF, name in the default storage")
    thumbnail = models.CharField(max_length=200, blank=True)
    run = models.ForeignKey("transcription.Run", on_delete=models.SET_NULL, null=True, related_name="+")
    layout = models.ForeignKey("transcription.Layout", on_delete=models.SET_NULL, null=True, related_name="+")
    # Expected share of right words; null until scored.
    confidence = models.FloatField(null=True)
    # Expected share of wrong characters; null until scored, and where that was not fitted.
    expected_cer = models.FloatField(null=True)
    # Expected wrong words a second of a person's reading, 0 where nothing is known, and the pace it was reckoned with.
    usefulness = models.FloatField(default=0.0, db_default=0.0)
    pace = models.ForeignKey(
        "transcription.ReviewPace", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    received_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, help_text="when the machine was done with it, first time")
    approved_at = models.DateTimeField(null=True, help_text="a person ended the work on it; cleared when sent back")
    approved_whole = models.BooleanField(default=False, help_text="whoever approved it read every line")
    changed_at = models.DateTimeField(auto_now=True)

    objects = PageQuerySet.as_manager()

    class Meta:
        ordering = ["document", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["original", "frame", "part"], name="one_page_a_part_of_a_frame"),
            models.CheckConstraint(
                condition=models.Q(confidence=None) | (models.Q(confidence__gte=0) & models.Q(confidence__lte=1)),
                name="page_confidence_in_0_1",
            ),
        ]
        indexes = [
            # Pages read whole, the newest of a collection: what its calibration is fitted on.
            models.Index(
                fields=["collection", "approved_at"], name="page_read_whole", condition=models.Q(approved_whole=True)
            ),
            models.Index(fields=["collection", "state", "confidence", "id"], name="page_queue"),
            models.Index(fields=["document", "position", "id"], name="page_order"),
            # The queue of review in its two orders, and what of it was weighed by a pace of old.
            models.Index(fields=["-usefulness", "id"], name="page_useful", condition=IN_REVIEW),
            models.Index(fields=["collection", "-usefulness", "id"], name="page_useful_here", condition=IN_REVIEW),
            models.Index(
                fields=["collection", "document", "position", "id"], name="page_in_review", condition=IN_REVIEW
            ),
            models.Index(fields=["pace"], name="page_weighed", condition=IN_REVIEW),
        ]

    def __str__(self) -> str:
        return f"{self.document} p. {self.position}"

    @property
    def degrees(self) -> int:
        """How far the image was turned clockwise, beyond what its file says: 0, 90, 180 or 270."""
        return (self.frame_turn + self.turn) % 4 * 90

    @property
    def label(self) -> str:
        """What people know the page by: its file's name, with the page in it where the file holds several, and which
        page of a spread it is."""
        name = self.original.name
        label = PurePath(name).stem or name
        if self.frame or (self.original.frames or 1) > 1:
            label = gettext("%(file)s p. %(number)d") % {"file": name, "number": self.frame + 1}
        if self.part == Part.WHOLE:
            return label
        return gettext("%(page)s (%(part)s)") % {"page": label, "part": Part(self.part).label}
