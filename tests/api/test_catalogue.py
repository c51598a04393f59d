from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from tests.api.client import Program, problem, program, scan
from tests.factories import (
    create_collection,
    create_document,
    create_layout,
    create_page,
    create_revision,
    create_run,
    create_user,
    create_vote,
    word,
)
from tests.steps.journey import work_until_nothing_is_due
from transcription.formats.metadata_csv import read_metadata, write_metadata
from transcription.models import Collection, Document, Original, Page, PageState
from transcription.steps.search_index import settle_marks

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return create_user(username="ada")


@pytest.fixture
def caller(user: User) -> Program:
    return program(user)


@pytest.fixture
def collection(user: User) -> Collection:
    return create_collection(owner=user)


def test_a_collection_is_made_described_found_and_told_with_its_counts(caller: Program) -> None:
    made = caller.post("/collections", {"title": "  St Mary   registers ", "language": "French", "dates": "1702-40"})
    assert made.status_code == 201
    assert (made.json()["title"], made.json()["language"], made.json()["role"]) == ("St Mary registers", "fr", "admin")
    url = made["Location"]
    assert caller.patch(url, {"identifier": "SM/1"}).json()["identifier"] == "SM/1"
    create_page(collection=Collection.objects.get(), state=PageState.IN_REVIEW)
    told = caller.get(url).json()
    assert (told["dates"], told["pages"], told["read"], told["in_review"]) == ("1702-40", 1, 1, 1)
    assert [each["id"] for each in caller.get("/collections", q="sm/1").json()["items"]] == [told["id"]]
    assert caller.get("/collections", q="nothing").json()["items"] == []
    problem(caller.post("/collections", {"title": "A", "language": "Klingonese"}), 422, "language")


def test_documents_are_made_listed_part_by_part_and_described(caller: Program, collection: Collection) -> None:
    path = f"/collections/{collection.pk}/documents"
    made = [caller.post(path, {"title": f"Box {number}", "identifier": f"B{number}"}).json() for number in range(3)]
    problem(caller.post(path, {"title": "Box 1"}), 409, "title-taken")
    first = caller.get(path, limit=2).json()
    rest = caller.get(first["next"]).json()
    assert [each["title"] for each in first["items"] + rest["items"]] == ["Box 0", "Box 1", "Box 2"]
    assert rest["next"] is None
    assert [each["id"] for each in caller.get(path, identifier="B2").json()["items"]] == [made[2]["id"]]
    url = f"/documents/{made[0]['id']}"
    assert caller.patch(url, {"creator": "A clerk", "rights": "CC0"}).json()["creator"] == "A clerk"
    problem(caller.patch(url, {"title": "Box 1"}), 409, "title-taken")
    assert caller.get(url).json()["title"] == "Box 0"


def test_a_table_describes_many_documents_and_tells_which_rows_it_passed_over(
    caller: Program, collection: Collection
) -> None:
    for title in ("a", "b", "c"):
        create_document(collection=collection, title=title)
    table = (
        "document;title;Identifier;date;creator;licence\n"
        "a;b;X/1;1702;;CC0\n"  # b is taken until the next row has freed it
        "b;d;X/2;1703;The clerk;\n"
        "nowhere;;X/3;;;\n"
        f"c;;{'x' * 200};;;\n"
    ).encode()
    path = f"/collections/{collection.pk}/metadata"
    tried = caller.send(path, table, name="table.csv", dry_run="true").json()
    assert (tried["matched"], tried["changed"]) == (1, 1)
    assert {each["line"] for each in tried["problems"]} == {2, 4, 5}
    assert set(Document.objects.values_list("title", flat=True)) == {"a", "b", "c"}, "nothing was changed"
    ordered = table.replace(
        b"a;b;X/1;1702;;CC0\nb;d;X/2;1703;The clerk;\n", b"b;d;X/2;1703;The clerk;\na;b;X/1;1702;;CC0\n"
    )
    done = caller.send(path, ordered, name="table.csv").json()
    assert (done["matched"], done["changed"]) == (2, 2)
    described = {each.title: each for each in Document.objects.all()}
    assert set(described) == {"b", "c", "d"}
    assert (described["b"].identifier, described["b"].dates, described["b"].rights) == ("X/1", "1702", "CC0")
    assert described["d"].creator == "The clerk"
    problem(caller.send(path, b"\x00\x01", name="t.csv"), 422, "not-text")
    problem(caller.send(path, b"one,two\n1,2\n", name="t.csv"), 422, "no-headings")


def test_a_table_that_was_written_is_read_back_and_runs_no_formula() -> None:
    rows = [(7, "a", "a", "=SUM(1)", "", "Ö, “x”", "")]
    data = b"".join(write_metadata(rows))
    assert b"'=SUM(1)" in data
    (row,) = read_metadata(data, "t.csv")
    assert row.key == ("id", "7")
    assert row.values == {"title": "a", "identifier": "=SUM(1)", "creator": "Ö, “x”"}


