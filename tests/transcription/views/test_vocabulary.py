"""The vocabulary of a collection: uploading lists, typing words, finding, removing, downloading."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.factories import create_collection, create_page, create_run, create_term
from transcription.formats.word_list import WordEntry
from transcription.models import Collection, PageState, Role, Term, TermKind
from transcription.steps.vocabulary import merge_terms, pages_read_before, present_revision


@pytest.fixture
def staff(member: Callable[[Role], Client]) -> Client:
    return member(Role.STAFF)


@pytest.fixture
def admin(member: Callable[[Role], Client]) -> Client:
    return member(Role.ADMIN)


def url(collection: Collection, name: str = "vocabulary", *more: object) -> str:
    return reverse(f"transcription:{name}", args=[collection.pk, *more])


def upload(client: Client, collection: Collection, data: bytes, name: str = "names.txt") -> str:
    """Send a list; returns the screen it leads to."""
    answer = client.post(url(collection, "vocabulary_upload"), {"file": SimpleUploadedFile(name, data)}, follow=True)
    return answer.content.decode()


def texts(collection: Collection) -> list[str]:
    present = Term.objects.filter(collection=collection).present()
    return list(present.order_by("sort_key").values_list("text", flat=True))


def test_a_list_is_taken_and_its_bad_lines_are_said_once(staff: Client, collection: Collection) -> None:
    screen = upload(staff, collection, b"Smith\n\n# saints\nbell\x07\nYork\nSmith\n---\n")
    assert texts(collection) == ["Smith", "York"]
    for said in ("names.txt", "2 words added", "1 line repeated", "2 lines left out", "line 4", "U+0007", "line 7"):
        assert said in screen, said
    again = staff.get(url(collection)).content.decode()
    assert "2 words added" not in again
    assert "2 known already" in upload(staff, collection, b"Smith\nYork")


def test_a_report_is_shown_where_it_belongs(staff: Client, collection: Collection) -> None:
    staff.post(url(collection, "vocabulary_upload"), {"file": SimpleUploadedFile("a.txt", b"Smith")})
    other = create_collection()
    other.memberships.create(user_id=staff.session["_auth_user_id"], role=Role.STAFF)
    assert "1 word added" not in staff.get(url(other)).content.decode()
    assert "1 word added" in staff.get(url(collection)).content.decode()


def test_a_long_list_of_problems_is_cut(staff: Client, collection: Collection) -> None:
    screen = upload(staff, collection, b"Smith\n" + b"---\n" * 150)
    assert "150 lines left out" in screen
    assert screen.count("holds no letter.") == 100
    assert "and 50 more" in screen


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"Smith\nAndr\xe9", "names.txt", "line 2 holds the byte 0xE9"),
        (b"", "names.txt", "is empty"),
        (b"Smith", "names.docx", "is not a word list"),
    ],
)
def test_a_file_that_is_no_word_list_is_refused(
    staff: Client, collection: Collection, data: bytes, name: str, said: str
) -> None:
    answer = staff.post(url(collection, "vocabulary_upload"), {"file": SimpleUploadedFile(name, data)})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert texts(collection) == []


def test_a_list_over_the_limit_is_refused(
    staff: Client, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcription.views.vocabulary.LARGEST_FILE", 20)
    monkeypatch.setattr("transcription.formats.word_list.LARGEST_FILE", 20)
    answer = staff.post(url(collection, "vocabulary_upload"), {"file": SimpleUploadedFile("a.txt", b"x" * 50)})
    assert answer.status_code == 422
    assert "Split it" in answer.content.decode()


def test_a_word_is_added_by_typing(staff: Client, collection: Collection) -> None:
    given = {"text": "  Saint   Denis ", "kind": "place", "note": "abbey"}
    said = staff.post(url(collection, "term_add"), given, follow=True).content.decode()
    assert "“Saint Denis” was added." in said
    term = Term.objects.get()
    assert (term.text, term.kind, term.note) == ("Saint Denis", TermKind.PLACE, "abbey")
    assert "already" in staff.post(url(collection, "term_add"), given, follow=True).content.decode()
    assert Term.objects.count() == 1


@pytest.mark.parametrize("text", ["", "   ", "---", "a\x00b", "x" * 101])
def test_a_word_that_is_none_is_refused_beside_its_field(staff: Client, collection: Collection, text: str) -> None:
    answer = staff.post(url(collection, "term_add"), {"text": text, "kind": "name", "note": ""})
    assert answer.status_code == 422
    assert 'id="text-error"' in answer.content.decode()
    assert not Term.objects.exists()


def test_words_are_found_without_case_and_accents_and_by_kind(staff: Client, collection: Collection) -> None:
    words = [WordEntry("Évreux", "place"), WordEntry("Desévres", "name"), WordEntry("York", "place")]
    merge_terms(collection=collection, entries=words)
    create_term(collection=create_collection(), text="Évry")
    screen = staff.get(url(collection), {"q": "EVR"}).content.decode()
    assert [word for word in ("Évreux", "Desévres", "York", "Évry") if f">{word}<" in screen] == ["Évreux", "Desévres"]
    part = staff.get(url(collection, "vocabulary_list"), {"q": "evr", "kind": "place"})
    assert ">Évreux<" in part.content.decode()
    assert ">Desévres<" not in part.content.decode()
    assert part["HX-Replace-Url"] == f"{url(collection)}?q=evr&kind=place"
    assert "contains “nobody”" in staff.get(url(collection), {"q": "nobody"}).content.decode()
    assert staff.get(url(collection), {"q": "\x00", "kind": "horse"}).status_code == 200


def test_a_long_vocabulary_is_paged_by_key(staff: Client, collection: Collection) -> None:
    merge_terms(collection=collection, entries=[WordEntry(f"Name{number:04}") for number in range(250)])
    first = staff.get(url(collection))
    part = first.context["part"]
    assert [row.text for row in part.rows] == [f"Name{number:04}" for number in range(100)]
    last = staff.get(
        url(collection), {"after": staff.get(url(collection), {"after": part.after}).context["part"].after}
    )
    assert [row.text for row in last.context["part"].rows] == [f"Name{number:04}" for number in range(200, 250)]
    assert "250" in first.content.decode()


def test_the_kind_of_a_word_is_changed_where_it_stands(staff: Client, collection: Collection) -> None:
    term = create_term(collection=collection, text="York", kind=TermKind.NAME)
    before = present_revision(collection)
    here = f"{url(collection)}?q=york"
    change = reverse("transcription:term_kind", args=[collection.pk, term.pk])
    assert staff.post(change, {"kind": "place", "next": here})["Location"] == here
    term.refresh_from_db()
    assert (term.kind, present_revision(collection)) == (TermKind.PLACE, before), "no page was read otherwise"
    assert staff.post(change, {"kind": "horse", "next": "https://example.org/"})["Location"] == url(collection)
    term.refresh_from_db()
    assert term.kind == TermKind.PLACE
    elsewhere = create_term(collection=create_collection(), text="York")
    foreign = reverse("transcription:term_kind", args=[collection.pk, elsewhere.pk])
    assert staff.post(foreign, {"kind": "place"}).status_code == 404


def test_one_word_is_removed_and_one_stays_where_one_was(staff: Client, collection: Collection) -> None:
    term = create_term(collection=collection)
    here = f"{url(collection)}?q=whit"
    answer = staff.post(url(collection, "term_remove", term.pk), {"next": here})
    assert answer["Location"] == here
    assert texts(collection) == []
    assert staff.post(url(collection, "term_remove", term.pk)).status_code == 404
    other = create_term(collection=collection, text="York")
    elsewhere = staff.post(url(collection, "term_remove", other.pk), {"next": "https://evil.example/"})
    assert elsewhere["Location"] == url(collection)


def test_a_word_of_another_collection_cannot_be_removed_from_here(staff: Client, collection: Collection) -> None:
    foreign = create_term(collection=create_collection())
    assert staff.post(url(collection, "term_remove", foreign.pk)).status_code == 404
    assert Term.objects.present().filter(pk=foreign.pk).exists()


def test_all_words_are_deleted_by_admins_only(staff: Client, admin: Client, collection: Collection) -> None:
    create_term(collection=collection)
    kept = create_term(collection=create_collection())
    assert "Delete all" not in staff.get(url(collection)).content.decode()
    assert "Delete all words?" in admin.get(url(collection)).content.decode()
    admin.post(url(collection, "vocabulary_clear"))
    assert list(Term.objects.present()) == [kept]


def test_the_download_is_inert_and_can_be_uploaded_elsewhere(staff: Client, collection: Collection) -> None:
    merge_terms(collection=collection, entries=[WordEntry("=SUM(A1)", "term"), WordEntry("Évreux", "place", "see")])
    answer = staff.get(url(collection, "vocabulary_download"))
    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer["Content-Disposition"] == 'attachment; filename="vestry-minutes-vocabulary.csv"'
    assert data.decode("utf-8-sig").splitlines() == ["term,kind,note", "'=SUM(A1),term,", "Évreux,place,see"]
    assert "2 known already" in upload(staff, collection, data, "again.csv")


def test_pages_read_with_other_words_are_said_and_read_again_by_admins(
    staff: Client, admin: Client, collection: Collection
) -> None:
    page = create_page(collection=collection, state=PageState.ACCEPTED)
    create_run(page=page)
    home = reverse("transcription:collection", args=[collection.pk])
    assert "vocabulary has changed" not in admin.get(home).content.decode()
    create_term(collection=collection)
    for screen in (home, url(collection)):
        assert "vocabulary has changed since 1 page was read" in staff.get(screen).content.decode()
        assert url(collection, "vocabulary_rerun") not in staff.get(screen).content.decode()
        assert url(collection, "vocabulary_rerun") in admin.get(screen).content.decode()
    said = admin.post(url(collection, "vocabulary_rerun"), follow=True).content.decode()
    assert "1 page is read again" in said
    assert not pages_read_before(collection).exists()


def test_members_without_settings_find_the_vocabulary(staff: Client, admin: Client, collection: Collection) -> None:
    assert url(collection) in staff.get(reverse("transcription:collection", args=[collection.pk])).content.decode()
    settings = reverse("transcription:collection_settings", args=[collection.pk])
    assert url(collection) in admin.get(settings).content.decode()
    assert settings not in staff.get(url(collection)).content.decode()
