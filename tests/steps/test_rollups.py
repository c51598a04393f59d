"""Counts for reports: exact after whatever happens, also while it happens."""

from __future__ import annotations

import datetime as dt
import io
import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from review.models import Approval
from tests.factories import (
    create_collection,
    create_failure,
    create_layout,
    create_page,
    create_profile_version,
    create_revision,
    create_run,
    create_user,
    create_vote,
    create_work,
    word,
)
from transcription.models import (
    Charge,
    ChargeState,
    Collection,
    CountChange,
    CountKind,
    DailyCount,
    Document,
    Failure,
    JudgedPage,
    JudgementMark,
    Original,
    Page,
    PageState,
    Reading,
    Step,
    Work,
    WorkState,
)
from transcription.models.rollup import CHANGE_MARK
from transcription.steps import rollups
from transcription.steps.invariants import violations
from transcription.steps.judge_pages import judge_marked, misjudged
from transcription.steps.purge import purge_collection
from transcription.steps.rollups import Scope

EVENTS = 1000
Count = Counter[tuple[int, dt.date, str, str]]
_WAITS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400]
_TIMES = [5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 3600]


def counted() -> Count:
    """What the counts say: folded and not folded."""
    found: Count = Counter()
    for model in (DailyCount, CountChange):
        for row in model.objects.all():
            found[row.collection_id, row.day, row.kind, row.key] += row.value
    return Counter({key: value for key, value in found.items() if value})


def counted_by_hand() -> Count:
    """The same from the rows, in Python: no function of the database has a hand in it."""
    found: Count = Counter()

    def add(collection: int | None, moment: dt.datetime, kind: str, key: object, value: int = 1) -> None:
        found[collection or 0, moment.astimezone(dt.UTC).date(), kind, str(key)] += value

    for page in Page.objects.all():
        add(page.collection_id, page.received_at, "pages", page.state)
        if page.finished_at:
            add(page.collection_id, page.finished_at, "finished", f"{page.finished_at.astimezone(dt.UTC):%H}")
            if page.confidence is not None:
                add(page.collection_id, page.finished_at, "confidence", min(int(page.confidence * 20) + 1, 20))
    for each in Approval.objects.exclude(active_seconds=0).select_related("page"):
        who = f"{each.mode}|{each.reviewer_id or ''}"
        long = sum(each.active_seconds >= edge for edge in _TIMES)
        add(each.page.collection_id, each.created_at, "approvals", f"{who}|{long}")
        add(each.page.collection_id, each.created_at, "approval-ms", who, round(each.active_seconds * 1000))
    for work in Work.objects.all():
        moment = work.ended_at or work.created_at
        if work.interruptions:
            add(work.collection_id, moment, "lost", work.step, work.interruptions)
        if work.state != WorkState.DONE:
            continue
        assert work.started_at is not None
        what, host = f"{work.queue}|{work.step}|{work.pass_version_id or ''}", work.worker.split(":")[0]
        wait = max((work.started_at - work.created_at).total_seconds(), 0)
        for kind, key, value in (
            ("work", what, 1),
            ("work-ms", what, round(work.milliseconds)),
            ("wait", f"{work.queue}|{sum(wait >= edge for edge in _WAITS)}", 1),
            ("wait-ms", work.queue, round(wait * 1000)),
            ("host-work", host, 1),
            ("host-ms", host, round(work.milliseconds)),
        ):
            add(work.collection_id, moment, kind, key, value)
    for failure in Failure.objects.all():
        add(failure.collection_id, failure.created_at, "failures", failure.code)
        if failure.resolved_at is None:
            add(failure.collection_id, failure.created_at, "failures-open", failure.code)
    for charge in Charge.objects.all():
        add(charge.collection_id, charge.created_at, "calls", charge.endpoint, charge.state != ChargeState.REFUNDED)
        add(charge.collection_id, charge.created_at, "tokens", charge.endpoint, charge.tokens)
        add(charge.collection_id, charge.created_at, "money", charge.endpoint, charge.money)
    for judged in JudgedPage.objects.all():
        for kind, key, value in judged.facts:
            found[judged.collection_id, judged.day, kind, key] += value
    return Counter({key: value for key, value in found.items() if value})


