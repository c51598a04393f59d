"""The numbers of the reports equal what plain counting over the same rows gives."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from review import reliability_report, reports
from review.approvals import approve
from review.models import Approval
from tests.factories import (
    create_collection,
    create_layout,
    create_membership,
    create_page,
    create_profile_version,
    create_revision,
    create_run,
    create_user,
    create_vote,
    word,
)
from tests.steps.audited import TEXT, decided_page, settle
from transcription.models import (
    Audit,
    Collection,
    CollectionCalibration,
    Line,
    Page,
    PageState,
    Role,
    Source,
    Vote,
)


@pytest.fixture
def collection(db: None) -> Collection:
    return create_collection()


def only(collection: Collection):  # type: ignore[no-untyped-def]  # a CollectionQuerySet
    return Collection.objects.filter(pk=collection.pk)


def voted_lines(collection: Collection, *texts: str) -> list[Line]:
    """Lines of one fresh page, each with a vote."""
    page = create_page(collection=collection, state=PageState.IN_REVIEW)
    layout = create_layout(page=page, lines=len(texts))
    run = create_run(page=page)
    lines = [place.line for place in layout.places.select_related("line")]
    for line, text in zip(lines, texts, strict=True):
        create_vote(run=run, line=line, words=[word(each) for each in text.split()])
    return lines


def test_pages_by_state_equals_sql(collection: Collection) -> None:
    for state in [PageState.READ, PageState.IN_REVIEW, PageState.IN_REVIEW, PageState.REVIEWED]:
        create_page(collection=collection, state=state)
    create_page(state=PageState.IN_REVIEW)  # of another collection
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM transcription_page WHERE collection_id = %s GROUP BY state", [collection.pk]
        )
        expected = dict(cursor.fetchall())
    counted = reports.pages_by_state(only(collection))
    assert {state: count for state, count in counted if count} == expected
    assert [state for state, _ in counted] == list(PageState)


def test_histogram_bins_hold_every_page_once(collection: Collection) -> None:
    now = timezone.now()
    confidences = [0.0, 0.049, 0.05, 0.5, 0.99, 1.0]
    for confidence in confidences:
        create_page(collection=collection, confidence=confidence, finished_at=now)
    create_page(collection=collection, confidence=None, finished_at=now)
    create_page(collection=collection, confidence=0.5, finished_at=now - timedelta(days=40))
    bins = reports.confidence_histogram(only(collection), now - timedelta(days=30))
    assert {round(part.low, 2): part.pages for part in bins if part.pages} == {0.0: 2, 0.05: 1, 0.5: 1, 0.95: 2}
    assert sum(part.pages for part in reports.confidence_histogram(only(collection), None)) == 7
    assert all(left.high == right.low for left, right in pairwise(bins))


def test_pages_per_hour_come_from_finished_at(collection: Collection) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    for minutes in (0, 59, 60, 200):
        create_page(collection=collection, finished_at=hour + timedelta(minutes=minutes))
    create_page(collection=collection, finished_at=None)
    expected = [(hour, 2), (hour + timedelta(hours=1), 1), (hour + timedelta(hours=3), 1)]
    assert reports.pages_per_hour(only(collection), None) == expected


def test_corrections_compare_the_vote_with_what_people_typed(collection: Collection) -> None:
    first, second, third, _untouched = voted_lines(collection, "ye Rector of", "ye parish", "was here", "not seen")
    create_revision(line=first, text="the Rector of")
    create_revision(line=second, text="the parish")
    create_revision(line=third, text="was here")  # confirmed as read
    voted_lines(collection, "another page that nobody worked on")
    found = reports.corrections(only(collection), None)
    assert (found.lines, found.changed, found.corrections) == (3, 2, 2)
    assert found.changes == [("ye", "the", 2)]
    assert found.voted_words == 9
    assert found.per_hundred_words == pytest.approx(100 * 2 / 9)


def test_several_revisions_of_a_line_count_as_their_last(collection: Collection) -> None:
    (line,) = voted_lines(collection, "ye Rector")
    create_revision(line=line, text="the Rectr")
    create_revision(line=line, text="the Rector")
    assert reports.corrections(only(collection), None).changes == [("ye", "the", 1)]


def test_the_last_vote_before_a_person_counts(collection: Collection) -> None:
    (line,) = voted_lines(collection, "ye Rector")
    create_revision(line=line, text="the Rector", source=Source.VOTE)
    create_revision(line=line, text="the Rector")
    found = reports.corrections(only(collection), None)
    assert (found.lines, found.changed) == (1, 0)


def test_corrections_outside_the_period_or_of_others_do_not_count(collection: Collection) -> None:
    (line,) = voted_lines(create_collection(title="Another"), "ye Rector")
    create_revision(line=line, text="the Rector")
    assert reports.corrections(only(collection), None).lines == 0
    everything = Collection.objects.all()
    assert reports.corrections(everything, timezone.now() + timedelta(minutes=1)).lines == 0
    assert reports.corrections(everything, timezone.now() - timedelta(minutes=1)).lines == 1


def test_words_of_approved_pages_count_although_nobody_typed(collection: Collection) -> None:
    (line,) = voted_lines(collection, "all of this was right")
    assert reports.corrections(only(collection), None).voted_words == 0
    Approval.objects.create(page=line.page, mode=Approval.Mode.WHOLE_PAGE)
    found = reports.corrections(only(collection), timezone.now() - timedelta(minutes=1))
    assert (found.voted_words, found.per_hundred_words) == (5, 0.0)


def test_an_empty_vote_has_no_words(collection: Collection) -> None:
    (line,) = voted_lines(collection, "x")
    create_revision(line=line, text="", source=Source.VOTE)
    create_revision(line=line, text="something")
    found = reports.corrections(only(collection), None)
    assert (found.voted_words, found.corrections, found.per_hundred_words) == (0, 1, None)


def test_median_time_leaves_out_approvals_without_time(collection: Collection) -> None:
    page: Page = create_page(collection=collection)
    assert reports.median_seconds_a_page(only(collection), None) is None
    for seconds in (0, 10, 30, 50):
        Approval.objects.create(page=page, mode=Approval.Mode.WHOLE_PAGE, active_seconds=seconds)
    assert reports.median_seconds_a_page(only(collection), None) == 30


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_word_changes_turn_one_text_into_the_other(before: list[str], after: list[str]) -> None:
    changes = list(reports.word_changes(" ".join(before), " ".join(after)))
    removed = Counter(old for old, _ in changes if old)
    added = Counter(new for _, new in changes if new)
    assert Counter(before) - removed + added == Counter(after)
    assert bool(changes) == (before != after)


def test_reports_are_for_leads_and_show_only_what_they_lead(collection: Collection, client: Client) -> None:
    url = reverse("reports:overview")
    assert client.get(url).status_code == 302
    for role, status in ((Role.REVIEWER, 404), (Role.LEAD, 200)):
        client.force_login(create_membership(collection=collection, role=role).user)
        assert client.get(url).status_code == status
    other = create_collection(title="Somebody else's", owner=create_user())
    assert client.get(url, {"collection": other.pk}).status_code == 404
    assert client.get(url, {"collection": "x"}).status_code == 404
    assert other.title not in client.get(url).content.decode()


@pytest.mark.parametrize("name", ["states", "confidence", "speed", "corrections"])
def test_each_report_has_its_table_and_its_csv(name: str, collection: Collection, client: Client) -> None:
    create_page(collection=collection, state=PageState.ACCEPTED, confidence=0.8, finished_at=timezone.now())
    (line,) = voted_lines(collection, "=1+1 Rector")
    create_revision(line=line, text="two Rector")
    client.force_login(create_membership(collection=collection, role=Role.LEAD).user)
    screen = client.get(reverse("reports:overview"))
    report = next(each for each in screen.context["reports"] if each.name == name)
    answer = client.get(reverse("reports:table", args=[name]))
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert answer["Content-Disposition"].startswith("attachment")
    assert rows[0] == list(report.columns)
    assert len(rows) - 1 == len(report.rows) > 0
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert f'id="chart-{name}"' in screen.content.decode() or not report.kind


def test_there_is_no_report_of_another_name(collection: Collection, client: Client) -> None:
    client.force_login(create_membership(collection=collection, role=Role.LEAD).user)
    assert client.get(reverse("reports:table", args=["salaries"])).status_code == 404


def test_text_that_was_brought_is_nobodys_correction(collection: Collection) -> None:
    brought, corrected = voted_lines(collection, "tbe old rector", "Mary his wife")
    create_revision(line=brought, text="the old rector", source=Source.IMPORT, author=create_user())
    create_revision(line=corrected, text="Marye hys wife", source=Source.IMPORT, author=create_user())
    create_revision(line=corrected, text="Marye hys wyfe", source=Source.PERSON, author=create_user())
    counted = reports.corrections(only(collection), None)
    assert (counted.lines, counted.changed, counted.changes) == (1, 1, [("wife", "wyfe", 1)])


class TestReliability:
    """Confidence against what people found, on pages read whole."""

    def read(self, collection: Collection, *, whole: bool = True) -> Page:
        page = create_page(collection=collection, state=PageState.IN_REVIEW)
        layout = create_layout(page=page, lines=2)
        run = create_run(page=page)
        lines = [place.line for place in layout.places.select_related("line")]
        create_vote(run=run, line=lines[0], words=[word("the", 0.95), word("Rectar", 0.35)])
        create_vote(run=run, line=lines[1], words=[word("of", 0.95), word("Whitby", 0.85)])
        reader = create_user()
        create_revision(line=lines[0], text="the Rector", author=reader)
        mode = Approval.Mode.WHOLE_PAGE if whole else Approval.Mode.DOUBTFUL_WORDS
        approve(page=page, reviewer=reader, mode=mode, active_seconds=30)
        return page

    def test_bins_equal_counting_the_words_of_the_rows(self, collection: Collection) -> None:
        self.read(collection)
        self.read(collection)
        self.read(collection, whole=False)
        self.read(create_collection())
        found = reliability_report.observed(only(collection))
        expected: dict[int, list[bool]] = {}
        for vote in Vote.objects.filter(line__page__collection=collection, line__page__approved_whole=True):
            truth = vote.line.current.text.split()
            for each, true in zip(vote.words, truth, strict=True):
                expected.setdefault(int(each["confidence"] * 10), []).append(each["text"] == true)
        assert {round(10 * part.low): (part.n, part.observed) for part in found.bins} == {
            key: (len(right), sum(right) / len(right)) for key, right in expected.items()
        }
        assert (found.words, found.lines, found.share_right) == (8, 4, 0.75)
        # Gaps: .95 said and 1 found (4 words), .35 and 0 (2), .85 and 1 (2).
        assert found.ece == pytest.approx((4 * 0.05 + 2 * 0.35 + 2 * 0.15) / 8)
        assert found.versions == [("uncalibrated", 8)]

    def test_what_nobody_read_whole_is_a_sentence(self, collection: Collection, client: Client) -> None:
        self.read(collection, whole=False)
        answer = as_lead(client, collection)
        assert "approve a page after reading all" in answer
        assert 'class="reliability"' not in answer

    def test_the_screen_draws_it_and_names_the_calibration(self, collection: Collection, client: Client) -> None:
        self.read(collection)
        CollectionCalibration.objects.create(collection=collection, number=1, state="too-few", words=120, pages=3)
        answer = as_lead(client, collection)
        assert answer.count('<circle class="mark"') == 3
        assert "uncalibrated: a careful guess (4 words)" in answer
        assert "too few words" in answer

    def test_the_table_is_a_file_too(self, collection: Collection, client: Client) -> None:
        self.read(collection)
        client.force_login(create_membership(collection=collection, role=Role.LEAD).user)
        rows = list(
            csv.reader(io.StringIO(client.get(reverse("reports:table", args=["reliability"])).content.decode()))
        )
        assert rows[0] == ["Confidence", "Predicted", "Right", "at least", "at most", "Words"]
        assert [row[0] for row in rows[1:]] == ["0.3–0.4", "0.8–0.9", "0.9–1.0"]
        assert rows[1][1:3] == ["0.350", "0.000"]
        assert [row[-1] for row in rows[1:]] == ["1", "1", "2"]


def as_lead(client: Client, collection: Collection) -> str:
    client.force_login(create_membership(collection=collection, role=Role.LEAD).user)
    return client.get(reverse("reports:overview"), {"collection": collection.pk}).content.decode()


def test_the_measured_error_rate_is_that_of_the_audited_text_accepted_unseen(db: None) -> None:
    collection = create_collection(title="Registers", audit_rate=1.0)
    version = create_profile_version()
    pages = [decided_page(collection, version, lines=1) for _ in range(8)]
    wrong = TEXT.replace("Mary", "Mari")
    for number, audit in enumerate(Audit.objects.order_by("pk")):
        if number < 6:
            settle(audit, truth=wrong if number == 0 else TEXT)
    [measured] = reports.measured_errors(only(collection), None)
    assert (measured.collection, measured.kind, measured.pages, measured.lines) == ("Registers", "machine", 6, 6)
    assert measured.rate == pytest.approx(1 / (6 * len(TEXT)))
    assert measured.bound > measured.rate
    assert len(pages) == 8
    assert reports.measured_errors(only(collection), timezone.now()) == []
