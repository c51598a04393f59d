from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection
from PIL import Image

from tests.api.client import Program, problem, program, scan
from tests.factories import create_collection, create_membership, create_user
from tests.steps.journey import draw_page, work_until_nothing_is_due
from transcription.models import (
    Collection,
    Document,
    Failure,
    Job,
    Lane,
    Original,
    Page,
    Profile,
    Queue,
    Role,
    Scope,
    SearchLine,
    Source,
    Work,
    WorkState,
)
from transcription.steps import control, submit
from transcription.steps.correct import save_line
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.queue import claim
from transcription.steps.search_index import differences, settle_marks

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return create_user(username="ada")


@pytest.fixture
def caller(user: User) -> Program:
    return program(user)


def pdf(pages: int) -> bytes:
    file = io.BytesIO()
    first, *others = [draw_page((f"Page {number}", "of one file")) for number in range(1, pages + 1)]
    first.save(file, "PDF", save_all=True, append_images=others, resolution=100)
    return file.getvalue()


def test_a_submitted_image_becomes_text_that_can_be_polled_for(
    caller: Program, media_root: Path, scribe: Callable[..., None]
) -> None:
    data = scan()
    answer = caller.send("/transcribe", data, reference="box 7")
    assert answer.status_code == 202
    submitted = answer.json()
    assert answer["Location"] == submitted["url"] == f"/api/v1/jobs/{submitted['id']}"
    assert (submitted["status"], submitted["reference"], submitted["review"]["status"]) == (
        "queued",
        "box 7",
        "unknown",
    )
    original = Original.objects.get()
    assert (media_root / original.file).read_bytes() == data, "by the door of all uploads, byte for byte"
    assert original.sha256 == hashlib.sha256(data).hexdigest()
    assert Collection.objects.get().memberships.get().user.get_username() == "ada", "a private collection of hers"

    drain(Queue.CPU)
    half = caller.get(submitted["url"]).json()
    assert (half["status"], half["pages"], half["done"], half["progress"]) == ("processing", 1, 0, 0.0)
    work_until_nothing_is_due()
    done = caller.get(submitted["url"], lines="true", alternatives="true").json()
    assert (done["status"], done["pages"], done["done"], done["progress"]) == ("completed", 1, 1, 1.0)
    assert done["review"]["status"] in {"waiting", "not_needed"}
    assert done["problems"] == []
    assert done["ended_at"] is not None
    lines = done["results"][0]["lines"]
    assert lines
    assert done["text"] == "\n".join(line["text"] for line in lines if line["text"])
    assert done["word_count"] == len(done["text"].split()) > 0
    assert done["milliseconds"] > 0
    assert 0 <= done["confidence"] <= 1
    assert all(len(point) == 2 for line in lines for point in line["polygon"] + line["baseline"])
    assert any(word["alternatives"] is not None for line in lines for word in line["words"])
    assert violations() == []


def test_text_that_a_person_corrected_is_told_corrected(
    caller: Program, user: User, scribe: Callable[..., None]
) -> None:
    url = caller.submit().json()["url"]
    work_until_nothing_is_due()
    line = Page.objects.get().layout.places.get(position=1).line  # type: ignore[union-attr]
    save_line(line=line, text="What a person wrote", base_revision=line.current.number, author=user)
    told = caller.get(url, lines="true").json()
    assert told["text"].startswith("What a person wrote\n")
    assert told["results"][0]["lines"][0]["source"] == Source.PERSON
    assert told["results"][0]["lines"][0]["confidence"] is None


