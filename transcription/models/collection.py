"""Collections and who may do what in them."""

from __future__ import annotations

import secrets
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a member may do; each role includes what stands above it."""

    STAFF = "staff", _("staff: uploads")
    REVIEWER = "reviewer", _("reviewer: corrects")
    LEAD = "lead", _("lead: assigns and reports")
    ADMIN = "admin", _("admin: everything")


ROLE_ORDER = [Role.STAFF, Role.REVIEWER, Role.LEAD, Role.ADMIN]


def roles_from(role: Role) -> list[Role]:
    """The roles that include ``role``."""
    return ROLE_ORDER[ROLE_ORDER.index(role) :]


def new_seed() -> int:
    """A number that nobody can guess, as PostgreSQL's bigint holds it."""
    return secrets.randbits(62)


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        """Collections in which ``user`` holds ``role`` or one that includes it; all of them for a superuser."""
        if not user.is_authenticated:
            return self.none()
        if getattr(user, "is_superuser", False):
            return self.all()
        held = Membership.objects.filter(user_id=user.pk, role__in=roles_from(role))
        return self.filter(pk__in=held.values("collection"))


class Collection(models.Model):
    """What an archive owns: a box, a fonds, a register series."""

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        CANCELLED = "cancelled", _("cancelled")

    class Spreads(models.TextChoices):
        KEEP = "keep", _("keep as one page, read left before right")
        SPLIT = "split", _("split into two pages")

    title = models.CharField(_("title"), max_length=200)
    identifier = models.CharField(_("identifier"), max_length=120, blank=True, help_text=_("as in your catalogue"))
    dates = models.CharField(_("dates"), max_length=120, blank=True)
    creator = models.CharField(_("creator"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=35, blank=True, help_text=_("such as en or fr"))
    rights = models.CharField(_("rights"), max_length=300, blank=True)
    guidelines = models.TextField(_("transcription guidelines"), blank=True, help_text=_("shown to every reviewer"))
    characters = models.CharField(
        _("special characters"),
        max_length=200,
        blank=True,
        default="ſ æ œ ° § £ «» “”",
        help_text=_(
            "offered while a reviewer types, with spaces between; two that open and close enclose what is selected"
        ),
    )
    threshold = models.FloatField(
        _("review threshold"),
        default=0.5,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_("pages whose confidence is lower go to review"),
    )
    promised_error = models.FloatField(
        _("promised error rate"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001), MaxValueValidator(0.5)],
    )
    audit_rate = models.FloatField(
        _("audited share"), default=0.05, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    # What is drawn for audits follows from it: nobody can know it beforehand, anybody can check it afterwards.
    audit_seed = models.BigIntegerField(default=new_seed, editable=False)
    profile = models.ForeignKey(
        "transcription.Profile", on_delete=models.PROTECT, null=True, blank=True, related_name="collections"
    )
    spreads = models.CharField(_("two-page spreads"), max_length=5, choices=Spreads, default=Spreads.KEEP)
    name_reviewers = models.BooleanField(
        _("name reviewers in reports"),
        default=True,
        help_text=_("to leads; otherwise everybody sees their own times only"),
    )
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    is_sample = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # When work of this collection was last claimed: the one that waited longest is served next.
    served_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ["title", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(threshold__gte=0) & models.Q(threshold__lte=1), name="collection_threshold_in_0_1"
            )
        ]

    def __str__(self) -> str:
        return self.title


class Membership(models.Model):
    """One user's role in one collection."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "collection"], name="one_role_a_member")]

    def __str__(self) -> str:
        return f"{self.user} · {self.role} · {self.collection}"
