"""What reports say is what the rows come to, and only to those whom it concerns."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pypdfium2
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from review.approvals import approve
from review.models import Approval
from review.reporting import costs, health, passes, people, progress, quality
from review.reporting.report import Report
from review.reporting.scope import ReportScope, scope_for
from review.reporting.sections import SECTIONS
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
from transcription.htr import risk
from transcription.htr.word_changes import word_changes
from transcription.management.reports_benchmark import fill
from transcription.models import (
    Audit,
    Cap,
    Collection,
    CollectionCalibration,
    Line,
    Page,
    PageState,
    Role,
    Source,
    Vote,
    Worker,
)
from transcription.steps import rollups
from transcription.steps.judge_pages import judge_marked

PAGES = 400


def voted_lines(collection: Collection, *texts: str) -> list[Line]:
    """Lines of one fresh page, each with a vote."""
    page = create_page(collection=collection, state=PageState.IN_REVIEW)
    layout = create_layout(page=page, lines=len(texts))
    lines = [place.line for place in layout.places.select_related("line")]
    for line, text in zip(lines, texts, strict=True):
        create_revision(line=line, text=text, source=Source.VOTE)
    return lines


def sql(statement: str, *parameters: object) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def scope(user: User, *, period: str = "all", collection: Collection | None = None) -> ReportScope:
    return scope_for(user, period=period, collection=str(collection.pk) if collection else "")


def as_lead(collection: Collection) -> ReportScope:
    judge_marked()
    return scope(create_membership(collection=collection, role=Role.LEAD).user, collection=collection)


@pytest.fixture
def lead(db: None) -> User:
    """Somebody who leads two of the collections of a small world in which much has happened."""
    fill(PAGES, lambda _said: None)
    rollups.mend()
    user = create_user(username="lead")
    for collection in Collection.objects.order_by("pk")[1:3]:
        create_membership(collection=collection, role=Role.LEAD, user=user)
    return user


class TestNumbers:
    """Each report against a query over the rows, for a lead of some collections and a period."""

    SINCE = "now() AT TIME ZONE 'UTC' - interval '29 days'"

    @pytest.fixture
    def seen(self, lead: User) -> ReportScope:
        return scope(lead, period="30")

    def test_every_report_says_what_the_rows_come_to(self, seen: ReportScope) -> None:
        ids = list(seen.ids)
        assert len(ids) == 2
        day = f"(%s::timestamptz AT TIME ZONE 'UTC')::date >= ({self.SINCE})::date"

        def since(column: str) -> str:
            return day.replace("%s", column)

        labels = dict(PageState.choices)
        states = sql("SELECT state, count(*) FROM transcription_page WHERE collection_id = ANY(%s) GROUP BY 1", ids)
        assert {row[0]: row[1] for row in progress.states(seen).rows} == {str(labels[s]): n for s, n in states}
        by_day = progress.days(seen).rows
        assert len(by_day) == 30
        for column, (table, name) in enumerate(
            (("transcription_page p", "p.received_at"), ("transcription_page p", "p.finished_at"),
             ("review_approval a JOIN transcription_page p ON p.id = a.page_id", "a.created_at")), 1
        ):  # fmt: skip
            found = sql(
                f"SELECT ({name} AT TIME ZONE 'UTC')::date, count(*) FROM {table} "
                f"WHERE p.collection_id = ANY(%s) AND {since(name)} GROUP BY 1",
                ids,
            )
            assert {row[0]: row[column] for row in by_day if row[column]} == dict(found)
        finished = sum(int(str(row[2])) for row in by_day)
        assert finished == sum(int(str(row[1])) for row in progress.speed(seen).rows) > 5
        waits = sql(
            f"SELECT count(*), sum(extract(epoch FROM started_at - created_at)) FROM transcription_work "
            f"WHERE state = 'done' AND queue = 'engine' AND collection_id = ANY(%s) AND {since('ended_at')}",
            ids,
        )[0]
        report = progress.waits(seen)
        assert sum(int(str(row[2])) for row in report.rows) == waits[0] > 10
        assert f"engines {waits[1] / waits[0]:.1f} s" in report.note

        bins = sql(
            "SELECT least(width_bucket(confidence, 0, 1, 20), 20), count(*) FROM transcription_page "
            f"WHERE finished_at IS NOT NULL AND collection_id = ANY(%s) AND {since('finished_at')} GROUP BY 1",
            ids,
        )
        found = {number: row[1] for number, row in enumerate(quality.confidence(seen).rows, 1) if row[1]}
        assert found == dict(bins)

        for mode, count, seconds in sql(
            "SELECT mode, count(*), sum(active_seconds) FROM review_approval a JOIN transcription_page p "
            f"ON p.id = a.page_id WHERE p.collection_id = ANY(%s) AND {since('a.created_at')} GROUP BY 1",
            ids,
        ):
            row = next(r for r in people.build(seen)[0].rows if r[0] == str(Approval.Mode(mode).label))
            assert (row[1], row[2]) == (count, pytest.approx(seconds, abs=0.01))
            assert row[3] == pytest.approx(seconds / count, abs=0.01)
        by_person = sql(
            "SELECT reviewer_id, mode, count(*) FROM review_approval a JOIN transcription_page p ON p.id = a.page_id "
            f"WHERE p.collection_id = ANY(%s) AND {since('a.created_at')} GROUP BY 1, 2",
            ids,
        )
        names = {user.pk: user.get_full_name() for user in User.objects.all()}
        assert {(row[0], row[1], row[2]) for row in people.reviewers(seen).rows} == {
            (names[pk], str(Approval.Mode(mode).label), count) for pk, mode, count in by_person
        }

        steps = sql(
            "SELECT sum(round(milliseconds)), count(*) FROM transcription_work WHERE state = 'done' "
            f"AND collection_id = ANY(%s) AND {since('ended_at')}",
            ids,
        )[0]
        machine = costs.machine_time(seen).rows
        assert sum(float(str(row[3])) for row in machine) == pytest.approx(float(steps[0]) / 1000)
        assert sum(int(str(row[2])) for row in machine) == steps[1]
        assert sum(int(str(row[1])) for row in health.computers(seen).rows) == steps[1]
        by_collection = {row[0]: (row[1], row[5], row[6]) for row in costs.by_collection(seen).rows}
        for title, pages, tokens, money in sql(
            f"""SELECT title, (SELECT count(*) FROM transcription_page WHERE collection_id = c.id
                AND {since("finished_at")}), sum(tokens), sum(money) FROM transcription_collection c
            LEFT JOIN transcription_charge h ON h.collection_id = c.id AND {since("h.created_at")}
            WHERE c.id = ANY(%s) GROUP BY c.id""",
            ids,
        ):
            assert by_collection[title] == (pages, tokens or 0, money or 0)
        paid = sql(
            f"SELECT endpoint, count(*), sum(tokens), sum(money) FROM transcription_charge "
            f"WHERE collection_id = ANY(%s) AND {since('created_at')} GROUP BY 1",
            ids,
        )
        assert {(r[0], r[1], r[2], r[4]) for r in costs.paid(seen).rows} == {tuple(row) for row in paid}
        failures = sql(
            "SELECT code, count(*), count(*) FILTER (WHERE resolved_at IS NULL) FROM transcription_failure "
            f"WHERE collection_id = ANY(%s) AND {since('created_at')} GROUP BY 1",
            ids,
        )
        assert {tuple(row) for row in health.failures(seen).rows} == {tuple(row) for row in failures}

    def test_judged_pages_add_up_and_the_median_is_right_to_its_class(self, lead: User) -> None:
        seen = scope(lead)
        ids = list(seen.ids)
        facts: Counter[tuple[str, str]] = Counter()
        for kind, key, value in sql(
            "SELECT f ->> 0, f ->> 1, (f ->> 2)::bigint FROM transcription_judgedpage, jsonb_array_elements(facts) f "
            "WHERE collection_id = ANY(%s)",
            ids,
        ):
            facts[kind, key] += value
        alone = passes.build(seen)[0].rows
        chars = {str(version): facts["pass-chars", str(version)] for version in (1, 2, 3)}
        assert sorted(row[3] for row in alone[:3] if isinstance(row[3], float)) == sorted(
            facts["pass-edits", version] / count for version, count in chars.items()
        )
        top = sorted(
            ((value, key) for (kind, key), value in facts.items() if kind == "change"),
            key=lambda item: (-item[0], item[1]),
        )[: people.CHANGES_SHOWN]
        assert people.changes(seen).rows == [(*key.split("\x1f"), value) for value, key in top]
        assert sum(part.n for part in quality.observed(seen).bins) == sum(
            value for (kind, _), value in facts.items() if kind == "bin-words"
        )
        times = people.by_mode(people.times(seen.counts))
        for mode, each in times.items():
            true = sql(
                "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY active_seconds) FROM review_approval a "
                "JOIN transcription_page p ON p.id = a.page_id WHERE mode = %s AND p.collection_id = ANY(%s)",
                str(mode),
                ids,
            )[0][0]
            assert each.median == pytest.approx(true, rel=0.55)

    def test_measured_errors_are_those_of_the_audits_and_lie_in_their_interval(self, lead: User) -> None:
        Audit.objects.update(collection=Collection.objects.order_by("pk")[1])
        found = quality.measured(quality.samples(scope(lead)))
        for kind in Audit.Kind:
            rows = sql(
                "SELECT sum(e), sum(c), count(*) FROM (SELECT sum(least(1.25, edits / 40.0)) AS e, "
                "sum(least(1.25, characters / 40.0)) AS c FROM transcription_auditline l JOIN transcription_audit a "
                "ON a.id = l.audit_id WHERE kind = %s GROUP BY a.id) AS pages",
                str(kind),
            )[0]
            if rows[2]:
                [measured] = [each for each in found if each.kind == kind][:1]
                assert measured.rate == pytest.approx(float(rows[0] / rows[1]))
                assert measured.pages == rows[2]
                assert measured.low <= measured.rate <= measured.high

    def test_all_sections_open_and_all_their_files_are_written(self, lead: User, client: Client) -> None:
        Cap.objects.create(collection=Collection.objects.order_by("pk")[1], span="total", tokens=1000)
        Worker.objects.create(name="reader:1", queue="cpu", seen_at=timezone.now())
        client.force_login(lead)
        query = {"period": "all"}
        for section in SECTIONS.values():
            screen = client.get(reverse("reports:section", args=[section.name]), query)
            said = screen.content.decode()
            for report in screen.context["reports"]:
                assert (f'id="chart-{report.name}"' in said) == (report.chart is not None and not report.empty)
                answer = client.get(reverse("reports:table", args=[section.name, report.name]), query)
                rows = list(csv.reader(io.StringIO(answer.content.decode())))
                assert rows[0] == [column.label for column in report.columns]
                assert len(rows) - 1 == len(report.rows)
        sheets = workbook(client.get(reverse("reports:workbook"), query).content)
        assert len(sheets) == sum(len(section.build(scope(lead))) for section in SECTIONS.values())
        assert all(len(name) <= 31 for name in sheets)

    def test_the_summary_is_one_page_that_says_the_most_important_numbers(self, lead: User, client: Client) -> None:
        client.force_login(lead)
        collection = Collection.objects.order_by("pk")[1]
        Collection.objects.filter(pk=collection.pk).update(title="Żółw i ſpółka: a box whose title is as long as shelf")
        answer = client.get(reverse("reports:summary"), {"collection": collection.pk, "period": "all"})
        assert answer["Content-Type"] == "application/pdf"
        pdf = pypdfium2.PdfDocument(answer.content)
        said = pdf[0].get_textpage().get_text_range()
        assert len(pdf) == 1
        assert "Żółw i ſpółka" in said
        assert f"{collection.pages.count():,}" in said
        for title in ("Where the pages stand", "Measured error rate", "Each pass alone", "Most corrected words"):
            assert title in said
        assert client.get(reverse("reports:summary")).status_code == 404  # of which collection?


def workbook(content: bytes) -> dict[str, str]:
    """The sheets of a workbook by name, as XML; no cell of any is a formula."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        names = [
            each.attrib["name"]
            for each in ET.fromstring(book.read("xl/workbook.xml")).iter()
            if "sheetId" in each.attrib
        ]
        sheets = [book.read(f"xl/worksheets/sheet{number}.xml").decode() for number in range(1, len(names) + 1)]
    assert not any("<f>" in sheet for sheet in sheets)
    return dict(zip(names, sheets, strict=True))


