"""Bringing transcripts: what is taken and what is not, what became of each, and what of a page's found no place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import (
    create_document,
    create_imported_transcript,
    create_layout,
    create_original,
    create_page,
    create_revision,
    create_run,
    create_user,
    create_vote,
)
from transcription.models import (
    Alignment,
    Collection,
    ImportedTranscript,
    Page,
    PageState,
    Role,
    Source,
    TranscriptRevision,
)


@pytest.fixture
def staff(member: Callable[[Role], Client]) -> Client:
    return member(Role.STAFF)


@pytest.fixture
def page(collection: Collection) -> Page:
    document = create_document(collection=collection, title="Letters")
    original = create_original(document=document, name="scan-1.jpg")
    page = create_page(document=document, original=original, state=PageState.IN_REVIEW)
    layout = create_layout(page=page, lines=2)
    run = create_run(page=page)
    for place in layout.places.select_related("line"):
        create_vote(run=run, line=place.line)
    return page


def bring(
    client: Client,
    collection: Collection,
    files: dict[str, bytes],
    *,
    follow: bool = True,
    fields: dict[str, str] | None = None,
) -> str:
    """Send files by name; returns the screen it leads to."""
    sent = [SimpleUploadedFile(name, data) for name, data in files.items()]
    url = reverse("transcription:transcripts_upload", args=[collection.pk])
    return client.post(url, {"files": sent} | (fields or {}), follow=follow).content.decode()


def screen(client: Client, collection: Collection) -> str:
    return client.get(reverse("transcription:transcripts", args=[collection.pk])).content.decode()


def place(page: Page, *, unplaced: list[dict[str, object]]) -> Alignment:
    """An alignment that gave the page's first line its text."""
    text = "the old rector" + "".join(f"\n{piece['text']}" for piece in unplaced)
    transcript = create_imported_transcript(page=page, text=text, importer=create_user(username="ruth"))
    assert page.layout is not None
    assert page.run is not None
    line = page.layout.places.select_related("line").first().line  # type: ignore[union-attr]  # it has two
    revision = create_revision(line=line, text="the old rector", source=Source.IMPORT, author=transcript.importer)
    TranscriptRevision.objects.filter(pk=revision.pk).update(transcript=transcript)
    entry = {"line": line.pk, "first": 0, "end": 3, "text": "the old rector", "confidence": 0.99, "accepted": True}
    return Alignment.objects.create(transcript=transcript, run=page.run, placed=[entry], unplaced=unplaced)


def test_files_are_taken_and_those_that_fit_nothing_are_said_once(staff: Client, page: Page) -> None:
    said = bring(staff, page.collection, {"scan-1.txt": b"Dear Sir", "scan-9.txt": b"x", "notes.pdf": b"%PDF"})
    for text in (
        "1 transcript added",
        "2 files left out",
        "No scan is called “scan-9”",
        "“notes.pdf” is no transcript",
    ):
        assert text in said, text
    stored = ImportedTranscript.objects.get()
    assert stored.importer_id == int(staff.session["_auth_user_id"])
    assert "1 transcript added" not in screen(staff, page.collection)
    assert "1 here already" in bring(staff, page.collection, {"scan-1.txt": b"Dear Sir"})


def test_what_is_sent_in_several_requests_makes_one_report(staff: Client, page: Page) -> None:
    bring(staff, page.collection, {"a.txt": b"x"}, follow=False)
    said = bring(staff, page.collection, {"b.txt": b"x"}, fields={"going-on": "yes"})
    assert "2 files left out" in said
    assert "1 file left out" in bring(staff, page.collection, {"a.txt": b"x"})


def test_an_ambiguous_name_is_taken_for_the_document_that_was_chosen(staff: Client, page: Page) -> None:
    other = create_document(collection=page.collection, title="Box 2")
    twin = create_page(document=other, original=create_original(document=other, name="scan-1.png"))
    assert "fits 2 scans of that name" in bring(staff, page.collection, {"scan-1.txt": b"x"})
    bring(staff, page.collection, {"scan-1.txt": b"x"}, fields={"document": str(other.pk)})
    assert ImportedTranscript.objects.get().original == twin.original


def test_a_document_of_another_collection_does_not_exist(staff: Client, page: Page) -> None:
    url = reverse("transcription:transcripts_upload", args=[page.collection_id])
    fields = {"files": [SimpleUploadedFile("a.txt", b"x")], "document": str(create_document().pk)}
    assert staff.post(url, fields).status_code == 404