class World:
    """Collections in which things happen by chance, as raw as the rows allow."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.version = create_profile_version()
        self.people = [create_user() for _ in range(3)]
        self.collections = [create_collection(title=f"Box {k}") for k in range(3)]

    def moment(self) -> dt.datetime:
        return timezone.now() - timedelta(seconds=self.chance.uniform(0, 9 * 86400))

    def page(self) -> Page | None:
        return Page.objects.order_by("?").first()

    def receive(self) -> None:
        page = create_page(collection=self.chance.choice(self.collections), state=PageState.RECEIVED)
        Page.objects.filter(pk=page.pk).update(received_at=self.moment())

    def read(self) -> None:
        page = self.page()
        if page is None:
            return
        create_layout(page=page, lines=2)
        run = create_run(page=page, profile_version=self.version)
        passes = list(self.version.passes.all())
        for line in page.lines.all():
            texts = self.chance.choices(["the", "Rector", "of", "Whitby", "ye"], k=3)
            create_vote(run=run, line=line, words=[word(text, self.chance.random()) for text in texts])
            Reading.objects.bulk_create(
                Reading(run=run, line=line, pass_version=each, text=" ".join(texts)) for each in passes
            )
        Page.objects.filter(pk=page.pk).update(
            state=self.chance.choice(PageState.values), confidence=self.chance.random(), finished_at=self.moment()
        )

    def correct(self) -> None:
        page = self.page()
        line = page.lines.filter(current__isnull=False).first() if page else None
        if line is not None:
            create_revision(line=line, text=self.chance.choice(["the Rector", "of Whitby", ""]), author=self.people[0])

    def approve(self) -> None:
        page = self.page()
        if page is None:
            return
        mode = self.chance.choice(Approval.Mode.values)
        made = Approval.objects.create(
            page=page,
            reviewer=self.chance.choice([*self.people, None]),
            mode=mode,
            active_seconds=self.chance.choice([0, 5, 12.3456, 700, 4000]),
        )
        Page.objects.filter(pk=page.pk).update(
            state=PageState.REVIEWED, approved_at=made.created_at, approved_whole=mode == Approval.Mode.WHOLE_PAGE
        )

    def send_back(self) -> None:
        Page.objects.filter(pk__in=list(Page.objects.order_by("?").values_list("pk", flat=True)[:2])).update(
            state=PageState.IN_REVIEW, approved_at=None, approved_whole=False
        )

    def work(self) -> None:
        begun = self.moment()
        create_work(
            collection=self.chance.choice(self.collections),
            step=self.chance.choice(Step.values),
            state=self.chance.choice([WorkState.DONE, WorkState.FAILED, WorkState.QUEUED]),
            started_at=begun,
            ended_at=self.chance.choice([begun + timedelta(seconds=3), begun]),
            milliseconds=self.chance.uniform(0, 5000),
            worker=self.chance.choice(["reader:12", "attic:7", ""]),
            pass_version=self.chance.choice([None, *self.version.passes.all()]),
        )

    def work_again(self) -> None:
        for work in Work.objects.order_by("?")[:3]:
            work.state = self.chance.choice([WorkState.DONE, WorkState.QUEUED])
            work.interruptions = self.chance.randint(0, 3)
            work.created_at = work.created_at - timedelta(seconds=self.chance.choice([0, 1, 5, 4000]))
            work.started_at = work.started_at or timezone.now()
            work.save()

    def fail(self) -> None:
        create_failure(collection=self.chance.choice(self.collections), code=self.chance.choice(["damaged", "empty"]))

    def retry(self) -> None:
        open_ones = list(Failure.objects.open().values_list("pk", flat=True)[:2])
        Failure.objects.filter(pk__in=open_ones).update(resolved_at=timezone.now())

    def charge(self) -> None:
        Charge.objects.create(
            endpoint=self.chance.choice(["big", "small"]),
            collection_id=self.chance.choice([*(each.pk for each in self.collections), None]),
            reserved_in=10,
            reserved_out=10,
            tokens=self.chance.randint(0, 20),
            money=self.chance.randint(0, 900),
            created_at=self.moment(),
        )

    def settle(self) -> None:
        some = list(Charge.objects.order_by("?").values_list("pk", flat=True)[:2])
        state = self.chance.choice([ChargeState.SETTLED, ChargeState.REFUNDED])
        Charge.objects.filter(pk__in=some).update(state=state, tokens=0 if state == ChargeState.REFUNDED else 7)

    def delete_rows(self) -> None:
        model = self.chance.choice([Work, Failure, Charge, Approval])
        model.objects.filter(pk__in=list(model.objects.order_by("?").values_list("pk", flat=True)[:2])).delete()

    def move(self) -> None:
        page = self.page()
        if page is not None:
            collection = self.chance.choice(self.collections)
            Document.objects.filter(pk=page.document_id).update(collection=collection)
            Original.objects.filter(pk=page.original_id).update(collection=collection)
            Page.objects.filter(pk=page.pk).update(collection=collection)

    def purge(self) -> None:
        if self.chance.random() < 0.2:
            index = self.chance.randrange(3)
            purge_collection(self.collections[index])
            self.collections[index] = create_collection()

    def fold(self) -> None:
        judge_marked()
        rollups.fold(most=self.chance.randint(1, 60))

    def forget_person(self) -> None:
        if self.chance.random() < 0.1:
            self.people.append(create_user())
            self.people.pop(0).delete()


def test_after_a_thousand_events_and_deletions_the_counts_are_what_the_rows_come_to(db: None) -> None:
    world = World(seed=9)
    often: list[Callable[[], None]] = [
        world.receive,
        world.correct,
        world.approve,
        world.work,
        world.charge,
        world.fail,
    ]
    seldom = [world.read, world.send_back, world.work_again, world.retry, world.settle, world.delete_rows]
    rare = [world.move, world.purge, world.fold, world.forget_person]
    events = often * 3 + seldom * 2 + rare
    for number in range(EVENTS):
        world.chance.choice(events)()
        if number % 250 == 249:
            assert counted() == counted_by_hand()
    judge_marked()
    before = counted()
    assert before == counted_by_hand()
    assert len({kind for _, _, kind, _ in before}) > 30
    assert Page.objects.count() > 30
    rollups.fold_all()
    assert not CountChange.objects.exists()
    assert not DailyCount.objects.filter(value__lte=0).exists()
    assert counted() == before
    assert [*rollups.differences()] == [*misjudged()] == []
    names = {violation.name for violation in violations()}
    assert "the counts of reports are what the rows come to" not in names


def test_what_a_trigger_never_saw_is_found_and_mended(db: None) -> None:
    collection = create_collection()
    create_page(collection=collection)
    rollups.fold_all()
    DailyCount.objects.update(value=7)
    CountChange.objects.create(collection_id=77, day="2020-01-01", kind="failures", key="x", value=3)
    assert {(each.kind, each.value) for each in rollups.differences()} == {("pages", -6), ("failures", -3)}
    with pytest.raises(SystemExit):
        call_command("rollups", "check", stdout=io.StringIO())
    said = io.StringIO()
    call_command("rollups", "rebuild", stdout=said)
    assert "2 counts were wrong" in said.getvalue()
    call_command("rollups", "check", stdout=said)
    assert "0 faults found" in said.getvalue()
    assert Scope((collection.pk,)).by_key(CountKind.PAGES) == {"prepared": 1}


def test_a_page_is_judged_by_what_people_made_of_it(db: None) -> None:
    collection = create_collection()
    page = create_page(collection=collection, state=PageState.IN_REVIEW)
    version = create_profile_version()
    plain, clahe = version.passes.order_by("pk")
    create_layout(page=page, lines=2)
    run = create_run(page=page, profile_version=version)
    first, second = page.lines.order_by("pk")
    create_vote(run=run, line=first, words=[word("ye", 0.4) | {"passes": [plain.name]}, word("Rector", 0.95)])
    create_vote(run=run, line=second, words=[word("Whitby", 0.8)])
    for line, texts in ((first, ["ye Rector", "the Rector"]), (second, ["Whitby", "Whitbi"])):
        for each, text in zip((plain, clahe), texts, strict=True):
            Reading.objects.create(run=run, line=line, pass_version=each, text=text)
    assert not JudgementMark.objects.exists()  # machines alone leave no mark
    create_revision(line=first, text="the Rector", author=create_user())
    page.state, page.approved_at, page.approved_whole = PageState.REVIEWED, timezone.now(), True
    page.save()
    judge_marked()
    counts = Scope((collection.pk,))
    found = {(kind, key): value for kind, key, value in counts.by_kind_and_key(CountKind) if kind != "pages"}
    assert found == {
        ("typed", ""): 1,
        ("changed", ""): 1,
        ("before-chars", ""): 10,
        ("before-edits", ""): 2,
        ("voted-words", ""): 3,
        ("change", f"ye{CHANGE_MARK}the"): 1,
        ("trusted-lines", str(version.pk)): 2,
        ("trusted-chars", str(version.pk)): 16,
        ("trusted-edits", str(version.pk)): 2,
        **{("pass-lines", str(each.pk)): 2 for each in (plain, clahe)},
        **{("pass-chars", str(each.pk)): 16 for each in (plain, clahe)},
        ("pass-edits", str(plain.pk)): 2,
        ("pass-edits", str(clahe.pk)): 1,
        **{("pass-best", str(each.pk)): 1 for each in (plain, clahe)},
        ("pass-words", str(plain.pk)): 3,
        ("pass-words", str(clahe.pk)): 2,
        **{("pass-right", str(each.pk)): 2 for each in (plain, clahe)},
        ("pass-alone", str(plain.pk)): 1,
        **{("bin-words", f"uncalibrated|{number}"): 1 for number in (12, 24, 28)},
        **{("bin-right", f"uncalibrated|{number}"): 1 for number in (24, 28)},
        **{
            ("bin-sum", f"uncalibrated|{number}"): total
            for number, total in ((12, 400_000), (24, 800_000), (28, 950_000))
        },
    }
    assert counts.most(CountKind.CHANGE, 3) == [(f"ye{CHANGE_MARK}the", 1)]
    assert Scope((collection.pk,), timezone.now().date() + timedelta(days=2)).by_kind_and_key(CountKind) == []


@pytest.mark.django_db(transaction=True)
def test_workers_and_folders_at_once_lose_no_count() -> None:
    collection = create_collection()
    stop = threading.Event()
    errors: list[BaseException] = []

    def in_thread(action: Callable[[], object]) -> threading.Thread:
        def body() -> None:
            try:
                action()
            except BaseException as error:  # noqa: BLE001 - shown by the test
                errors.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=body)
        thread.start()
        return thread

    def write() -> None:
        for number in range(25):
            with transaction.atomic():
                create_page(collection=collection)
                if number % 5 == 4:
                    transaction.set_rollback(True)

    def fold() -> None:
        while not stop.is_set():
            rollups.fold(most=7)
            rollups.mend()

    writers = [in_thread(write) for _ in range(3)]
    folders = [in_thread(fold) for _ in range(2)]
    for writer in writers:
        writer.join()
    assert Scope((collection.pk,)).total(CountKind.PAGES) == 60
    stop.set()
    for folder in folders:
        folder.join()
    assert not errors
    rollups.fold_all()
    assert [*rollups.differences()] == []
    assert sum(DailyCount.objects.values_list("value", flat=True)) == 60
    assert Collection.objects.count() == 1
