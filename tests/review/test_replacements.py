"""Find and replace on its screens: who gets in, what is shown before, while and after, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from review import urls
from review.confusions import looked_at, suggestions
from review.corrections import correct_line
from review.editor import current_line_data
from review.models import Approval
from tests.factories import create_collection, create_membership, create_revision, create_user
from tests.review.written_page import create_reviewer, create_written_page
from transcription.htr.replacing import Pattern
from transcription.models import Collection, Page, PageState, Queue, Replacement, Role, Source
from transcription.steps.drain import drain
from transcription.steps.find_places import present_revision
from transcription.steps.judge_pages import judge_marked
from transcription.steps.replace import request_replacement, request_undo

pytestmark = pytest.mark.django_db

LINES = ["the ſirſt|first day", "of ſaid pariſh", "no more"]
# name: (method, status that a lead gets)
OF_COLLECTION = {
    "replacements": ("get", 200),
    "replacement-places": ("get", 400),  # of no preview
    "replacement-suggested": ("get", 200),
    "replacement-apply": ("post", 422),
}
OF_REPLACEMENT = {
    "replacement": ("get", 200),
    "replacement-live": ("get", 200),
    "replacement-lines": ("get", 200),
    "replacement-undo": ("post", 302),
}


@pytest.fixture
def page() -> Page:
    return create_written_page(collection=create_collection(title="Vestry"), text=LINES, image=False)


@pytest.fixture
def lead(page: Page, client: Client) -> Client:
    client.force_login(create_membership(collection=page.collection, role=Role.LEAD).user)
    return client


def asked(page: Page, find: str = "ſ", put: str = "f") -> Replacement:
    return request_replacement(
        collection=page.collection,
        pattern=Pattern(find, put),
        typed=False,
        as_of=present_revision(),
        left_out={},
        author=create_user(username=f"lead{Replacement.objects.count()}"),
    )


def test_every_address_of_replacements_stands_in_one_of_the_tables() -> None:
    names = {str(pattern.name) for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)}
    assert {name for name in names if name.startswith("replacement")} == set(OF_COLLECTION) | set(OF_REPLACEMENT)


@pytest.mark.parametrize("name", [*OF_COLLECTION, *OF_REPLACEMENT])
def test_leads_get_in_and_nobody_below(name: str, page: Page, client: Client) -> None:
    method, status = (OF_COLLECTION | OF_REPLACEMENT)[name]
    address = reverse(f"review:{name}", args=[page.collection_id if name in OF_COLLECTION else asked(page).pk])

    def ask() -> Any:
        return getattr(client, method)(address)

    anonymous = ask()
    assert (anonymous.status_code, anonymous["Location"].split("?")[0]) == (302, reverse("login"))
    for person in (create_user(), create_reviewer(page.collection)):
        client.force_login(person)
        assert ask().status_code == 404
    client.force_login(create_membership(collection=page.collection, role=Role.LEAD).user)
    assert ask().status_code == status


def preview(client: Client, page: Page, **asked: str) -> Any:
    return client.get(reverse("review:replacements", args=[page.collection_id]), {"find": "ſ", "put": "f"} | asked)


def test_a_preview_counts_and_marks_the_difference(lead: Client, page: Page) -> None:
    shown = preview(lead, page).content.decode()
    assert "4 places in 2 lines on 1 page" in " ".join(shown.split())
    assert "the <del>ſ</del>ir<del>ſ</del>t day" in shown
    assert "<ins>f</ins>" in shown
    assert "Replace 4 places" in shown


def test_what_stays_is_said(lead: Client, page: Page) -> None:
    create_revision(line=page.lines.earliest("pk"), text="ſix", author=create_user())
    said = " ".join(preview(lead, page).content.decode().split())
    assert "1 place that people typed or brought stays." in said
    assert "3 places in 2 lines" in " ".join(preview(lead, page, typed="on").content.decode().split())


def test_nothing_found_is_said(lead: Client, page: Page) -> None:
    assert "Nothing found" in preview(lead, page, find="xyz").content.decode()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"put": "ſ"}, "Both sides are the same"),
        ({"put": "\u0304f"}, "belongs to the letter before it"),
        ({"find": " "}, "required"),
        ({"find": "x" * 201}, "at most 200"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_in_a_sentence(
    lead: Client, page: Page, fault: dict[str, str], said: str
) -> None:
    answer = preview(lead, page, **fault)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_more_lines_come_by_key(lead: Client, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("review.replacement_views.LINES_SHOWN", 1)
    context = preview(lead, page).context
    more = lead.get(f"{reverse('review:replacement-places', args=[page.collection_id])}?{context['after']}")
    assert [len(context["lines"]), len(more.context["lines"]), more.context["after"]] == [1, 1, ""]
    assert context["lines"][0].line != more.context["lines"][0].line


def test_a_preview_is_made_true_without_what_was_ticked_off_and_undone(lead: Client, page: Page) -> None:
    context = preview(lead, page).context
    first = context["lines"][0].line
    values = {"find": "ſ", "put": "f", "as_of": context["as_of"], "leave": f"{first}:1"}
    answer = lead.post(reverse("review:replacement-apply", args=[page.collection_id]), values)
    made = Replacement.objects.get()
    assert answer["Location"] == reverse("review:replacement", args=[made.pk])
    live = reverse("review:replacement-live", args=[made.pk])
    assert lead.get(live).status_code == 200
    drain(Queue.CPU)
    assert lead.get(live).status_code == 286
    shown = " ".join(lead.get(answer["Location"]).content.decode().split())
    assert "3 places in 2 lines on 1 page were changed." in shown
    assert texts(page) == ["the firſt day", "of faid parifh", "no more"]
    lead.post(reverse("review:replacement-undo", args=[made.pk]))
    drain(Queue.CPU)
    assert texts(page) == ["the ſirſt day", "of ſaid pariſh", "no more"]
    assert "2 lines have their text back" in " ".join(lead.get(answer["Location"]).content.decode().split())
    assert "taken back" in lead.get(reverse("review:replacements", args=[page.collection_id])).content.decode()


def test_lines_edited_since_are_named_after_an_undo(lead: Client, page: Page) -> None:
    made = asked(page)
    drain(Queue.CPU)
    create_revision(line=page.lines.earliest("pk"), text="the fyrst day", author=create_user())
    lead.post(reverse("review:replacement-undo", args=[made.pk]))
    drain(Queue.CPU)
    address = reverse("review:replacement", args=[made.pk])
    assert "1 line stays" in " ".join(lead.get(address).content.decode().split())
    left = lead.get(address, {"show": "left"}).context["changed"]
    assert [each.outcome for each in left] == ["edited since"]


def test_undoing_what_is_still_at_work_is_refused(lead: Client, page: Page) -> None:
    made = asked(page)
    answer = lead.post(reverse("review:replacement-undo", args=[made.pk]), follow=True)
    assert "still at work" in answer.content.decode()


def test_a_replaced_word_stays_as_doubtful_as_it_was_until_a_person_decides(page: Page) -> None:
    asked(page)
    drain(Queue.CPU)
    line = page.lines.earliest("pk")
    data = current_line_data(line)
    word = data["words"][1]
    assert (word["text"], word["confidence"], word["settled"]) == ("firft", 0.35, False)
    assert "ſirſt" in [other["text"] for other in word["alternatives"]]
    assert (data["by"], data["words"][0]["confidence"]) == ("replaced", 0.96)
    reviewer = create_reviewer(page.collection)
    correct_line(line=line, text="the first day", base_revision=2, decisions=[], reviewer=reviewer)
    assert current_line_data(line)["words"][1]["settled"]


def test_a_lines_history_names_the_replacement_and_its_undo(client: Client, page: Page) -> None:
    made = asked(page)
    drain(Queue.CPU)
    request_undo(made, by=create_user())
    drain(Queue.CPU)
    client.force_login(create_reviewer(page.collection))
    shown = client.get(reverse("review:line-history", args=[page.lines.earliest("pk").pk])).content.decode()
    assert "ſ → f in many lines" in shown
    assert "ſ → f taken back" in shown


def corrected_collection(times: int = 3) -> Collection:
    collection = create_collection()
    for number in range(times):
        end = "ei" if number else "or"
        line = create_written_page(collection=collection, text=[f"ſ{end} the"], image=False).lines.get()
        create_revision(line=line, text=f"f{end} the", author=create_user())
    create_written_page(collection=collection, text=["of ſaid pariſh"], image=False)
    return collection


def test_what_is_corrected_again_and_again_is_proposed_with_where_it_still_stands(client: Client) -> None:
    collection = corrected_collection()
    [found] = suggestions(collection)
    assert (found.confusion.pattern, found.confusion.corrected, found.confusion.seen) == (Pattern("ſ", "f"), 3, 3)
    assert found.open_places == 2
    client.force_login(create_membership(collection=collection, role=Role.LEAD).user)
    shown = client.get(reverse("review:replacement-suggested", args=[collection.pk])).content.decode()
    assert "corrected in 3 of 3" in shown
    assert "2 places" in shown


def test_what_a_reader_of_the_whole_page_let_stand_counts_against_it() -> None:
    collection = corrected_collection()
    page = create_written_page(collection=collection, text=["ſaid"], image=False)
    now = timezone.now()
    approval = Approval.objects.create(page=page, mode=Approval.Mode.WHOLE_PAGE)
    Page.objects.filter(pk=page.pk).update(state=PageState.REVIEWED, approved_at=approval.created_at or now)
    assert ("ſaid", "ſaid") in looked_at(collection)
    assert {each.confusion.pattern: each.confusion.seen for each in suggestions(collection)}[Pattern("ſ", "f")] == 4


def test_a_bulk_fix_is_no_evidence_for_itself() -> None:
    collection = corrected_collection()
    before = looked_at(collection)
    request_replacement(
        collection=collection,
        pattern=Pattern("ſ", "f"),
        typed=False,
        as_of=present_revision(),
        left_out={},
        author=create_user(),
    )
    drain(Queue.CPU)
    assert looked_at(collection) == before


def test_the_reports_lead_from_a_correction_to_its_repair(client: Client) -> None:
    collection = corrected_collection()
    client.force_login(create_membership(collection=collection, role=Role.LEAD).user)
    judge_marked()
    shown = client.get(reverse("reports:section", args=["review"])).content.decode()
    assert f"{reverse('review:replacements', args=[collection.pk])}?find=%C5%BFor&amp;put=for&amp;words=on" in shown


def texts(page: Page) -> list[str]:
    lines = page.lines.order_by("pk").select_related("current")
    assert not page.lines.filter(current__source=Source.PERSON).exists()
    return [line.current.text if line.current else "" for line in lines]