def test_a_submission_goes_where_it_is_told_and_is_read_by_what_it_asks_for(
    caller: Program, user: User, scribe: Callable[..., None]
) -> None:
    collection = create_collection(owner=user)
    Document.objects.create(collection=collection, title="Register 4")
    answer = caller.submit(collection=collection.pk, document="Register 4", profile="thorough")
    assert (answer.status_code, answer.json()["collection"]) == (202, collection.pk)
    assert Document.objects.get().originals.count() == 1
    drain(Queue.CPU)
    assert Page.objects.get().run.profile_version.profile.name == "thorough"  # type: ignore[union-attr]
    problem(caller.submit(profile="no such"), 422, "unknown-profile")
    problem(caller.submit(collection=create_collection().pk), 404, "not-found")
    problem(caller.submit(collection=collection.pk, duplicate="refuse", document="Register 4"), 409, "duplicate")
    assert caller.submit(collection=collection.pk).status_code == 202, "kept twice unless refused"
    shared = Profile.objects.create(name="Ours", shared=True, choice=[{"enhancement": "plain", "weight": 1.0}])
    caller.submit("of", "another", "hand", collection=collection.pk, profile="ours")
    drain(Queue.CPU)
    latest = Page.objects.latest("pk").run
    assert latest is not None
    assert latest.profile_version.profile.name == f"collection {collection.pk}"
    shared.delete()  # it reads nothing by itself, so nothing holds it


def test_files_of_one_name_are_documents_of_their_own(caller: Program) -> None:
    answers = [caller.submit(f"page {number}").json()["document"] for number in range(3)]
    assert len(set(answers)) == 3


def test_what_is_no_image_or_pdf_is_refused_at_the_door_and_leaves_no_trace(caller: Program, media_root: Path) -> None:
    assert caller.send("/transcribe", b"hello", name="a.docx").status_code == 422
    problem(caller.send("/transcribe", b"", name="a.png"), 422, "empty")
    problem(caller.call("post", "/transcribe", data={"collection": 1}), 422, "invalid")
    assert not Job.objects.exists()
    assert not Original.objects.exists()


@pytest.mark.parametrize("size", [3 * 2**20])
def test_a_file_above_the_limit_is_a_413(caller: Program, settings: object, size: int) -> None:
    settings.MAX_FILE_BYTES = 2**20  # type: ignore[attr-defined]
    problem(caller.send("/transcribe", b"\x89PNG" + b"0" * size), 413, "too-large")
    problem(caller.send("/transcribe", b"\x89PNG" + b"0" * (2**20 + 100)), 413, "too-large")


def wait_in_bulk(pages: int) -> None:
    """Rows of pages of a collection that wait to be prepared."""
    sample = Work(collection=create_collection(), step="prepare", queue=Queue.CPU, lane=Lane.BULK, input_hash="bulk")
    sample.save()
    names = [field.column for field in Work._meta.concrete_fields if field.column not in {"id", "input_hash"}]
    columns = ", ".join(names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO transcription_work (input_hash, {columns}) SELECT 'bulk ' || n, {columns} "
            "FROM transcription_work, generate_series(2, %s) n WHERE id = %s",
            [pages, sample.pk],
        )


def test_a_submission_overtakes_five_thousand_waiting_pages(caller: Program) -> None:
    wait_in_bulk(5000)
    caller.submit()
    taken = claim(queue=Queue.CPU, worker="test", limit=6)
    assert taken is not None
    assert [work.original.job for work in taken.work] == [Job.objects.get()]  # type: ignore[union-attr]


def test_who_submits_a_great_many_has_bulk_work(caller: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "INTERACTIVE_JOBS", 2)
    lanes = []
    for number in range(3):
        caller.submit(f"page {number}")
        lanes.append(Work.objects.latest("pk").lane)
    assert lanes == [Lane.INTERACTIVE, Lane.INTERACTIVE, Lane.BULK]


def test_a_job_is_completed_with_the_problems_of_the_pages_that_failed(
    caller: Program, scribe: Callable[..., None]
) -> None:
    url = caller.send("/transcribe", pdf(3), name="letter.pdf").json()["url"]
    drain(Queue.CPU)
    second = Page.objects.get(frame=1)
    Work.objects.filter(page=second).update(state=WorkState.FAILED)
    work = Work.objects.get(page=second, step="segment")
    Failure.objects.create(
        collection=work.collection, work=work, page=second, step="segment", code="damaged", message="It is torn."
    )
    work_until_nothing_is_due()
    told = caller.get(url).json()
    assert (told["status"], told["pages"], told["done"]) == ("completed", 3, 2)
    assert [(each["number"], each["code"], each["message"]) for each in told["problems"]] == [
        (2, "damaged", "It is torn.")
    ]
    assert [page["number"] for page in told["results"]] == [1, 2, 3]
    assert caller.get("/jobs").json()["items"][0]["problems"] == told["problems"]


