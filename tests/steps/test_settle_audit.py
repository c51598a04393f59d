from __future__ import annotations

import pytest

from tests.factories import create_collection, create_profile_version, create_user
from tests.steps.audited import TEXT, decided_page
from transcription.models import Audit, AuditLine
from transcription.steps.invariants import violations
from transcription.steps.settle_audit import AuditOver, OwnTyping, judge_line, type_line

pytestmark = pytest.mark.django_db
Verdict = AuditLine.Verdict


@pytest.fixture
def line() -> AuditLine:
    """The only line of a drawn page."""
    decided_page(create_collection(audit_rate=1.0), create_profile_version(), lines=1)
    return AuditLine.objects.get()


def reread(line: AuditLine) -> AuditLine:
    return AuditLine.objects.select_related("audit").get(pk=line.pk)


def test_a_line_typed_as_it_was_read_is_settled_at_once(line: AuditLine) -> None:
    type_line(line, text=f"  {TEXT} ", unreadable=False, typist=create_user())
    settled = reread(line)
    assert (settled.verdict, settled.edits, settled.characters, settled.truth) == (Verdict.SAME, 0, len(TEXT), TEXT)
    assert settled.audit.state == Audit.State.SETTLED
    assert violations() == []


def test_a_difference_counts_against_nobody_until_a_second_person_has_looked(line: AuditLine) -> None:
    type_line(line, text="baptised Marie", unreadable=False, typist=create_user())
    waiting = reread(line)
    assert (waiting.verdict, waiting.edits, waiting.audit.state) == ("", None, Audit.State.OPEN)
    assert violations() == []


@pytest.mark.parametrize(
    ("verdict", "text", "truth", "edits"),
    [
        (Verdict.TEXT, "", TEXT, 0),
        (Verdict.TYPED, "", "baptised Mary daughter of Jon", 1),
        (Verdict.NEITHER, "baptised Mary daughter of Jane", "baptised Mary daughter of Jane", 3),
        (Verdict.UNREADABLE, "", None, len(TEXT)),
    ],
)
def test_the_judge_says_what_counts(
    line: AuditLine, verdict: AuditLine.Verdict, text: str, truth: str | None, edits: int
) -> None:
    type_line(line, text="baptised Mary daughter of Jon", unreadable=False, typist=create_user())
    judge_line(line, verdict=verdict, text=text, judge=create_user())
    settled = reread(line)
    assert (settled.verdict, settled.truth, settled.edits) == (verdict, truth, edits)
    assert settled.audit.state == Audit.State.SETTLED
    assert violations() == []


def test_nobody_judges_their_own_typing(line: AuditLine) -> None:
    typist = create_user()
    type_line(line, text="baptised Marie", unreadable=False, typist=typist)
    with pytest.raises(OwnTyping):
        judge_line(line, verdict=Verdict.TYPED, text="", judge=typist)
    assert reread(line).verdict == ""


def test_a_line_that_the_typist_cannot_read_goes_to_the_judge_whatever_was_typed(line: AuditLine) -> None:
    type_line(line, text=TEXT, unreadable=True, typist=create_user())
    assert reread(line).verdict == ""


def test_the_first_who_types_a_line_has_typed_it(line: AuditLine) -> None:
    first = create_user()
    type_line(line, text="one", unreadable=False, typist=first)
    type_line(line, text="one", unreadable=False, typist=first)  # the answer was lost, not the text
    with pytest.raises(AuditOver):
        type_line(line, text="two", unreadable=False, typist=create_user())
    assert reread(line).typed == "one"


def test_a_settled_line_is_not_judged_again(line: AuditLine) -> None:
    judge = create_user()
    type_line(line, text="baptised Marie", unreadable=False, typist=create_user())
    judge_line(line, verdict=Verdict.TYPED, text="", judge=judge)
    judge_line(line, verdict=Verdict.TYPED, text="", judge=judge)
    with pytest.raises(AuditOver):
        judge_line(line, verdict=Verdict.TEXT, text="", judge=create_user())
    assert reread(line).verdict == Verdict.TYPED


def test_a_line_nobody_typed_is_not_judged(line: AuditLine) -> None:
    with pytest.raises(AuditOver):
        judge_line(line, verdict=Verdict.TEXT, text="", judge=create_user())


def test_a_line_that_a_later_reading_has_overtaken_is_not_typed(line: AuditLine) -> None:
    Audit.objects.update(state=Audit.State.OVERTAKEN)
    with pytest.raises(AuditOver):
        type_line(line, text="one", unreadable=False, typist=create_user())


def test_an_audit_is_settled_with_its_last_line() -> None:
    page = decided_page(create_collection(audit_rate=1.0), create_profile_version(), lines=8)
    lines = list(AuditLine.objects.filter(audit__page=page))
    assert len(lines) == 3
    for number, line in enumerate(lines, start=1):
        type_line(line, text=TEXT, unreadable=False, typist=create_user())
        assert (Audit.objects.get().state == Audit.State.SETTLED) == (number == len(lines))
