from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from lxml import etree

from tests.factories import create_collection, create_page, create_user
from tests.steps.journey import claim_step, perform, prepared_page, work_until_nothing_is_due
from transcription.errors import BadInput
from transcription.formats import page_xml
from transcription.htr.framing import Framing
from transcription.models import Collection, Export, Page, PageState, Part, Queue, Step, Work, WorkState
from transcription.steps.correct import save_line
from transcription.steps.drain import drain
from transcription.steps.export import export, request_export

pytestmark = pytest.mark.django_db
Install = Callable[..., None]


def exported(
    collection: Collection, root: Path, *, format: str = "txt", scope: str = Export.Scope.ALL
) -> dict[str, str]:
    job = request_export(collection=collection, format=format, scope=scope, requester=None)
    drain(Queue.CPU)
    job.refresh_from_db()
    assert job.state == Export.State.DONE
    with zipfile.ZipFile(root / job.file) as archive:
        assert archive.testzip() is None
        assert job.pages == job.total == len(archive.namelist()) == len(set(archive.namelist()))
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture
def page(media_root: Path, scribe: Install) -> Page:
    made = prepared_page(media_root)
    work_until_nothing_is_due()
    made.refresh_from_db()
    return made


def test_what_a_person_wrote_is_what_leaves(page: Page, media_root: Path) -> None:
    save_line(line=page.lines.order_by("pk")[1], text="Mary & <John>", base_revision=1, author=create_user())
    [text] = exported(page.collection, media_root).values()
    assert text.splitlines() == ["the old rector", "Mary & <John>", "the old rector"]
    [xml] = exported(page.collection, media_root, format="page_xml").values()
    lines = etree.fromstring(xml.encode()).findall(".//{*}TextLine/{*}TextEquiv/{*}Unicode")
    assert [line.text for line in lines] == ["the old rector", "Mary & <John>", "the old rector"]


def test_page_xml_names_who_wrote_a_line_until_they_are_forgotten(page: Page, media_root: Path) -> None:
    ann, bob = create_user(username="ann"), create_user(username="bob")
    User.objects.filter(pk=ann.pk).update(first_name="Ann", last_name="Lee")
    for line, author in zip(page.lines.order_by("pk"), (ann, bob), strict=False):
        save_line(line=line, text="Mary", base_revision=1, author=author)

    def written() -> list[tuple[str, str]]:
        [xml] = exported(page.collection, media_root, format="page_xml").values()
        return [(line.author, line.writer) for line in page_xml.read(xml.encode()).lines]

    assert written() == [("person", "Ann Lee"), ("person", "bob"), ("vote", "")]
    ann.delete()
    assert written() == [("person", ""), ("person", "bob"), ("vote", "")]


def test_regions_leave_with_their_outlines_and_lines_say_how_they_were_written(page: Page, media_root: Path) -> None:
    assert page.layout is not None
    square = [[10, 10], [880, 10], [880, 540], [10, 540]]
    page.layout.regions = [{"id": "r1", "kind": "paragraph", "polygon": square}]
    page.layout.save()
    page.layout.places.update(region="r1", production="typewritten")
    [xml] = exported(page.collection, media_root, format="page_xml").values()
    read = page_xml.read(xml.encode())
    assert read.regions == page.layout.region_geometries
    geometries = [line.geometry for line in read.lines]
    assert geometries == [place.geometry for place in page.layout.places.order_by("position")]


def test_the_pages_of_a_spread_have_names_of_their_own_and_say_what_of_the_scan_they_are(
    page: Page, media_root: Path
) -> None:
    Page.objects.filter(pk=page.pk).update(
        part=Part.LEFT, gutter=0.5, frame_turn=1, transform=Framing((900, 560), 1, (0, 280)).to_json()
    )
    right = create_page(document=page.document, original=page.original, part=Part.RIGHT, state=PageState.SCORED)
    Page.objects.filter(pk=right.pk).update(position=page.position)  # as in the moment after a split
    names = [Path(name).name for name in exported(page.collection, media_root)]
    assert names == ["0001_p-left.txt", "0001_p-right.txt"]
    xml, _ = exported(page.collection, media_root, format="page_xml").values()
    tree = etree.fromstring(xml.encode())
    assert tree.find("{*}Page").get("imageFilename") == "p-left.png"  # type: ignore[union-attr]
    said = {item.get("name"): item.get("value") for item in tree.findall(".//{*}MetadataItem")}
    assert (said["part"], said["turned"], said["columns"]) == ("left", "90° clockwise", "0-280")


def test_a_language_stored_by_its_name_leaves_as_page_names_it(page: Page, media_root: Path) -> None:
    Collection.objects.update(language="anglais")
    [xml] = exported(page.collection, media_root, format="page_xml").values()
    assert etree.fromstring(xml.encode()).find("{*}Page").get("primaryLanguage") == "English"  # type: ignore[union-attr]


def test_scopes_hold_back_what_nobody_has_vouched_for(page: Page, media_root: Path) -> None:
    Page.objects.update(state=PageState.IN_REVIEW)
    for scope in (Export.Scope.REVIEWED, Export.Scope.ACCEPTED):
        with pytest.raises(BadInput, match="no such page"):
            request_export(collection=page.collection, format="txt", scope=scope)
    assert len(exported(page.collection, media_root, scope=Export.Scope.ALL)) == 1


def test_documents_whose_titles_differ_in_signs_only_lose_no_page(media_root: Path, scribe: Install) -> None:
    collection = create_collection()
    for title in ("Box 1/2", "Box 1-2", "BOX 1:2"):
        page = prepared_page(media_root, collection=collection)
        page.document.title = title
        page.document.save()
    work_until_nothing_is_due()
    assert len(exported(collection, media_root)) == 3


def test_a_long_export_reports_progress_so_that_its_lease_is_kept(page: Page) -> None:
    request_export(collection=page.collection, format="txt", scope=Export.Scope.ALL, requester=None)
    work, token = claim_step(Step.EXPORT)
    calls: list[int] = []
    export(work, token, lambda: calls.append(1))
    assert len(calls) >= 1


def test_an_export_killed_in_the_middle_leaves_no_half_file_and_is_made_again(
    page: Page, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = request_export(collection=page.collection, format="txt", scope=Export.Scope.ALL, requester=None)
    work, token = claim_step(Step.EXPORT)

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(work, token, die)
    assert not (media_root / "exports").exists()
    job.refresh_from_db()
    assert (job.state, job.file) == (Export.State.RUNNING, "")
    Work.objects.filter(pk=work.pk).update(state=WorkState.QUEUED, token=None, lease_until=None)
    perform(*claim_step(Step.EXPORT))
    job.refresh_from_db()
    assert job.state == Export.State.DONE
