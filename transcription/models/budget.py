"""What paid endpoints may cost and what they have cost: caps, counters and the ledger.

Tokens are whole tokens; money is in millionths of the currency of ``endpoints.toml``. Hours and days are those of
UTC, by the database's clock.
"""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Span(models.TextChoices):
    """How long a cap holds before it begins anew."""

    HOUR = "hour", _("hour")
    DAY = "day", _("day")
    TOTAL = "total", _("in all")


def scope_of(*, endpoint: str = "", collection_id: int | None = None) -> str:
    """The name under which an endpoint's spending is counted, or a collection's on all endpoints together."""
    return f"endpoint/{endpoint}" if collection_id is None else f"collection/{collection_id}"


class Cap(models.Model):
    """The most that one endpoint, or one collection on all endpoints together, may use in one span; null: no limit."""

    endpoint = models.CharField(max_length=40, blank=True, help_text="empty for a collection's cap")
    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, null=True, related_name="caps")
    span = models.CharField(max_length=5, choices=Span)
    tokens = models.BigIntegerField(null=True, validators=[MinValueValidator(0)])
    money = models.BigIntegerField(null=True, validators=[MinValueValidator(0)], help_text="millionths")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(collection__isnull=True) ^ models.Q(endpoint=""), name="cap_has_one_scope"
            ),
            models.UniqueConstraint(
                fields=["endpoint", "span"], condition=models.Q(collection__isnull=True), name="one_cap_an_endpoint"
            ),
            models.UniqueConstraint(fields=["collection", "span"], name="one_cap_a_collection"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} · {self.span}"

    @property
    def scope(self) -> str:
        """Whose spending it limits, as ``Spending.scope`` says it."""
        return scope_of(endpoint=self.endpoint, collection_id=self.collection_id)


class Spending(models.Model):
    """What one scope used in one span that began at ``start``: settled charges, and reservations at their maximum.

    Its row is what reservations of the scope wait for each other at.
    """

    scope = models.CharField(max_length=60, help_text="endpoint/<name> or collection/<id>")
    span = models.CharField(max_length=5, choices=Span)
    start = models.DateTimeField()
    tokens = models.BigIntegerField(default=0)
    money = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "span", "start"], name="one_counter_a_span")]

    def __str__(self) -> str:
        return f"{self.scope} · {self.span} from {self.start}: {self.tokens}"


class ChargeState(models.TextChoices):
    RESERVED = "reserved", _("under way")
    SETTLED = "settled", _("charged")
    REFUNDED = "refunded", _("given back")


class Charge(models.Model):
    """One call of an endpoint. ``tokens`` and ``money`` are what it counts now: its maximum until it is settled.

    A row that stays reserved belongs to a worker that died: whether its call was made nobody knows, so it stays charged
    at its maximum. What it was for is kept as numbers, so that the ledger outlives what is deleted. ``answer`` is what
    was paid for, kept until the page it belongs to is written: no answer is paid twice.
    """

    endpoint = models.CharField(max_length=40)
    collection_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(null=True)
    page_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(null=True)
    run_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(null=True)
    work_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(null=True)
    line_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(null=True)
    state = models.CharField(max_length=8, choices=ChargeState, default=ChargeState.RESERVED)
    reserved_in = models.BigIntegerField()
    reserved_out = models.BigIntegerField()
    tokens_in = models.BigIntegerField(null=True, help_text="as the endpoint counted; null: it did not say")
    tokens_out = models.BigIntegerField(null=True)
    tokens = models.BigIntegerField()
    money = models.BigIntegerField()
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["collection_id", "-id"], name="charges_of_collection"),
            models.Index(fields=["endpoint", "-id"], name="charges_of_endpoint"),
            models.Index(fields=["work_id"], name="charges_kept", condition=models.Q(answer__isnull=False)),
            models.Index(fields=["created_at"], name="charges_under_way", condition=models.Q(state="reserved")),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.tokens} tokens, {self.state}"


class Overrun(models.Model):
    """The most an endpoint counted for one call, where that was more than had been reserved: reserved ever since."""

    endpoint = models.CharField(max_length=40, unique=True)
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.tokens_in} in, {self.tokens_out} out"