def test_reports_are_for_leads_and_show_only_what_they_lead(db: None, client: Client) -> None:
    collection, other = create_collection(), create_collection(title="Another archive", owner=create_user())
    urls = [
        reverse("reports:overview"),
        *(reverse("reports:section", args=[name]) for name in SECTIONS),
        reverse("reports:workbook"),
        reverse("reports:table", args=["progress", "states"]),
        reverse("reports:sheet", args=["progress", "states"]),
    ]
    summary = reverse("reports:summary")
    for role, status in ((None, 302), (Role.STAFF, 404), (Role.REVIEWER, 404), (Role.LEAD, 200), (Role.ADMIN, 200)):
        if role is not None:
            client.force_login(create_membership(collection=collection, role=role).user)
        for url in urls:
            assert client.get(url).status_code == status, (role, url)
        assert client.get(summary, {"collection": collection.pk}).status_code == status
    for url in [*urls, summary]:
        assert client.get(url, {"collection": other.pk}).status_code == 404
        assert client.get(url, {"collection": "x"}).status_code == 404
    assert other.title not in client.get(urls[0]).content.decode()
    client.force_login(create_user(superuser=True))
    assert other.title in client.get(urls[0]).content.decode()
    assert client.get(reverse("reports:section", args=["salaries"])).status_code == 404
    assert client.get(reverse("reports:table", args=["progress", "salaries"])).status_code == 404


