from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories import create_collection, create_layout, create_page, create_run
from tests.steps.journey import current_run, prepared_page, work_until_nothing_is_due
from transcription.htr.checks import CAP, CODES, Context
from transcription.htr.records import ReadingRecord
from transcription.htr.voting import PassReading, vote
from transcription.models import Check, LayoutLine, PageState, RouteDecision, Vote
from transcription.steps.check_texts import failed_lines, heard, judged, keep_ink
from transcription.steps.invariants import violations

pytestmark = pytest.mark.django_db
Install = Callable[..., None]
LOOP = "and the said and the said and the said and the said and the said"


def reading(text: str, *, engine: str = "starter", name: str = "", score: float = 0.9) -> PassReading:
    return PassReading(name or f"plain+{engine}", engine, ReadingRecord(1, text, (score,) * len(text)))


def test_each_check_has_words_for_people() -> None:
    assert tuple(Check.values) == CODES
    assert len({str(check.sentence) for check in Check}) == len(CODES)


def test_a_reading_that_loops_is_not_heard_where_another_stands_and_stays_named() -> None:
    readings = [reading("and the said William", score=0.3), reading(LOOP, engine="llm", score=0.99)]
    voters, left_out = heard(readings, Context())
    consensus, checks = judged(vote(voters), voters, Context(), left_out)
    assert consensus.text == "and the said William"
    assert checks == {"left_out": {"plain+llm": ["repetition"]}}


def test_where_all_readings_fail_the_text_is_capped_and_says_why() -> None:
    readings = [reading(LOOP), reading(LOOP, engine="llm")]
    voters, left_out = heard(readings, Context())
    consensus, checks = judged(vote(voters), voters, Context(), left_out)
    assert consensus.text == LOOP
    assert max(word.confidence for word in consensus.words) <= CAP
    assert [each["code"] for each in checks["failed"]] == ["repetition"]
    assert "left_out" not in checks


def test_a_fluent_text_that_no_other_family_resembles_is_capped() -> None:
    invented = reading("my dear brother it is with a heavy heart that I write", engine="gone", score=0.99)
    other = reading("paid to John Harwood for mendny the churchyard gale", score=0.2)
    found, checks = judged(vote([invented, other]), [invented, other], Context(language="en"), {})
    assert [each["code"] for each in checks["failed"]] == ["unlike-others"]
    assert max(word.confidence for word in found.words) <= CAP


def test_passes_of_one_engine_are_one_family() -> None:
    one = reading("my dear brother it is with a heavy heart that I write")
    other = reading("paid to John Harwood for mending the churchyard gate", engine="starter-greedy")
    _, checks = judged(vote([one, other]), [one, other], Context(), {})
    assert checks == {}


def test_a_language_that_only_a_translator_could_have_brought_in_is_strange() -> None:
    french = "il y avait dans la maison de mon père une chambre où personne ne devait entrer"
    for engine, expected in (("starter", []), ("gone", ["other-language"])):
        one = reading(french, engine=engine)
        _, checks = judged(vote([one]), [one], Context(language="en"), {})
        assert [each["code"] for each in checks.get("failed", [])] == expected


def test_from_reading_to_decision_a_loop_sends_its_page_to_review(media_root: Path, scribe: Install) -> None:
    scribe(text=LOOP, score=0.999)
    collection = create_collection(threshold=0.0)
    page = prepared_page(media_root, collection=collection)
    work_until_nothing_is_due()
    run = current_run(page)
    votes = list(Vote.objects.filter(run=run))
    assert len(votes) == 3
    assert all((each.confidence or 0) <= CAP for each in votes)
    assert [check for each in votes for check in each.failed_checks] == [Check.REPETITION] * 3
    decision = RouteDecision.objects.get(run=run)
    assert decision.counted_reasons == [("repetition", 3)]
    assert page.state == PageState.IN_REVIEW
    assert (page.confidence or 0) <= CAP
    assert all(0.01 < place.ink < 0.5 for place in run.layout.places.all()), "measured when the lines were cut"
    assert violations() == []


def test_honest_text_passes_without_a_word(media_root: Path, scribe: Install) -> None:
    scribe(text="Baptisms in the parish of", score=0.99)
    page = prepared_page(media_root, collection=create_collection(threshold=0.0, language="en"))
    work_until_nothing_is_due()
    assert {str(each.checks) for each in Vote.objects.all()} == {"{}"}
    assert RouteDecision.objects.get(run=current_run(page)).reasons == []


def test_ink_is_kept_as_it_was_first_measured() -> None:
    layout = create_layout(page=create_page())
    first, second = layout.places.all()
    keep_ink({first.pk: 0.1})
    keep_ink({first.pk: 0.2, second.pk: 0.3})
    assert list(LayoutLine.objects.filter(layout=layout).values_list("ink", flat=True)) == [0.1, 0.3]


def test_one_line_with_ink_and_no_text_is_no_reason_several_are() -> None:
    page = create_page()
    create_layout(page=page, lines=10)
    run = create_run(page=page)
    unread = {"failed": [{"code": "not-read", "detail": "9%"}]}
    lines = list(page.layout.places.all()) if page.layout else []
    for number, place in enumerate(lines):
        Vote.objects.create(run=run, line=place.line, checks=unread if number == 0 else {}, confidence=0.0)
    assert failed_lines(run) == {}
    Vote.objects.filter(run=run, line=lines[5].line).update(checks=unread)
    assert failed_lines(run) == {"lines-unread": 2}


def test_a_later_stage_that_reads_better_clears_the_line() -> None:
    page = create_page()
    layout = create_layout(page=page, lines=1)
    run = create_run(page=page)
    [place] = layout.places.all()
    failed = {"failed": [{"code": "refusal", "detail": "I cannot"}]}
    Vote.objects.create(run=run, line=place.line, checks=failed, confidence=0.2)
    assert failed_lines(run) == {"refusal": 1}
    Vote.objects.create(run=run, line=place.line, stage=1, confidence=0.8)
    assert failed_lines(run) == {}
