"""Who checks what blind: the next line for a person to type, and the next one to say who is right about.

Blind means that whoever types has not seen the text: nobody types a page that they corrected or approved, and nobody
judges what they typed. Audits are served in the order in which they were drawn, since those that are settled early
count for nothing before the ones ahead of them (`steps.weigh_audits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from review.models import Approval
from transcription.htr.difference import difference
from transcription.models import Audit, AuditLine, Role, TranscriptRevision

LEASE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many lines a person may type and judge at this moment."""

    to_type: int
    to_judge: int


def waiting_for(user: User) -> Waiting:
    return Waiting(to_type(user).count(), to_judge(user).count())


def to_type(user: User) -> QuerySet[AuditLine]:
    """Lines that nobody typed yet and ``user`` may, in order; those of audits that others hold are left out."""
    lines = _open_lines(user).filter(typed_at=None).filter(~Exists(_seen_by(user)), ~Exists(_approved_by(user)))
    held = Q(audit__held_until__gt=Now()) & ~Q(audit__holder=user)
    return lines.exclude(held).order_by("audit", "position")


def to_judge(user: User) -> QuerySet[AuditLine]:
    """Lines that somebody else typed otherwise than they were read, in order."""
    return _open_lines(user).filter(typed_at__isnull=False).exclude(typist=user).order_by("audit", "position")


def next_to_type(user: User) -> AuditLine | None:
    """The next line for ``user`` to type; its audit is held for them a while: two people do not type one page."""
    with transaction.atomic():
        audits = Audit.objects.filter(pk__in=to_type(user).order_by().values("audit")).order_by("pk")
        own = audits.filter(holder=user, held_until__gt=Now())
        audit = own.first() or audits.select_for_update(skip_locked=True).first()
        if audit is None:
            return None
        Audit.objects.filter(pk=audit.pk).update(holder=user, held_until=Now() + LEASE)
        return to_type(user).filter(audit=audit).first()


def next_to_judge(user: User) -> AuditLine | None:
    return to_judge(user).first()


def may_type(user: User, line: AuditLine) -> bool:
    return to_type(user).filter(pk=line.pk).exists()


def may_judge(user: User, line: AuditLine) -> bool:
    return to_judge(user).filter(pk=line.pk).exists()


@dataclass(frozen=True, slots=True)
class Version:
    """One of the two texts as the judge sees it: its words in stretches, those marked in which the two differ."""

    stretches: Sequence[tuple[str, bool]]
    verdict: AuditLine.Verdict

    @property
    def is_empty(self) -> bool:
        return not self.stretches


def versions(line: AuditLine) -> list[Version]:
    """What the judge chooses from, in an order that does not say which is the machine's; alone where the typist could
    not read the line."""
    typed = line.typed or ""
    read = Version(_marked(typed, line.text), AuditLine.Verdict.TEXT)
    if line.unreadable:
        return [Version([(line.text, False)] if line.text else [], AuditLine.Verdict.TEXT)]
    other = Version(_marked(line.text, typed), AuditLine.Verdict.TYPED)
    return [other, read] if line.swapped else [read, other]


def _marked(other: str, text: str) -> list[tuple[str, bool]]:
    pieces = difference(other, text)
    return [(piece.text, piece.kind == "added") for piece in pieces if piece.kind != "removed" and piece.text]


def _open_lines(user: User) -> QuerySet[AuditLine]:
    audits = Audit.objects.visible_to(user, Role.REVIEWER).waiting()
    lines = AuditLine.objects.filter(audit__in=audits, verdict="", audit__page__pyramid__gt="")
    # One that is in no layout any more cannot be shown.
    return lines.filter(line__places__layout=F("audit__page__layout")).select_related(
        "audit__page", "audit__collection"
    )


def _seen_by(user: User) -> QuerySet[TranscriptRevision]:
    return TranscriptRevision.objects.filter(line__page=OuterRef("audit__page"), author=user)


def _approved_by(user: User) -> QuerySet[Approval]:
    return Approval.objects.filter(page=OuterRef("audit__page"), reviewer=user)