def test_persons_are_named_to_leads_only_where_their_collection_says_so(db: None, client: Client) -> None:
    collection = create_collection()
    user = create_membership(collection=collection, role=Role.LEAD).user
    other, page = create_user(username="quillwort"), create_page(collection=collection)
    for reviewer in (other, user):
        Approval.objects.create(page=page, reviewer=reviewer, mode=Approval.Mode.WHOLE_PAGE, active_seconds=30)
    names = [row[0] for row in people.reviewers(scope(user)).rows]
    assert sorted(names) == sorted(["quillwort", user.username])
    Collection.objects.update(name_reviewers=False)
    client.force_login(user)
    for url in (reverse("reports:section", args=["review"]), reverse("reports:workbook")):
        assert b"quillwort" not in client.get(url).content
    rows = people.reviewers(scope(user)).rows
    assert [row[0] for row in rows] == [user.username, "persons not named"]
    assert sum(people.by_mode(people.times(scope(user).counts))[Approval.Mode.WHOLE_PAGE].classes.values()) == 2


def test_a_formula_that_somebody_typed_is_none_in_a_spreadsheet(db: None, client: Client) -> None:
    collection = create_collection()
    (line,) = voted_lines(collection, "=1+1 Rector")
    create_revision(line=line, text="+two Rector")
    seen = as_lead(collection)
    client.force_login(seen.user)
    answer = client.get(reverse("reports:table", args=["review", "corrections"]))
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[1] == ["'=1+1", "'+two", "1"]
    sheet = client.get(reverse("reports:sheet", args=["review", "corrections"]))
    assert len(workbook(sheet.content)) == 1


