"""What people do with a page as a whole, and when they may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from review.approvals import approve
from review.claims import claim_page
from review.comments import Talk, say, talks_of
from review.models import Approval, Claim, Stage
from review.spreads import InReview, join, split, split_found, turn
from review.stages import review_of
from tests.factories import (
    create_collection,
    create_layout,
    create_membership,
    create_page,
    create_revision,
    create_run,
    create_user,
    create_vote,
)
from tests.review.written_page import create_reviewer
from transcription.models import (
    Collection,
    CountChange,
    CountKind,
    DailyCount,
    Layout,
    LayoutLine,
    Line,
    Page,
    PageState,
    Part,
    Reading,
    Role,
    Source,
    TranscriptRevision,
)
from transcription.steps.correct import save_line
from transcription.steps.judge_pages import judge_marked
from transcription.steps.split_spread import NoSpread

pytestmark = pytest.mark.django_db


def spread(collection: Collection | None = None, **fields: object) -> Page:
    """A spread in review with one line on either page."""
    page = create_page(collection=collection, state=PageState.IN_REVIEW, gutter=0.5, **fields)
    layout = Layout.objects.create(page=page, version=1, source="test")
    for position, left in enumerate((100, 700), start=1):
        LayoutLine.objects.create(
            layout=layout,
            line=Line.objects.create(page=page),
            position=position,
            baseline=[[left, 200], [left + 400, 200]],
            polygon=[[left, 160], [left + 400, 160], [left + 400, 212], [left, 212]],
        )
    page.layout = layout
    page.save()
    run = create_run(page=page)
    for place in layout.places.all():
        create_vote(run=run, line=place.line)
    return page


def histories(line: Line) -> QuerySet[TranscriptRevision, tuple[object, ...]]:
    """What stays of each revision of a line, wherever the line goes."""
    return line.revisions.order_by("number").values_list("number", "text", "source", "author", "mixed", "created_at")


def prepared(page: Page) -> Page:
    """As if the image had been made anew, without the time it takes."""
    Page.objects.filter(pk=page.pk).update(state=PageState.IN_REVIEW)
    page.refresh_from_db()
    return page


@pytest.mark.parametrize("act", ["turn", "split", "join"])
def test_a_page_that_somebody_holds_is_left_alone(act: str) -> None:
    page, reviewer, other = spread(), create_user(username="anna"), create_user()
    if act == "join":
        right = prepared(split(page=page, user=other))
        claim_page(page=right, reviewer=reviewer)
        prepared(page)
    else:
        claim_page(page=page, reviewer=reviewer)
    acts: dict[str, Callable[..., Page]] = {"turn": lambda **who: turn(quarters=1, **who), "split": split, "join": join}
    with pytest.raises(InReview, match="anna is reviewing"):
        acts[act](page=page, user=other)
    with pytest.raises(InReview, match="leave it there first"):
        acts[act](page=page, user=reviewer)
    Claim.objects.update(lease_until=timezone.now())
    acts[act](page=page, user=other)


def test_what_was_approved_once_of_the_right_page_stays_on_record() -> None:
    page, reviewer = spread(), create_user()
    right = prepared(split(page=page, user=reviewer))
    approve(page=right, reviewer=reviewer, mode=Approval.Mode.WHOLE_PAGE, active_seconds=5)
    prepared(page)
    with pytest.raises(NoSpread, match="approved"):
        join(page=page, user=reviewer)
    Page.objects.filter(pk=right.pk).update(approved_at=None, state=PageState.IN_REVIEW)
    join(page=page, user=reviewer)
    assert Approval.objects.get().page == page


def test_what_was_said_goes_with_its_line_when_a_spread_is_split_and_joined() -> None:
    page, reviewer = spread(), create_user()
    line = page.lines.latest("pk")
    say(page=page, line=line, text="on the right", author=reviewer)
    right = prepared(split(page=page, user=reviewer))
    assert right.layout is not None
    moved = right.layout.places.get().line
    assert talks_of(right) == {moved.pk: Talk(1, open=True)}
    say(page=right, line=moved, text="still there", author=reviewer)
    say(page=right, line=None, text="about the right page", author=reviewer)
    say(page=page, line=None, text="about the left page", author=reviewer)
    whole = join(page=prepared(page), user=reviewer)
    assert talks_of(whole) == {line.pk: Talk(2, open=True), 0: Talk(2, open=True)}


def test_a_second_review_of_a_spread_begins_anew_when_it_is_split() -> None:
    page = spread()
    Collection.objects.update(second_review=True)
    page.refresh_from_db()
    approve(page=page, reviewer=create_user(), mode=Approval.Mode.WHOLE_PAGE, active_seconds=5)
    page.refresh_from_db()
    split(page=page, user=create_user())
    assert review_of(page).stage == Stage.FIRST


def corrections() -> dict[str, int]:
    """What reports count of corrections, by kind."""
    judge_marked()
    counts: Counter[str] = Counter()
    for model in (DailyCount, CountChange):
        for kind, value in model.objects.values_list("kind", "value"):
            if kind in (CountKind.CHANGE, CountKind.VOTED_WORDS):
                counts[kind] += value
    return dict(counts)


def test_a_text_that_went_to_another_page_is_counted_once(client: Client) -> None:
    page, reviewer = spread(), create_user()
    line = page.lines.latest("pk")
    save_line(line=line, text="the Pastor", base_revision=1, author=reviewer)
    before = corrections()
    assert (before[CountKind.CHANGE], before[CountKind.VOTED_WORDS]) == (1, 4)
    right = prepared(split(page=page, user=reviewer))
    Approval.objects.create(page=prepared(page), reviewer=reviewer, mode=Approval.Mode.WHOLE_PAGE)
    Page.objects.filter(pk=page.pk).update(approved_at=timezone.now(), approved_whole=True)
    assert corrections() == before
    Page.objects.filter(pk=page.pk).update(approved_at=None, approved_whole=False)
    join(page=right, user=reviewer)
    assert corrections() == before


def test_all_spreads_of_a_collection_are_split_but_those_in_hand_or_approved() -> None:
    collection = create_collection()
    user = create_user()
    free, held = spread(collection), spread(collection)
    spread(collection, approved_at=timezone.now())
    create_page(collection=collection, state=PageState.IN_REVIEW)
    claim_page(page=held, reviewer=create_user())
    assert collection.pages.unsplit_spreads().count() == 2
    assert split_found(collection, user) == (1, 1)
    assert list(collection.pages.exclude(part=Part.WHOLE).values_list("original", "part").order_by("part")) == [
        (free.original_id, Part.LEFT),
        (free.original_id, Part.RIGHT),
    ]


class TestViews:
    def test_reviewers_turn_split_and_join(self, client: Client) -> None:
        page = spread()
        client.force_login(create_reviewer(page.collection))
        answer = client.post(reverse("review:split", args=[page.pk]), follow=True)
        assert "Split into two pages" in answer.content.decode()
        for half in Page.objects.all():
            prepared(half)
        right = Page.objects.get(part=Part.RIGHT)
        answer = client.post(reverse("review:join", args=[right.pk]), follow=True)
        assert answer.redirect_chain == [(reverse("transcription:page", args=[page.pk]), 302)]
        answer = client.post(reverse("review:turn", args=[page.pk]), {"way": "left"}, follow=True)
        assert "Turned." in answer.content.decode()
        page.refresh_from_db()
        assert page.turn == 3
        assert client.post(reverse("review:turn", args=[page.pk]), {"way": "up"}).status_code == 400

    def test_what_was_read_voted_typed_and_moved_goes_apart_and_together_again(self, client: Client) -> None:
        page = spread()
        reviewer = create_reviewer(page.collection)
        client.force_login(reviewer)
        run = page.runs.get()
        for line, each in product(page.lines.all(), run.profile_version.stage_passes.all()):
            Reading.objects.create(run=run, line=line, pass_version=each.pass_version, text="the Rector")
        left, right_line = page.lines.order_by("pk")
        save_line(line=right_line, text="the Pastor", base_revision=1, author=reviewer)
        mixed = create_revision(line=right_line, text="the Pastor of", source=Source.PERSON, mixed=True)
        typed = list(histories(right_line))
        assert client.post(reverse("review:split", args=[page.pk])).status_code == 302
        right = Page.objects.get(part=Part.RIGHT)
        moved = right.lines.get()
        assert moved.current is not None
        assert (moved.current.mixed, moved.current.text) == (True, mixed.text)
        assert list(histories(moved)) == typed
        for half in (page, right):
            prepared(half)
        assert client.post(reverse("review:join", args=[right.pk])).status_code == 302
        page.refresh_from_db()
        assert page.part == Part.WHOLE
        assert page.layout is not None
        again = [place.line for place in page.layout.places.order_by("position")]
        assert [line.current.text for line in again if line.current] == ["the Rector", "the Pastor of"]
        assert again == [left, right_line]
        assert list(histories(again[1])) == typed

    @pytest.mark.parametrize("typed", [True, False])
    def test_the_screen_says_whether_lines_turn_along_or_are_found_anew(self, client: Client, typed: bool) -> None:
        page = spread(pyramid="pages/1.tif")
        client.force_login(create_reviewer(page.collection))
        if typed:
            save_line(line=page.lines.latest("pk"), text="the Pastor", base_revision=1, author=create_user())
        shown = client.get(reverse("transcription:page", args=[page.pk])).content.decode()
        assert ("Lines and texts turn with it" in shown, "they are found anew" in shown) == (typed, not typed)
        assert shown.index("Turn this page") < shown.index("transcript")

    def test_a_refusal_is_one_sentence_on_the_page(self, client: Client) -> None:
        page = spread()
        client.force_login(create_reviewer(page.collection))
        answer = client.post(reverse("review:join", args=[page.pk]), follow=True)
        assert "This page is no page of a spread that was split." in answer.content.decode()

    @pytest.mark.parametrize("name", ["turn", "split", "join"])
    def test_staff_and_strangers_reach_nothing(self, client: Client, name: str) -> None:
        page = spread()
        membership = create_membership(collection=page.collection, role=Role.STAFF)
        for user in (membership.user, create_user()):
            client.force_login(user)
            assert client.post(reverse(f"review:{name}", args=[page.pk]), {"way": "left"}).status_code == 404
        client.logout()
        assert client.post(reverse(f"review:{name}", args=[page.pk])).status_code == 302
        page.refresh_from_db()
        assert (page.image, page.part) == (0, Part.WHOLE)

    def test_admins_split_what_was_found(self, client: Client) -> None:
        page = spread()
        create_layout(page=create_page(collection=page.collection))
        url = reverse("review:split-found", args=[page.collection_id])
        client.force_login(create_reviewer(page.collection))
        assert client.post(url).status_code == 404
        client.force_login(create_membership(collection=page.collection).user)
        settings = client.get(reverse("transcription:collection_settings", args=[page.collection_id]))
        assert "Split the 1 spread found" in settings.content.decode()
        assert "1 spread was split." in client.post(url, follow=True).content.decode()