def test_a_file_that_cannot_be_opened_fails_its_job_and_a_retry_can_mend_it(
    caller: Program, scribe: Callable[..., None]
) -> None:
    whole = scan()
    url = caller.send("/transcribe", whole[: len(whole) // 2]).json()["url"]
    work_until_nothing_is_due()
    told = caller.get(url).json()
    assert told["status"] == "failed"
    assert told["problems"][0]["page"] is None or told["problems"][0]["number"] == 1
    assert told["problems"][0]["message"]
    with default_storage.open(Original.objects.get().file, "wb") as file:
        file.write(whole)
    Original.objects.update(sha256=hashlib.sha256(whole).hexdigest())
    control.retry(Failure.objects.all())
    work_until_nothing_is_due()
    assert caller.get(url).json()["status"] == "completed"


def test_a_cancelled_job_stops_and_a_person_may_still_have_it_read(
    caller: Program, scribe: Callable[..., None]
) -> None:
    url = caller.send("/transcribe", pdf(2), name="letter.pdf").json()["url"]
    drain(Queue.CPU)
    answer = caller.post(f"{url}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert {each["code"] for each in answer.json()["problems"]} == {"cancelled"}
    assert violations() == []
    work_until_nothing_is_due()
    assert caller.get(url).json()["done"] == 0, "nothing is read of it"
    control.retry(Failure.objects.all())
    work_until_nothing_is_due()
    assert caller.get(url).json()["status"] == "completed"
    assert caller.post(f"{url}/cancel").json()["status"] == "completed", "one that has ended is left as it is"


def test_a_deleted_job_leaves_neither_rows_nor_files_nor_traces_in_the_index(
    caller: Program, media_root: Path, scribe: Callable[..., None]
) -> None:
    kept = caller.submit("kept").json()
    url = caller.submit("deleted").json()["url"]
    work_until_nothing_is_due()
    settle_marks(seconds=5)
    assert caller.delete(url).status_code == 204
    problem(caller.get(url), 404, "not-found")
    settle_marks(seconds=5)
    assert list(differences()) == []
    assert (Page.objects.count(), Original.objects.count(), Document.objects.count()) == (1, 1, 1)
    assert {row.page_id for row in SearchLine.objects.all()} <= {Page.objects.get().pk}
    files = sum(path.is_file() for path in media_root.rglob("*"))
    assert files == 3, "one original, its pyramid and its thumbnail"
    assert caller.get(kept["url"]).json()["status"] == "completed"
    assert violations() == []


def test_in_a_shared_collection_only_its_admin_deletes(caller: Program, user: User) -> None:
    collection = create_collection()
    create_membership(collection=collection, role=Role.STAFF, user=user)
    url = caller.submit(collection=collection.pk).json()["url"]
    problem(caller.delete(url), 403, "role")
    collection.memberships.update(role=Role.ADMIN)
    assert caller.delete(url).status_code == 204


def test_jobs_are_listed_newest_first_part_by_part_and_are_nobody_elses(caller: Program, user: User) -> None:
    made = [caller.submit(f"page {number}", reference=f"r{number}").json()["id"] for number in range(5)]
    seen, url = [], "/jobs?limit=2"
    while url:
        part = caller.get(url).json()
        seen += [each["id"] for each in part["items"]]
        url = part["next"]
    assert seen == made[::-1]
    assert [each["id"] for each in caller.get("/jobs", reference="r3").json()["items"]] == [made[3]]
    assert caller.get("/jobs", state="completed").json()["items"] == []
    other = program(create_user())
    assert other.get("/jobs").json()["items"] == []
    problem(other.get(f"/jobs/{made[0]}"), 404, "not-found")
    reader = program(user, scopes=[Scope.READ])
    problem(reader.get("/jobs"), 403, "insufficient-scope")


def test_a_png_with_a_lying_name_is_told_by_its_safe_name(caller: Program) -> None:
    image = io.BytesIO()
    Image.new("L", (300, 300), 255).save(image, "PNG")
    assert caller.send("/transcribe", image.getvalue(), name="../../etc/passwd.png").json()["name"] == "passwd.png"