class TestCorrections:
    """What people changed, counted from the texts of lines."""

    def found(self, collection: Collection) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
        seen = as_lead(collection)
        counts = {
            kind: value
            for kind, key, value in seen.counts.by_kind_and_key(rollups.CountKind)
            if not key and kind in ("typed", "changed", "voted-words")
        }
        return counts, [tuple(row) for row in people.changes(seen).rows]

    def test_they_are_counted_by_word_over_lines_people_typed_on(self, db: None) -> None:
        collection = create_collection()
        first, second, third, _untouched = voted_lines(collection, "ye Rector of", "ye parish", "was here", "not seen")
        create_revision(line=first, text="the Rector of")
        create_revision(line=second, text="the Rectr")
        create_revision(line=second, text="the parish")  # several count as their last
        create_revision(line=third, text="was here")  # confirmed as read
        voted_lines(collection, "another page that nobody worked on")
        assert self.found(collection) == ({"typed": 3, "changed": 2, "voted-words": 9}, [("ye", "the", 2)])

    def test_the_last_vote_before_a_person_counts_and_brought_text_is_nobodys(self, db: None) -> None:
        collection = create_collection()
        (line,) = voted_lines(collection, "ye Rector")
        create_revision(line=line, text="the Rector", source=Source.VOTE)
        create_revision(line=line, text="the Rector")
        brought, corrected = voted_lines(collection, "tbe old rector", "Mary his wife")
        create_revision(line=brought, text="the old rector", source=Source.IMPORT, author=create_user())
        create_revision(line=corrected, text="Marye hys wife", source=Source.IMPORT, author=create_user())
        create_revision(line=corrected, text="Marye hys wyfe", author=create_user())
        counts, changes = self.found(collection)
        assert (counts["typed"], counts["changed"], changes) == (2, 1, [("wife", "wyfe", 1)])

    def test_words_of_approved_pages_count_although_nobody_typed(self, db: None) -> None:
        collection = create_collection()
        (line,) = voted_lines(collection, "all of this was right")
        assert self.found(collection)[0] == {}
        Page.objects.filter(pk=line.page_id).update(approved_at=timezone.now())
        assert self.found(collection) == ({"voted-words": 5}, [])

    def test_they_lead_to_find_and_replace_in_their_collection(self, db: None) -> None:
        collection = create_collection()
        (line,) = voted_lines(collection, "ye Rector")
        create_revision(line=line, text="the Rector")
        assert (
            people.changes(as_lead(collection))
            .links[0]
            .startswith(reverse("review:replacements", args=[collection.pk]))
        )

    @settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
    def test_word_changes_turn_one_text_into_the_other(self, before: list[str], after: list[str]) -> None:
        changes = list(word_changes(" ".join(before), " ".join(after)))
        removed = Counter(old for old, _ in changes if old)
        added = Counter(new for _, new in changes if new)
        assert Counter(before) - removed + added == Counter(after)
        assert bool(changes) == (before != after)


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

    def test_bins_equal_counting_the_words_of_the_rows(self, db: None) -> None:
        collection = create_collection()
        for each, whole in ((collection, True), (collection, True), (collection, False), (create_collection(), True)):
            self.read(each, whole=whole)
        found = quality.observed(as_lead(collection))
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

    def test_what_nobody_read_whole_is_a_sentence(self, db: None, client: Client) -> None:
        collection = create_collection()
        self.read(collection, whole=False)
        answer = self.screen(client, as_lead(collection))
        assert "approve a page after reading all" in answer
        assert 'class="reliability"' not in answer

    def test_the_screen_draws_it_and_names_the_calibration(self, db: None, client: Client) -> None:
        collection = create_collection()
        self.read(collection)
        CollectionCalibration.objects.create(collection=collection, number=1, state="too-few", words=120, pages=3)
        answer = self.screen(client, as_lead(collection))
        assert answer.count('<circle class="mark"') == 3
        assert "uncalibrated: a careful guess (4 words)" in answer
        assert "too few words" in answer

    def screen(self, client: Client, seen: ReportScope) -> str:
        client.force_login(seen.user)
        return client.get(reverse("reports:section", args=["quality"])).content.decode()


