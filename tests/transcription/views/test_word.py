from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import create_membership, create_page, create_user
from tests.review.voted_line import create_voted_line
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Line, Vote

pytestmark = pytest.mark.django_db


def account(client: Client, line: Line, index: int, **query: str) -> str:
    response = client.get(reverse("transcription:word_why", args=[line.pk, index]), query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def line(client: Client) -> Line:
    """“from these tems” as two of four passes read its last word."""
    page = create_written_page(image=False)
    client.force_login(create_reviewer(page.collection))
    return create_voted_line(page, ["from these tems", "from these tems", "from these terns", "from those terms"])


def test_it_says_who_read_what_with_which_support(client: Client, line: Line) -> None:
    said = account(client, line, 2)
    vote = Vote.objects.get(line=line)
    assert vote.words[2]["text"] in said
    for other in vote.words[2]["alternatives"]:
        assert other["text"] in said
        assert ", ".join(other["passes"]) in said
    assert "4 passes were heard" in said


def test_it_says_what_pulls_the_confidence_down_in_sentences(client: Client, line: Line) -> None:
    said = account(client, line, 2)
    assert "What speaks against it" in said
    assert "of 4 passes read “" in said
    assert "The strongest objection is “" in said
    assert "Points of 100" in said
    assert "The strongest objection" not in account(client, line, 0)


def test_it_says_why_the_word_is_marked_on_the_screen_that_asks(client: Client, line: Line) -> None:
    assert "Marked: it is below 100 %." in account(client, line, 2, below="100").replace("\xa0", " ")
    assert "Not marked: it is not below 0 %." in account(client, line, 2, below="0").replace("\xa0", " ")
    assert "below 70 %" in account(client, line, 2, below="many").replace("\xa0", " ")


def test_a_failed_check_and_a_pass_that_was_not_heard_are_named(client: Client, line: Line) -> None:
    checks = {"failed": [{"code": "repetition", "detail": ""}], "left_out": {"plain+starter": ["repetition"]}}
    Vote.objects.filter(line=line).update(checks=checks)
    said = account(client, line, 0)
    assert "No word of a line that failed a check is trusted more than 30 %." in said
    assert "plain+starter was not heard" in said
    assert "3 passes were heard" in said


def test_a_word_without_features_of_the_calibration_is_shown_without_points(client: Client, line: Line) -> None:
    vote = Vote.objects.get(line=line)
    vote.words[0].pop("features")
    vote.save()
    assert "What speaks for it" not in account(client, line, 0)


def test_a_word_that_is_not_there_is_not_found(client: Client, line: Line) -> None:
    assert client.get(reverse("transcription:word_why", args=[line.pk, 99])).status_code == 404


def test_words_of_others_do_not_exist(client: Client, line: Line) -> None:
    client.force_login(create_user())
    assert client.get(reverse("transcription:word_why", args=[line.pk, 0])).status_code == 404


def test_a_line_without_a_vote_has_no_account(client: Client) -> None:
    page = create_page()
    member = create_membership(collection=page.collection)
    client.force_login(member.user)
    bare = Line.objects.create(page=page)
    assert client.get(reverse("transcription:word_why", args=[bare.pk, 0])).status_code == 404
