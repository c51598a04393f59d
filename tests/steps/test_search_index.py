"""The index is what the lines are, whatever happens to them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.factories import create_collection, create_layout, create_page, create_run, create_user, create_vote, word
from transcription.errors import BadInput, Conflict
from transcription.models import Line, Page, PageState, SearchLine, SearchMark, SearchWord, Source, Vote
from transcription.models.search import EVERY_LINE
from transcription.steps.correct import save_line
from transcription.steps.edit_layout import edit_layout, places_of
from transcription.steps.layout_operations import Delete, Merge, Operation, Split
from transcription.steps.purge import purge_collection
from transcription.steps.revise import revise
from transcription.steps.search_index import differences, mark_all_pages, settle_marks

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> Page:
    made = create_page()
    layout = create_layout(page=made)
    run = create_run(page=made)
    for place in layout.places.all():
        create_vote(run=run, line=place.line, words=[word("John"), word("Smlth", 0.4, "Smith", "Smyth")])
    return made


def counts() -> dict[str, int]:
    return dict(SearchWord.objects.exclude(word=EVERY_LINE).values_list("word", "lines"))


def test_a_voted_page_is_marked_and_indexed_with_its_alternatives(page: Page) -> None:
    assert SearchMark.objects.filter(pk=page.pk).exists()
    assert settle_marks() == (1, 0)
    assert not SearchMark.objects.exists()
    assert SearchLine.objects.filter(said__matches="'smlth'").count() == 2
    assert SearchLine.objects.filter(other__matches="'smyth'").count() == 2
    assert SearchLine.objects.filter(every__matches="'john' <-> 'smith'").count() == 2
    assert counts() == {"john": 2, "smlth": 2, "smith": 2, "smyth": 2}
    assert list(differences()) == []


def test_settling_twice_changes_nothing(page: Page) -> None:
    settle_marks()
    mark_all_pages()
    assert settle_marks() == (1, 0)
    assert counts() == {"john": 2, "smlth": 2, "smith": 2, "smyth": 2}


def test_what_a_person_typed_refutes_what_readings_had(page: Page) -> None:
    settle_marks()
    line = page.lines.order_by("pk")[0]
    save_line(line=line, text="Joan Smith", base_revision=1, author=create_user())
    settle_marks()
    assert counts() == {"john": 1, "joan": 1, "smlth": 1, "smith": 2, "smyth": 1}
    assert list(differences()) == []


WORDS = ["John", "Smith", "Smyth", "bap-", "tised", "the", "O'Brien", "[…]"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


class Machine(RuleBasedStateMachine):
    """Two pages of which lines are typed, voted anew, split, merged, deleted, brought back, moved, while marks are
    settled at any moment: of every page that has no mark, the index is what its lines are."""

    def __init__(self) -> None:
        super().__init__()
        self.before = transaction.savepoint()
        self.author = create_user()
        self.pages: list[Page] = []
        for _ in range(2):
            page = create_page(state=PageState.IN_REVIEW)
            create_layout(page=page, lines=3)
            create_run(page=page)
            self.pages.append(page)

    def teardown(self) -> None:
        settle_marks()
        assert not SearchMark.objects.exists()
        assert list(differences()) == []
        transaction.savepoint_rollback(self.before)

    def line(self, page: Page, index: int) -> Line | None:
        lines = list(page.lines.order_by("pk"))
        return lines[index % len(lines)] if lines else None

    def fresh(self, which: int) -> Page | None:
        return Page.objects.select_related("layout", "run").filter(pk=self.pages[which].pk).first()

    @rule(which=st.integers(0, 1), index=st.integers(0, 9), text=TEXTS)
    def type(self, which: int, index: int, text: str) -> None:
        page = self.fresh(which)
        line = self.line(page, index) if page is not None else None
        if line is not None:
            with suppress(Conflict):
                number = line.current.number if line.current is not None else 0
                save_line(line=line, text=text, base_revision=number, author=self.author)

    @rule(which=st.integers(0, 1), index=st.integers(0, 9), stage=st.integers(0, 3), text=TEXTS, other=TEXTS)
    def vote(self, which: int, index: int, stage: int, text: str, other: str) -> None:
        page = self.fresh(which)
        line = self.line(page, index) if page is not None else None
        if page is None or line is None or page.run is None or page.run.votes.filter(line=line, stage=stage).exists():
            return
        words = [word(each, 0.4, other) for each in text.split()] or [word("")]
        vote = Vote.objects.create(run=page.run, line=line, stage=stage, text=text, words=words, confidence=0.4)
        if line.current is None or line.current.source == Source.VOTE:
            revise(line=line, text=text, source=Source.VOTE, vote=vote)

    @rule(which=st.integers(0, 1))
    def read_anew(self, which: int) -> None:
        page = self.fresh(which)
        if page is not None:
            create_run(page=page)

    @rule(which=st.integers(0, 1), index=st.integers(0, 9), how=st.sampled_from(["delete", "split", "merge"]))
    def change_lines(self, which: int, index: int, how: str) -> None:
        page = self.fresh(which)
        lines = [line.pk for _geometry, line in places_of(page.layout)] if page is not None else []
        if page is None or not lines:
            return
        chosen = lines[index % len(lines)]
        operation: Operation
        if how == "delete":
            operation = Delete(kind="delete", lines=[chosen], sure=True)
        elif how == "split":
            operation = Split(kind="split", line=chosen, share=0.5)
        else:
            operation = Merge(kind="merge", lines=lines[:2])
        with suppress(BadInput, Conflict), transaction.atomic():
            edit_layout(page=page, base_version=page.layout.version, operation=operation, author=self.author)

    @rule(which=st.integers(0, 1), lines=st.integers(0, 4))
    def find_lines_anew(self, which: int, lines: int) -> None:
        page = self.fresh(which)
        if page is not None:
            create_layout(page=page, lines=lines)

    @rule(which=st.integers(0, 1))
    def go_back(self, which: int) -> None:
        page = self.fresh(which)
        if page is not None:
            page.layout = page.layouts.order_by("version")[0]
            page.save(update_fields=["layout"])

    @rule(which=st.integers(0, 1), state=st.sampled_from([PageState.REVIEWED, PageState.IN_REVIEW]))
    def change_state(self, which: int, state: PageState) -> None:
        Page.objects.filter(pk=self.pages[which].pk).update(state=state)

    @rule(which=st.integers(0, 1))
    def move_to_another_collection(self, which: int) -> None:
        Page.objects.filter(pk=self.pages[which].pk).update(collection=create_collection())

    @rule()
    def purge(self) -> None:
        page = self.fresh(1)
        if page is not None and page.document.collection_id == page.collection_id:
            purge_collection(page.collection)

    @rule(most=st.integers(1, 2))
    def settle(self, most: int) -> None:
        settle_marks(most=most)

    @invariant()
    def index_of_unmarked_pages_is_exact(self) -> None:
        assert list(differences()) == []


def test_the_index_is_exact_whatever_happens(db: None) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        ),
    )
