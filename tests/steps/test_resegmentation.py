"""Texts when the lines of their page are found anew, rows and all; where they go is tried in tests/htr."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.factories import create_imported_transcript, create_page, create_revision, create_run, create_user
from tests.steps.journey import claim_step, current_run, prepared_page, work_until_nothing_is_due
from transcription.errors import LostLease
from transcription.htr.records import LayoutRecord, LineGeometry, RegionGeometry
from transcription.htr.transcript_alignment import words_of
from transcription.models import (
    DisplacedText,
    Layout,
    Line,
    Page,
    PageState,
    RouteDecision,
    Source,
    Step,
    TranscriptRevision,
)
from transcription.steps import control
from transcription.steps.correct import save_line
from transcription.steps.invariants import violations
from transcription.steps.layouts import save_layout, write_layout
from transcription.steps.moved_texts import settle_moved
from transcription.steps.placement import kept_entries, lines_of
from transcription.steps.profiles import segmenter_in_use
from transcription.steps.segment import segment
from transcription.steps.settle_displaced import NotOnTheLine, settle_displaced

pytestmark = pytest.mark.django_db
Install = Callable[..., None]


def line(top: int, *, left: int = 100, right: int = 1100, height: int = 50) -> LineGeometry:
    bottom = top + height
    return LineGeometry(
        baseline=((left, bottom - 12), (right, bottom - 12)),
        polygon=((left, top), (right, top), (right, bottom), (left, bottom)),
    )


WHOLE, LEFT, RIGHT = line(100), line(100, right=590), line(100, left=610)


def lay_out(page: Page, *lines: LineGeometry, **record: object) -> Layout:
    layout = write_layout(page=page, record=LayoutRecord(lines=lines, size=(1200, 1600), **record), source="test")  # type: ignore[arg-type]
    page.layout = layout
    page.save()
    return layout


def write(
    layout: Layout, position: int, text: str, source: Source = Source.PERSON, **fields: object
) -> TranscriptRevision:
    line_ = layout.places.get(position=position).line
    return create_revision(line=line_, text=text, source=source, **fields)  # type: ignore[arg-type]


def texts(layout: Layout) -> list[str | None]:
    places = layout.places.select_related("line__current").order_by("position")
    return [place.line.current.text if place.line.current else None for place in places]


def revision(layout: Layout, position: int) -> TranscriptRevision:
    current = layout.places.get(position=position).line.current
    assert current is not None
    return current


class TestPieces:
    def test_of_a_persons_line_take_its_words_as_hers(self) -> None:
        page, author = create_page(), create_user()
        write(lay_out(page, WHOLE), 1, "the old rector of Whitcombe wrote", author=author)
        halves = lay_out(page, LEFT, RIGHT)
        assert texts(halves) == ["the old rector of", "Whitcombe wrote"]
        for position in (1, 2):
            moved = revision(halves, position)
            assert (moved.source, moved.author, moved.layout, moved.mixed) == (Source.PERSON, author, halves, False)
            assert moved.number == 1

    def test_put_together_again_hold_the_same_words(self) -> None:
        page = create_page()
        write(lay_out(page, WHOLE), 1, "the old rector of Whitcombe wrote")
        lay_out(page, LEFT, RIGHT)
        assert texts(lay_out(page, WHOLE)) == ["the old rector of Whitcombe wrote"]

    def test_of_a_brought_line_are_brought_by_the_same_transcript(self) -> None:
        page = create_page()
        transcript = create_imported_transcript(page=page, importer=create_user())
        first = lay_out(page, WHOLE)
        brought = write(first, 1, "the old rector of Whitcombe wrote", Source.IMPORT)
        TranscriptRevision.objects.filter(pk=brought.pk).update(transcript=transcript)
        moved = revision(lay_out(page, LEFT, RIGHT), 2)
        assert (moved.source, moved.transcript, moved.text) == (Source.IMPORT, transcript, "Whitcombe wrote")

    def test_of_a_brought_line_are_placed_there_and_nowhere_else(self) -> None:
        page = create_page()
        text = "the old rector of Whitcombe wrote"
        transcript = create_imported_transcript(page=page, text=text)
        brought = write(lay_out(page, WHOLE), 1, text, Source.IMPORT)
        TranscriptRevision.objects.filter(pk=brought.pk).update(transcript=transcript)
        lay_out(page, LEFT, RIGHT)
        kept = kept_entries(transcript, lines_of(create_run(page=page)), words_of([text]))
        assert [(entry["first"], entry["end"]) for entry in kept.values()] == [(0, 4), (4, 6)]

    def test_are_corrected_by_what_is_read_on_them_once(self) -> None:
        page, author = create_page(), create_user()
        write(lay_out(page, WHOLE), 1, "the old rector of Whitcombe wrote", author=author)
        halves = lay_out(page, LEFT, RIGHT)
        left, right = halves.places.order_by("position").values_list("line", flat=True)
        readings = {left: "the old rectr", right: "of Whitcomb wrote"}
        settle_moved(run=create_run(page=page), readings=readings)
        assert texts(halves) == ["the old rector", "of Whitcombe wrote"]
        assert revision(halves, 1).author == author
        settle_moved(run=create_run(page=page), readings={left: "the old", right: "rector of Whitcombe wrote"})
        assert texts(halves) == ["the old rector", "of Whitcombe wrote"], "people see it by now"

    def test_on_which_somebody_wrote_since_are_left_alone(self) -> None:
        page = create_page()
        write(lay_out(page, WHOLE), 1, "the old rector of Whitcombe wrote")
        halves = lay_out(page, LEFT, RIGHT)
        write(halves, 1, "ye olde rector")
        left, right = halves.places.order_by("position").values_list("line", flat=True)
        settle_moved(run=create_run(page=page), readings={left: "the old rector", right: "of Whitcombe wrote"})
        assert texts(halves) == ["ye olde rector", "Whitcombe wrote"]


class TestLinesPutTogether:
    def test_hold_the_words_of_all_and_of_their_one_author(self) -> None:
        page, author = create_page(), create_user()
        halves = lay_out(page, LEFT, RIGHT)
        write(halves, 1, "the old", author=author)
        write(halves, 2, "rector", author=author)
        whole = lay_out(page, WHOLE)
        moved = revision(whole, 1)
        assert (moved.text, moved.author, moved.mixed) == ("the old rector", author, False)
        assert set(whole.places.get().line.derived_from.all()) == {place.line for place in halves.places.all()}

    def test_of_two_authors_are_nobodys_in_particular(self) -> None:
        page = create_page()
        halves = lay_out(page, LEFT, RIGHT)
        write(halves, 1, "the old", author=create_user())
        write(halves, 2, "rector", author=create_user())
        assert revision(lay_out(page, WHOLE), 1).author is None

    def test_keep_the_machines_words_beside_a_persons_and_say_so(self) -> None:
        page = create_page()
        halves = lay_out(page, LEFT, RIGHT)
        write(halves, 1, "the old")
        write(halves, 2, "rectr", Source.VOTE)
        moved = revision(lay_out(page, WHOLE), 1)
        assert (moved.text, moved.source, moved.mixed) == ("the old rectr", Source.PERSON, True)


class TestDisplaced:
    def test_text_is_kept_and_shown_until_it_is_settled(self) -> None:
        page = create_page()
        written = write(lay_out(page, WHOLE), 1, "anno domini")
        after = lay_out(page, line(130))
        [displaced] = DisplacedText.objects.unsettled()
        assert (displaced.revision, displaced.near, displaced.layout) == (written, after.places.get().line, after)
        assert texts(after) == [None]
        lay_out(page, line(130))
        assert DisplacedText.objects.unsettled().get() == displaced
        person, target = create_user(), after.places.get().line
        with pytest.raises(NotOnTheLine):
            settle_displaced(displaced, by=person, line=target)
        create_revision(line=target, text="in the year anno domini 1702", author=person)
        target.refresh_from_db()
        assert settle_displaced(displaced, by=person, line=target)
        assert not settle_displaced(displaced, by=person, line=None), "settled once"
        displaced.refresh_from_db()
        assert (displaced.outcome, displaced.used_on, displaced.resolved_by) == ("used", target, person)
        assert not DisplacedText.objects.unsettled().exists()

    def test_text_is_not_listed_while_an_earlier_layout_shows_it_again(self) -> None:
        page = create_page()
        first = lay_out(page, WHOLE)
        write(first, 1, "anno domini")
        lay_out(page, line(130))
        page.layout = save_layout(page=page, places=[(p.geometry, p.line) for p in first.places.all()], source="person")
        page.save()
        assert not DisplacedText.objects.unsettled().exists()

    def test_text_goes_to_the_line_on_which_it_is_read(self) -> None:
        page, author = create_page(), create_user()
        write(lay_out(page, WHOLE, line(400)), 1, "anno domini 1702", author=author)
        after = lay_out(page, line(130), line(400))
        near, other = after.places.order_by("position").values_list("line", flat=True)
        settle_moved(run=create_run(page=page), readings={near: "ano domini 170", other: "Mary Carter"})
        assert texts(after) == ["anno domini 1702", None]
        assert (revision(after, 1).source, revision(after, 1).author) == (Source.PERSON, author)
        assert not DisplacedText.objects.unsettled().exists()

    def test_text_that_is_read_nowhere_stays_listed_and_sends_the_page_to_review(
        self, media_root: Path, scribe: Install
    ) -> None:
        page = prepared_page(media_root)
        work_until_nothing_is_due()
        page.refresh_from_db()
        assert page.layout is not None
        place = page.layout.places.order_by("position")[1]
        save_line(line=place.line, text="Mary daughter of John", base_revision=1, author=create_user())
        moved = [
            LineGeometry(
                tuple((x, y + 45) for x, y in each.geometry.baseline),
                tuple((x, y + 45) for x, y in each.geometry.polygon),
            )
            for each in [place]
        ]
        lay_out(page, *moved)
        control.rerun(page.collection)
        work_until_nothing_is_due()
        page.refresh_from_db()
        assert page.state == PageState.IN_REVIEW
        assert "text-displaced" in RouteDecision.objects.get(run=page.run).reasons
        assert DisplacedText.objects.unsettled().get().revision.text == "Mary daughter of John"
        assert violations() == []


def test_a_line_that_stays_belongs_to_no_region_of_the_new_layout() -> None:
    page = create_page()
    region = RegionGeometry("r1", "marginalia", WHOLE.polygon)
    inside = LineGeometry(WHOLE.baseline, WHOLE.polygon, "r1")
    write(lay_out(page, inside, regions=(region,)), 1, "nota bene")
    after = lay_out(page, line(400))
    assert {place.region for place in after.places.all()} == {"text", "marginalia"}


class TestTheStep:
    def test_done_again_after_its_worker_was_lost_writes_nothing_twice(self, media_root: Path, scribe: Install) -> None:
        page = prepared_page(media_root)
        work_until_nothing_is_due()
        page.refresh_from_db()
        assert page.layout is not None
        place = page.layout.places.order_by("position")[1]
        save_line(line=place.line, text="Mary daughter of John", base_revision=1, author=create_user())
        control.rerun(page.collection, find_lines=True)
        work, token = claim_step(Step.SEGMENT)
        segment(work, token)
        counts = Layout.objects.count(), Line.objects.count(), TranscriptRevision.objects.count()
        with pytest.raises(LostLease):
            segment(work, token)
        assert (Layout.objects.count(), Line.objects.count(), TranscriptRevision.objects.count()) == counts
        assert DisplacedText.objects.count() == 0
        assert violations() == []

    def test_that_breaks_in_the_middle_leaves_everything_as_it_was(
        self, media_root: Path, scribe: Install, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = prepared_page(media_root)
        work_until_nothing_is_due()
        page.refresh_from_db()
        before = page.layout
        control.rerun(page.collection, find_lines=True)
        work, token = claim_step(Step.SEGMENT)
        monkeypatch.setattr("transcription.steps.segment.flow.begin_stage", lambda **_: 1 / 0)
        counts = Layout.objects.count(), Line.objects.count()
        with pytest.raises(ZeroDivisionError):
            segment(work, token)
        assert (Layout.objects.count(), Line.objects.count()) == counts
        page.refresh_from_db()
        assert page.layout == before
        monkeypatch.undo()
        segment(work, token)
        page.refresh_from_db()
        assert page.layout != before

    @pytest.mark.parametrize("approved_while_lines_were_found", [False, True])
    def test_leaves_an_approved_page_its_lines_and_texts(
        self, approved_while_lines_were_found: bool, media_root: Path, scribe: Install
    ) -> None:
        page = prepared_page(media_root)
        work_until_nothing_is_due()
        run = current_run(page)
        before, seen = page.layout, texts(run.layout) if run.layout else []
        scribe(text="another reading")

        def approve() -> None:
            fresh = Page.objects.get(pk=page.pk)
            fresh.approved_at, fresh.state = fresh.changed_at, PageState.REVIEWED
            fresh.save()

        if not approved_while_lines_were_found:
            approve()
        assert control.rerun(page.collection, find_lines=True) == 1
        if approved_while_lines_were_found:
            approve()
        work_until_nothing_is_due()
        page.refresh_from_db()
        assert page.layout == before
        assert page.layout is not None
        assert texts(page.layout) == seen
        assert page.state == PageState.REVIEWED
        assert violations() == []


class TestLinesThatAPersonDrew:
    def draw(self, page: Page) -> Layout:
        assert page.layout is not None
        places = [(place.geometry, place.line) for place in page.layout.places.order_by("position")]
        page.layout = save_layout(
            page=page, places=places, source="person", author=create_user(), change="moved a line"
        )
        page.save()
        return page.layout

    def test_are_not_replaced_with_the_collections(self, media_root: Path, scribe: Install) -> None:
        page, other = prepared_page(media_root), None
        other = prepared_page(media_root, collection=page.collection)
        drawn = self.draw(page)
        assert list(page.collection.pages.with_drawn_lines()) == [page]
        assert control.rerun(page.collection, find_lines=True) == 1
        work_until_nothing_is_due()
        page.refresh_from_db()
        other.refresh_from_db()
        assert page.layout == drawn
        assert other.layout is not None
        assert other.layout.source.startswith(segmenter_in_use())

    @pytest.mark.parametrize("how", ["asked for", "one page"])
    def test_are_replaced_when_somebody_asks(self, how: str, media_root: Path, scribe: Install) -> None:
        page = prepared_page(media_root)
        drawn = self.draw(page)
        if how == "asked for":
            assert control.rerun(page.collection, find_lines=True, redraw=True) == 1
        else:
            assert control.rerun(page.collection, find_lines=True, pages=Page.objects.filter(pk=page.pk)) == 1
        work_until_nothing_is_due()
        page.refresh_from_db()
        assert page.layout != drawn

    def test_of_somebody_who_left_are_still_drawn(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        author = self.draw(page).author
        assert author is not None
        author.delete()
        assert page.collection.pages.with_drawn_lines().exists()


places = st.lists(
    st.builds(
        lambda column, width, row: line(60 * row, left=200 * column, right=200 * (column + width) - 10, height=52),
        st.integers(0, 3),
        st.integers(1, 4),
        st.integers(0, 6),
    ),
    max_size=5,
)


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(places, min_size=2, max_size=4), st.lists(st.sampled_from([*Source]), min_size=5, max_size=5))
def test_no_layout_loses_or_doubles_a_word_that_somebody_wrote(
    layouts: list[list[LineGeometry]], sources: list[Source]
) -> None:
    page = create_page()
    first = lay_out(page, *layouts[0])
    for n, (place, source) in enumerate(zip(first.places.order_by("position"), sources, strict=False)):
        create_revision(line=place.line, text=f"w{n}a w{n}b w{n}c", source=source)
    human = Counter(
        word
        for place in first.places.select_related("line__current")
        if place.line.current and place.line.current.source != Source.VOTE
        for word in place.line.current.text.split()
    )
    for found in layouts[1:] + layouts[-1:]:
        before = DisplacedText.objects.filter(page=page).count()
        layout = lay_out(page, *found)
        standing = Counter(word for text in texts(layout) for word in (text or "").split())
        kept = DisplacedText.objects.unsettled().filter(page=page).select_related("revision")
        standing += Counter(word for each in kept for word in each.revision.text.split())
        assert max(standing.values(), default=1) == 1
        assert human <= standing
    assert DisplacedText.objects.filter(page=page).count() == before, "found again, nothing moves"
