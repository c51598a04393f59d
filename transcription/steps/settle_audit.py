"""What people found in a blind audit: what they typed without seeing the machine's text, and who is right where the two
differ.

A difference alone counts against nobody: typists slip, too. A second person looks at the image and says which of two
texts stands there, without being told which is the machine's.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from transcription.errors import Conflict
from transcription.htr.risk import count_edits
from transcription.htr.text import clean
from transcription.models import Audit, AuditLine, Lane, Step
from transcription.steps.promises import open_promise
from transcription.steps.queue import enqueue


class AuditOver(Conflict):
    """Somebody else typed or judged the line, or a later reading has overtaken it."""

    code = "audit-over"


class OwnTyping(Conflict):
    """The typist cannot be the judge."""

    code = "own-typing"


def type_line(line: AuditLine, *, text: str, unreadable: bool, typist: User) -> AuditLine:
    """Record what ``typist`` reads in the image; settled at once where it is what the machine read.

    The same again from the same person is taken as a repeated request. Raises AuditOver.
    """
    with transaction.atomic():
        fresh = _locked(line)
        typed = clean(text)
        if fresh.typist_id == typist.pk and fresh.typed == typed and fresh.unreadable == unreadable:
            return fresh
        if fresh.typed_at is not None or fresh.verdict or fresh.audit.state != Audit.State.OPEN:
            raise AuditOver(_("This line was typed by somebody else in the meantime. Go on with the next one."))
        fresh.typed, fresh.unreadable, fresh.typist = typed, unreadable, typist
        AuditLine.objects.filter(pk=fresh.pk).update(typed=typed, unreadable=unreadable, typist=typist, typed_at=Now())
        if not unreadable and count_edits(typed, fresh.text)[0] == 0:
            _settle(fresh, AuditLine.Verdict.SAME, typed)
        return fresh


def judge_line(line: AuditLine, *, verdict: AuditLine.Verdict, text: str, judge: User) -> AuditLine:
    """Record who is right; ``text`` is what stands there where both are wrong. Raises AuditOver and OwnTyping."""
    with transaction.atomic():
        fresh = _locked(line)
        if fresh.verdict and fresh.judge_id == judge.pk and fresh.verdict == verdict:
            return fresh  # a repeated request
        if fresh.typed_at is None or fresh.verdict or fresh.audit.state != Audit.State.OPEN:
            raise AuditOver(_("This line was settled in the meantime. Go on with the next one."))
        if fresh.typist_id == judge.pk:
            raise OwnTyping(_("You typed this line yourself: somebody else has to say who is right."))
        truths: dict[AuditLine.Verdict, str | None] = {
            AuditLine.Verdict.TEXT: fresh.text,
            AuditLine.Verdict.TYPED: fresh.typed,
            AuditLine.Verdict.UNREADABLE: None,
        }
        fresh.judge = judge
        AuditLine.objects.filter(pk=fresh.pk).update(judge=judge)
        _settle(fresh, verdict, truths.get(verdict, clean(text)))
        return fresh


def _locked(line: AuditLine) -> AuditLine:
    """The line, freshly read while its audit is locked: two people who end an audit together end it once."""
    Audit.objects.select_for_update().get(pk=line.audit_id)
    return AuditLine.objects.select_related("audit", "vote").get(pk=line.pk)


def _settle(line: AuditLine, verdict: AuditLine.Verdict, truth: str | None) -> None:
    read = line.vote.text if line.vote is not None else None
    if truth is None:
        edits = characters = line.size  # nobody can vouch for what nobody can read
        read_edits = edits if read is not None else None
    else:
        edits, characters = count_edits(truth, line.text)
        read_edits = count_edits(truth, read)[0] if read is not None else None
    line.verdict, line.truth, line.edits, line.characters = verdict, truth, edits, characters
    AuditLine.objects.filter(pk=line.pk).update(
        verdict=verdict, truth=truth, edits=edits, characters=characters, read_edits=read_edits, settled_at=Now()
    )
    audit = line.audit
    if not audit.lines.filter(verdict="").exists():
        Audit.objects.filter(pk=audit.pk).update(state=Audit.State.SETTLED, settled_at=Now(), holder=None)
        if audit.kind == Audit.Kind.MACHINE and open_promise(audit.collection_id) is not None:
            enqueue(step=Step.PROMISE, collection_id=audit.collection_id, lane=Lane.INTERACTIVE, audit_id=audit.pk)