class TestMeasuredErrors:
    """Blind checks of text accepted unseen, and of reviewed text before and after review."""

    def test_audits_count_until_the_first_that_is_open(self, db: None) -> None:
        collection = create_collection(audit_rate=1.0)
        version = create_profile_version()
        for _ in range(8):
            decided_page(collection, version, lines=1)
        wrong = TEXT.replace("Mary", "Mari")
        for number, audit in enumerate(Audit.objects.order_by("pk")):
            if number < 6 or number == 7:
                settle(audit, truth=wrong if number in (0, 7) else TEXT)
        seen = as_lead(collection)
        [measured] = quality.measured(quality.samples(seen))
        assert (measured.kind, measured.pages, measured.lines) == (Audit.Kind.MACHINE, 6, 6)
        assert measured.rate == pytest.approx(1 / (6 * len(TEXT)))
        assert measured.low < measured.rate < measured.high
        assert "starter" in measured.readers
        later = ReportScope(seen.user, seen.led, None, "1", timezone.now().date() + dt.timedelta(days=2))
        assert quality.measured(quality.samples(later)) == []

    def test_review_is_measured_on_the_same_lines_before_and_after(self, db: None) -> None:
        collection = create_collection(audit_rate=1.0)
        page = decided_page(collection, create_profile_version(), lines=2)
        Audit.objects.all().delete()
        reader = create_user()
        for line in page.lines.all():
            create_revision(line=line, text=TEXT.replace("Mary", "Marg"), author=reader)
        Page.objects.filter(pk=page.pk).update(state=PageState.IN_REVIEW)
        approve(page=page, reviewer=reader, mode=Approval.Mode.WHOLE_PAGE, active_seconds=30)
        audit = Audit.objects.get(kind=Audit.Kind.APPROVED)
        settle(audit, truth=TEXT.replace("Mary", "Marge"))  # the machine is two letters off, the person one
        seen = as_lead(collection)
        blind = next(iter(quality.review_gain(seen, quality.samples(seen)).rows))
        count = len(TEXT) + 1
        assert blind[1:] == (1, pytest.approx(2 / count), pytest.approx(1 / count))

    def test_an_interval_shrinks_with_pages_and_holds_the_rate(self) -> None:
        few, many = ([risk.PageLoss(0.02, 1.0), risk.PageLoss(0.0, 1.0)] * count for count in (20, 400))
        (low, high), (lower, higher) = risk.interval(few), risk.interval(many)
        assert low < lower < 0.01 < higher < high
        assert risk.interval([])[0] == 0.0


def reports_of(seen: ReportScope) -> Iterator[Report]:
    for section in SECTIONS.values():
        yield from section.build(seen)


def test_every_report_of_nothing_says_so(db: None) -> None:
    for report in reports_of(as_lead(create_collection())):
        assert report.empty, report.name
        assert report.nothing.endswith(".")