def test_pages_lines_and_search_tell_text_confidence_alternatives_and_where_it_stands(
    caller: Program, collection: Collection
) -> None:
    page = create_page(collection=collection, state=PageState.IN_REVIEW, confidence=0.8)
    first, second = (place.line for place in create_layout(page=page).places.order_by("position"))
    run = create_run(page=page)
    create_vote(run=run, line=first, words=[word("the", 0.9), word("rector", 0.6, "vector")])
    create_revision(line=second, text="typed by hand")
    settle_marks(seconds=5)
    listed = caller.get(f"/collections/{collection.pk}/pages", state="in_review").json()["items"]
    assert [each["id"] for each in listed] == [page.pk]
    assert caller.get(f"/documents/{page.document_id}/pages", state="accepted").json()["items"] == []
    told = caller.get(f"/pages/{page.pk}").json()
    assert (told["text"], told["word_count"], told["confidence"]) == ("the rector\ntyped by hand", 5, 0.8)
    voted, typed = caller.get(f"/pages/{page.pk}/lines", alternatives="true").json()["items"]
    assert (voted["source"], typed["source"], typed["words"]) == ("vote", "person", [])
    assert [(each["text"], each["confidence"], each["alternatives"]) for each in voted["words"]] == [
        ("the", 0.9, []),
        ("rector", 0.6, ["vector"]),
    ]
    assert voted["polygon"][0] == [100, 120]
    plain = caller.get(f"/pages/{page.pk}/lines").json()["items"]
    assert plain[0]["words"][1]["alternatives"] is None
    (hit,) = caller.get("/search", q="rector").json()["items"]
    assert (hit["page"], hit["line"], hit["found"]) == (page.pk, first.pk, "text")
    assert hit["text"][hit["words"][0]["start"] : hit["words"][0]["end"]] == "rector"
    (other,) = caller.get("/search", q="vector", similar="false").json()["items"]
    assert (other["found"], other["words"][0]["others"]) == ("other reading", ["vector"])
    problem(caller.get("/search", q="a\x00"), 422, "invalid")


def test_an_export_is_asked_for_followed_and_fetched(
    caller: Program, collection: Collection, media_root: Path, scribe: Callable[..., None]
) -> None:
    page = create_page(collection=collection, state=PageState.REVIEWED)
    create_revision(line=create_layout(page=page).places.first().line, text="exported words")  # type: ignore[union-attr]
    asked = caller.post(f"/collections/{collection.pk}/exports", {"format": "txt", "scope": "reviewed"})
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    problem(caller.get(f"{asked['Location']}/file"), 409, "not-ready")
    work_until_nothing_is_due()
    done = caller.get(asked["Location"]).json()
    assert (done["state"], done["pages"]) == ("done", 1)
    file = caller.get(done["file"])
    assert file["Content-Disposition"].startswith("attachment")
    assert b"".join(file.streaming_content)[:2] == b"PK"
    assert [each["id"] for each in caller.get(f"/collections/{collection.pk}/exports").json()["items"]] == [done["id"]]
    assert Page.objects.count() == 1


def test_an_export_takes_all_its_options_and_can_be_stopped(caller: Program, collection: Collection) -> None:
    page = create_page(collection=collection, state=PageState.REVIEWED)
    url = f"/collections/{collection.pk}/exports"
    wish = {"format": "tei", "document": page.document_id, "normalised": True, "names": "{identifier}/{page:03}"}
    made = caller.post(url, wish).json()
    assert (made["format"], made["document"], made["normalised"]) == ("tei", page.document_id, True)
    for wrong, code in (
        ({"format": "odt"}, "unknown-format"),
        ({"format": "txt", "names": "{title}"}, "file-names"),
        ({"format": "iiif", "base": "nowhere"}, "no-address"),
        ({"format": "txt", "scope": "reviewed", "document": create_page().document_id}, "not-found"),
    ):
        problem(caller.post(url, wrong), 404 if code == "not-found" else 422, code)
    stopped = caller.post(f"/exports/{made['id']}/cancel", {})
    assert (stopped.status_code, stopped.json()["state"]) == (200, "cancelled")
    problem(caller.post(f"/exports/{made['id']}/cancel", {}), 409, "conflict")


def test_a_file_comes_in_pieces_by_tus_and_is_the_same_at_the_end(
    caller: Program, collection: Collection, media_root: Path
) -> None:
    data = scan()
    begun = caller.post(f"/collections/{collection.pk}/uploads", {})
    assert begun.status_code == 201
    tus = {"Tus-Resumable": "1.0.0"}
    told = f"relativePath {b64encode(b'Box 1/a.png').decode()}"
    made = caller.call(
        "post", begun.json()["files"], more_headers=tus | {"Upload-Length": str(len(data)), "Upload-Metadata": told}
    )
    assert made.status_code == 201
    assert made["Location"].startswith(begun.json()["files"])
    piece = {"content_type": "application/offset+octet-stream"}
    half = len(data) // 2
    sent = caller.call("patch", made["Location"], data=data[:half], more_headers=tus | {"Upload-Offset": "0"}, **piece)
    assert (sent.status_code, sent["Upload-Offset"]) == (204, str(half))
    wrong = caller.call("patch", made["Location"], data=data[half:], more_headers=tus | {"Upload-Offset": "7"}, **piece)
    assert wrong["Upload-Offset"] == str(half)
    problem(wrong, 409, "wrong-offset")
    assert caller.call("head", made["Location"], more_headers=tus)["Upload-Offset"] == str(half)
    caller.call("patch", made["Location"], data=data[half:], more_headers=tus | {"Upload-Offset": str(half)}, **piece)
    original = Original.objects.get()
    assert (media_root / original.file).read_bytes() == data
    assert (original.document.title, original.upload.uploader) == ("Box 1", caller.token.user)  # type: ignore[union-attr]
    assert caller.get(begun["Location"]).json()["stored"] == 1
    problem(program(create_user()).call("get", made["Location"], more_headers=tus), 404, "not-found")
