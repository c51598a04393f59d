"""Saving a line: revisions, conflicts, decisions; and what the editor's script is answered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from review.claims import claim_page
from review.models import Claim, WordDecision
from tests.factories import create_layout, create_revision
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Line, Page, Source, TranscriptRevision

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    """The second line of a written page: `married John Alder and Anne Webbe of`, `Anne` in doubt."""
    page = create_written_page(image=False)
    assert page.layout is not None
    return page.layout.places.get(position=2).line


@pytest.fixture
def reviewer(line: Line, client: Client) -> User:
    person = create_reviewer(line.page.collection)
    client.force_login(person)
    return person


def save(client: Client, line: Line, text: str, base: int, decisions: list[dict[str, Any]] | None = None) -> Any:
    values = {"text": text, "base_revision": base, "decisions": json.dumps(decisions or [])}
    return client.post(reverse("review:save-line", args=[line.pk]), values)


CORRECTED = "married John Alder and Anna Webbe of"


def test_a_saved_line_is_the_reviewers_text_and_takes_the_free_page(client: Client, line: Line, reviewer: User) -> None:
    answer = save(client, line, CORRECTED, 1, [{"word": 4, "kind": "alternative", "after": "Anna"}])
    assert answer.status_code == 200
    line.refresh_from_db()
    assert line.current is not None
    assert (line.current.text, line.current.source, line.current.author) == (CORRECTED, Source.PERSON, reviewer)
    decision = WordDecision.objects.get()
    assert (decision.before, decision.after, decision.kind, decision.reviewer) == (
        "Anne",
        "Anna",
        "alternative",
        reviewer,
    )
    assert Claim.objects.get().reviewer == reviewer


def test_a_save_based_on_an_old_revision_gets_409_with_both_texts(client: Client, line: Line, reviewer: User) -> None:
    colleague = create_reviewer(line.page.collection, username="colleague")
    create_revision(line=line, text="married John Alder and Ann Webbe of", author=colleague)
    answer = save(client, line, CORRECTED, 1)
    assert answer.status_code == 409
    assert answer.json()["current"] == {"number": 2, "text": "married John Alder and Ann Webbe of", "by": "colleague"}
    assert TranscriptRevision.objects.filter(line=line).count() == 2


def test_a_conflicting_save_records_no_decision(client: Client, line: Line, reviewer: User) -> None:
    create_revision(line=line, text="something else", author=create_reviewer(line.page.collection))
    save(client, line, CORRECTED, 1, [{"word": 4, "kind": "alternative", "after": "Anna"}])
    assert not WordDecision.objects.exists()


def test_confirming_a_word_settles_it_without_a_persons_revision(client: Client, line: Line, reviewer: User) -> None:
    assert line.current is not None
    answer = save(client, line, line.current.text, 1, [{"word": 4, "kind": "confirmed", "after": "Anne"}])
    word = answer.json()["line"]["words"][4]
    assert (word["text"], word["settled"]) == ("Anne", True)
    line.refresh_from_db()
    assert line.current is not None
    assert line.current.source == Source.VOTE


def test_a_line_of_a_page_that_somebody_holds_gets_423_with_their_name(
    client: Client, line: Line, reviewer: User
) -> None:
    claim_page(page=line.page, reviewer=create_reviewer(line.page.collection, username="colleague"))
    answer = save(client, line, CORRECTED, 1)
    assert answer.status_code == 423
    assert "colleague" in answer.json()["message"]
    assert line.revisions.count() == 1


def test_a_repeated_save_adds_no_revision_and_no_decision(client: Client, line: Line, reviewer: User) -> None:
    for _ in range(2):
        decisions = [{"word": 4, "kind": "alternative", "after": "Anna"}]
        assert save(client, line, CORRECTED, 1, decisions).status_code == 200
    assert line.revisions.count() == 2
    assert WordDecision.objects.count() == 1


def test_a_line_that_left_the_page_gets_409_and_takes_neither_text_nor_decision(
    client: Client, line: Line, reviewer: User
) -> None:
    assert line.current is not None
    create_layout(page=Page.objects.get(pk=line.page_id))
    decisions = [{"word": 4, "kind": "confirmed", "after": "Anne"}]
    for text in (CORRECTED, line.current.text):
        answer = save(client, line, text, 1, decisions)
        assert (answer.status_code, answer.json()["code"]) == (409, "line-gone")
        assert "were changed in the meantime" in answer.json()["message"]
    assert line.revisions.count() == 1
    assert not WordDecision.objects.exists()


def test_the_signed_out_get_401_not_a_login_page(client: Client, line: Line) -> None:
    answer = save(client, line, CORRECTED, 1)
    assert answer.status_code == 401
    assert answer.json()["code"] == "signed-out"


@pytest.mark.parametrize("fault", [{"base_revision": "x"}, {"decisions": '[{"word": -1}]'}, {"text": "x" * 6000}])
def test_a_malformed_save_gets_400_and_writes_nothing(
    client: Client, line: Line, reviewer: User, fault: dict[str, str]
) -> None:
    values = {"text": "x", "base_revision": "1", "decisions": "[]"} | fault
    answer = client.post(reverse("review:save-line", args=[line.pk]), values)
    assert answer.status_code == 400
    assert line.revisions.count() == 1


def test_a_line_of_another_collection_does_not_exist(client: Client, reviewer: User) -> None:
    page = create_written_page(image=False)
    foreign = page.lines.first()
    assert foreign is not None
    assert save(client, foreign, "x", 1).status_code == 404


def test_history_shows_what_changed_and_what_the_passes_read(client: Client, line: Line, reviewer: User) -> None:
    save(client, line, CORRECTED, 1)
    shown = client.get(reverse("review:line-history", args=[line.pk])).content.decode()
    assert "<del>Anne</del>" in shown
    assert "<ins>Anna</ins>" in shown
    assert "clahe+starter" in shown
    assert re.search(r">\d{4}-\d\d-\d\d \d\d:\d\d<", shown)