def test_the_list_tells_what_became_of_each(staff: Client, page: Page) -> None:
    assert "Nothing was brought yet" in screen(staff, page.collection)
    create_imported_transcript(page=page)
    assert "is being placed" in screen(staff, page.collection)
    place(page, unplaced=[{"text": "Witness my hand", "line": None}])
    said = screen(staff, page.collection)
    assert "1 of 2 lines placed" in said
    assert ">1 not</a>" in said
    assert "ruth" in said
    assert said.count("<tbody>") == 1
    assert said.count('<th scope="row">') == 1, "only the transcript in use"


def test_the_page_shows_what_found_no_place_and_where_it_may_belong(staff: Client, page: Page) -> None:
    assert page.layout is not None
    second = page.layout.places.order_by("position").last()
    assert second is not None
    place(page, unplaced=[{"text": "Witness my hand", "line": None}, {"text": "<b>& seal", "line": second.line_id}])
    said = staff.get(reverse("transcription:page", args=[page.pk])).content.decode()
    for text in (
        "2 of 3 lines of the transcript scan.txt found no place",
        "Witness my hand",
        "line 2?",
        "&lt;b&gt;&amp; seal",
    ):
        assert text in said, text
    assert 'title="scan.txt, ruth">brought</span></summary>' in said, "the line says where its text is from"


def test_reviewers_see_it_too_and_are_not_asked_about_words_that_were_brought(
    member: Callable[[Role], Client], page: Page
) -> None:
    place(page, unplaced=[{"text": "Witness my hand", "line": None}])
    answer = member(Role.REVIEWER).get(reverse("review:editor", args=[page.pk]))
    assert "Witness my hand" in answer.content.decode()
    assert 'data-use="Witness my hand"' in answer.content.decode()
    lines = answer.context["data"]["lines"]
    assert (lines[0]["by"], lines[0]["byTitle"]) == ("brought: scan.txt", "brought by ruth")
    assert {word["confidence"] for word in lines[0]["words"]} == {None}
    assert None not in {word["confidence"] for word in lines[1]["words"]}


def test_the_bytes_are_given_back_as_they_came_and_only_as_a_download(staff: Client, page: Page) -> None:
    transcript = create_imported_transcript(page=page, text="<script>", name="evil.html.txt")
    answer = staff.get(reverse("transcription:transcript_download", args=[transcript.pk]))
    assert answer.content == b"<script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="evil.html.txt"'


def test_a_transcript_can_be_removed_and_those_of_the_page_stay_to_be_downloaded(staff: Client, page: Page) -> None:
    first = create_imported_transcript(page=page, name="scan-1.txt", text="first")
    second = create_imported_transcript(page=page, name="scan-1.txt", text="second")
    assert "1 other of this page" in screen(staff, page.collection)
    url = reverse("transcription:transcript_withdraw", args=[second.pk])
    assert staff.get(url).status_code == 405
    said = staff.post(url, follow=True).content.decode()
    assert "is no longer used; “scan-1.txt” is in use" in said
    for transcript in (first, second):
        download = reverse("transcription:transcript_download", args=[transcript.pk])
        assert download in said
        assert staff.get(download).content == bytes(transcript.data)
    said = staff.post(reverse("transcription:transcript_withdraw", args=[first.pk]), follow=True).content.decode()
    assert "removed; kept, not used" in said


def test_who_does_not_see_the_collection_cannot_remove_its_transcripts(client: Client, page: Page) -> None:
    transcript = create_imported_transcript(page=page)
    client.force_login(create_user())
    assert client.post(reverse("transcription:transcript_withdraw", args=[transcript.pk])).status_code == 404


def test_the_report_tells_of_replaced_ones_and_of_approved_pages_which_show_no_open_task(
    staff: Client, page: Page
) -> None:
    place(page, unplaced=[{"text": "Witness my hand", "line": None}])
    Page.objects.update(approved_at=timezone.now(), state=PageState.REVIEWED)
    said = staff.get(reverse("transcription:page", args=[page.pk])).content.decode()
    assert "found no place" not in said
    said = bring(staff, page.collection, {"scan-1.txt": b"Dear Sir"})
    assert "replaces the transcript “scan.txt” of" in said
    assert "is approved; “scan-1.txt” is kept and nothing was changed" in said
    assert "its page was approved before" in said


def test_a_lines_history_names_the_file_and_who_brought_it(member: Callable[[Role], Client], page: Page) -> None:
    alignment = place(page, unplaced=[])
    url = reverse("review:line-history", args=[alignment.placed[0]["line"]])
    assert (
        '<strong title="brought by ruth">brought: scan.txt</strong>' in member(Role.REVIEWER).get(url).content.decode()
    )
