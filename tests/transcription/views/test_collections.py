"""Making, finding and settling collections."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import (
    create_collection,
    create_failure,
    create_layout,
    create_membership,
    create_page,
    create_user,
    create_work,
)
from transcription.models import Collection, Failure, Layout, Membership, PageState, Role, Step, Work, WorkState


def test_a_new_collection_belongs_to_its_maker_and_leads_on_to_the_upload(client: Client, db: None) -> None:
    user = create_user()
    client.force_login(user)
    url = reverse("transcription:collection_new")
    answer = client.post(url, {"title": "  Box   12 ", "threshold": "0.6", "guidelines": "Keep ſ."})
    collection = Collection.objects.get()
    assert answer["Location"] == reverse("transcription:upload_new", args=[collection.pk])
    assert (collection.title, collection.threshold, collection.guidelines) == ("Box 12", 0.6, "Keep ſ.")
    assert Membership.objects.get(collection=collection, user=user).role == Role.ADMIN


def test_a_language_typed_by_its_name_is_stored_as_its_tag(client: Client, db: None) -> None:
    client.force_login(create_user())
    sent = {"title": "Box 12", "threshold": "0.5", "language": "Français"}
    client.post(reverse("transcription:collection_new"), sent)
    assert Collection.objects.get().language == "fr"


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", "   "), ("threshold", "1.2"), ("threshold", "much"), ("language", "English or so")],
)
def test_a_wrong_field_is_said_beside_it_and_nothing_is_made(client: Client, db: None, field: str, value: str) -> None:
    client.force_login(create_user())
    sent = {"title": "Box 12", "threshold": "0.5", "language": "en"} | {field: value}
    answer = client.post(reverse("transcription:collection_new"), sent)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.content.decode()
    assert not Collection.objects.exists()


@pytest.fixture
def reader(db: None) -> Client:
    """Somebody who sees three collections: one to review, one with a failure, one paused."""
    user = create_user()
    quiet = create_collection(title="Quiet", identifier="Q-1", owner=user, state=Collection.State.PAUSED)
    create_page(collection=quiet, state=PageState.REVIEWED)
    waiting = create_collection(title="Waiting", owner=user)
    create_page(collection=waiting, state=PageState.IN_REVIEW)
    broken = create_collection(title="Broken", owner=user)
    page = create_page(collection=broken, state=PageState.RECEIVED)
    create_failure(collection=broken, page=page)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Broken", "Waiting", "Quiet"]),
        ({"sort": "title"}, ["Broken", "Quiet", "Waiting"]),
        ({"sort": "review"}, ["Waiting", "Broken", "Quiet"]),
        ({"status": "review"}, ["Waiting"]),
        ({"status": "attention"}, ["Broken"]),
        ({"status": "unfinished"}, ["Broken"]),
        ({"status": "paused"}, ["Quiet"]),
        ({"q": "q-1"}, ["Quiet"]),
        ({"q": "nothing of the kind"}, []),
    ],
)
def test_collections_are_filtered_and_sorted(reader: Client, query: dict[str, str], expected: list[str]) -> None:
    rows = reader.get(reverse("transcription:collections"), query).context["rows"]
    assert [row.collection.title for row in rows] == expected


def test_a_row_counts_its_pages(reader: Client) -> None:
    rows = {row.collection.title: row for row in reader.get(reverse("transcription:collections")).context["rows"]}
    assert (rows["Waiting"].pages, rows["Waiting"].to_review, rows["Waiting"].done) == (1, 1, 0)
    assert (rows["Quiet"].done, rows["Broken"].failures) == (1, 1)


def test_the_empty_list_says_what_to_do(stranger: Client) -> None:
    assert "No collections yet" in stranger.get(reverse("transcription:collections")).content.decode()


def test_saving_settings_leaves_alone_what_workers_write(
    collection: Collection, member: Callable[[Role], Client]
) -> None:
    url = reverse("transcription:collection_settings", args=[collection.pk])
    served = collection.served_at
    answer = member(Role.ADMIN).post(url, {"title": "Renamed", "threshold": "0.25"})
    assert answer.status_code == 302
    collection.refresh_from_db()
    assert (collection.title, collection.threshold, collection.served_at) == ("Renamed", 0.25, served)


def test_members_are_added_changed_and_removed(collection: Collection, member: Callable[[Role], Client]) -> None:
    client, newcomer = member(Role.ADMIN), create_user(username="newcomer")
    url = reverse("transcription:members", args=[collection.pk])
    for role in (Role.STAFF, Role.LEAD):
        assert client.post(url, {"username": "newcomer", "role": role}).status_code == 302
        assert Membership.objects.get(user=newcomer, collection=collection).role == role
    membership = Membership.objects.get(user=newcomer)
    client.post(reverse("transcription:member_remove", args=[collection.pk, membership.pk]))
    assert not Membership.objects.filter(user=newcomer).exists()


def test_an_unknown_user_is_said_and_not_added(collection: Collection, member: Callable[[Role], Client]) -> None:
    url = reverse("transcription:members", args=[collection.pk])
    answer = member(Role.ADMIN).post(url, {"username": "nobody", "role": Role.STAFF})
    assert answer.status_code == 422
    assert "nobody" in answer.content.decode()


def test_the_last_admin_stays(collection: Collection) -> None:
    membership = create_membership(collection=collection, role=Role.ADMIN)
    client = Client()
    client.force_login(membership.user)
    client.post(reverse("transcription:member_remove", args=[collection.pk, membership.pk]))
    url = reverse("transcription:members", args=[collection.pk])
    assert client.post(url, {"username": membership.user.username, "role": Role.STAFF}).status_code == 422
    membership.refresh_from_db()
    assert membership.role == Role.ADMIN


def test_pause_resume_and_cancel_change_the_state(collection: Collection, member: Callable[[Role], Client]) -> None:
    client = member(Role.ADMIN)
    work = create_work(collection=collection)
    for action, state in (("pause", "paused"), ("resume", "active"), ("cancel", "cancelled")):
        client.post(reverse("transcription:collection_control", args=[collection.pk, action]))
        collection.refresh_from_db()
        assert collection.state == state
    work.refresh_from_db()
    assert work.state == WorkState.CANCELLED


@pytest.mark.parametrize(
    ("ticked", "begun"), [({}, 2), ({"find_lines": "on"}, 1), ({"find_lines": "on", "redraw": "on"}, 2)]
)
def test_finding_lines_anew_says_how_many_drawn_pages_were_left(
    ticked: dict[str, str], begun: int, collection: Collection, member: Callable[[Role], Client]
) -> None:
    drawn, found = (create_page(collection=collection) for _ in range(2))
    Layout.objects.filter(pk=create_layout(page=drawn).pk).update(author=create_user(), change="moved a line")
    create_layout(page=found)
    before = set(collection.pages.values_list("pk", "run"))
    url = reverse("transcription:collection_control", args=[collection.pk, "rerun"])
    said = member(Role.ADMIN).post(url, ticked, follow=True).content.decode()
    assert len(set(collection.pages.values_list("pk", "run")) - before) == begun
    assert ("1 page was left as it is: a person drew its lines." in said) == (begun == 1)
    finding = Work.objects.filter(step=Step.SEGMENT, state=WorkState.QUEUED).count()
    assert finding == (begun if ticked else 0)


def test_the_live_part_is_polled_only_while_something_can_change(
    collection: Collection, member: Callable[[Role], Client]
) -> None:
    client = member(Role.STAFF)
    url = reverse("transcription:collection_live", args=[collection.pk])
    assert client.get(url).status_code == 286
    create_work(collection=collection)
    assert client.get(url).status_code == 200
    Collection.objects.filter(pk=collection.pk).update(state=Collection.State.PAUSED)
    assert client.get(url).status_code == 286


def test_the_polled_part_brings_the_way_into_review_along(
    collection: Collection, member: Callable[[Role], Client]
) -> None:
    client = member(Role.REVIEWER)
    screen, live = (
        reverse(f"transcription:{name}", args=[collection.pk]) for name in ("collection", "collection_live")
    )
    assert "?collection=" not in client.get(screen).content.decode()
    create_page(collection=collection, state=PageState.IN_REVIEW)
    polled = client.get(live).content.decode()
    assert polled.count("hx-swap-oob") == 2
    assert f"?collection={collection.pk}" in polled
    assert '<span class="count">1<' in polled
    assert "hx-swap-oob" not in client.get(screen).content.decode()


def test_a_failure_is_shown_with_its_sentence_and_retried(
    collection: Collection, member: Callable[[Role], Client]
) -> None:
    client = member(Role.STAFF)
    page = create_page(collection=collection, state=PageState.RECEIVED)
    failure = create_failure(collection=collection, page=page, message="Page 1 is smaller than 200 px.")
    screen = client.get(reverse("transcription:collection", args=[collection.pk])).content.decode()
    assert "Page 1 is smaller than 200 px." in screen
    client.post(reverse("transcription:failure_retry", args=[failure.pk]))
    assert not Failure.objects.open().exists()
    failure.work.refresh_from_db()
    assert failure.work.state == WorkState.QUEUED


def test_retry_all_leaves_other_collections_alone(collection: Collection, member: Callable[[Role], Client]) -> None:
    mine = create_failure(collection=collection, page=create_page(collection=collection))
    other_page = create_page()
    others = create_failure(collection=other_page.collection, page=other_page)
    member(Role.STAFF).post(reverse("transcription:failures_retry", args=[collection.pk]))
    assert list(Failure.objects.open()) == [others]
    mine.refresh_from_db()
    assert mine.resolved_at is not None


@pytest.mark.parametrize(("show", "expected"), [("all", 4), ("review", 1), ("done", 2), ("failed", 1), ("odd", 4)])
def test_the_grid_is_filtered(
    collection: Collection, member: Callable[[Role], Client], show: str, expected: int
) -> None:
    for state in (PageState.IN_REVIEW, PageState.ACCEPTED, PageState.REVIEWED):
        create_page(collection=collection, state=state)
    create_failure(collection=collection, page=create_page(collection=collection, state=PageState.RECEIVED))
    answer = member(Role.STAFF).get(reverse("transcription:collection_grid", args=[collection.pk]), {"show": show})
    assert len(answer.context["part"].rows) == expected
