from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.factories import create_user
from tests.steps.journey import draw_page, work_until_nothing_is_due
from transcription.models import Collection, ImportedTranscript, Original, Role, Work
from transcription.steps import control
from transcription.steps.invariants import violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder as people have them: scans in folders, ground truth and notes beside them, a twin, a broken file."""
    folder = tmp_path / "box"
    (folder / "letters").mkdir(parents=True)
    draw_page(("first",)).save(folder / "letters" / "a.png")
    draw_page(("second",)).save(folder / "letters" / "b.jpg")
    draw_page(("first",)).save(folder / "twin.png")
    (folder / "letters" / "a.xml").write_text("<PcGts/>")
    (folder / "notes.txt").write_text("box 7")
    (folder / ".DS_Store").write_bytes(b"\x00")
    (folder / "broken.jpg").write_bytes(b"this is no picture")
    return folder


def run_import(*arguments: object) -> dict[str, Any]:
    output, errors = io.StringIO(), io.StringIO()
    call_command("import_folder", *map(str, arguments), stdout=output, stderr=errors)
    report: dict[str, Any] = json.loads(output.getvalue())
    return report


def test_each_folder_becomes_a_document_and_what_was_refused_is_said(box: Path) -> None:
    report = run_import(box, "--collection", "Box 7")
    assert report["stored"] == 2
    assert [Path(each["file"]).name for each in report["duplicates"]] == ["twin.png"]
    assert [(Path(each["file"]).name, bool(each["message"])) for each in report["rejected"]] == [("broken.jpg", True)]
    collection = Collection.objects.get(title="Box 7")
    assert sorted(collection.documents.values_list("title", flat=True)) == ["letters"]
    assert Work.objects.count() == 2


def test_transcripts_of_the_same_name_come_along_when_asked_for(box: Path) -> None:
    (box / "letters" / "b.txt").write_text("second")
    (box / "a.txt").write_text("not of this folder")
    draw_page(("third",)).save(box / "c.png")
    report = run_import(box, "--collection", "Box 7", "--transcripts")
    assert report["transcripts"] == 1
    refused = {Path(each["file"]).name: each["code"] for each in report["rejected"]}
    assert refused == {
        "broken.jpg": "not-an-image",
        "a.xml": "not-page-xml",
        "notes.txt": "no-such-page",
        "a.txt": "no-such-page",
    }
    work_until_nothing_is_due()
    stored = ImportedTranscript.objects.get()
    assert (stored.name, stored.original.name, bytes(stored.data)) == ("b.txt", "b.jpg", b"second")
    assert stored.alignments.count() == 1
    assert violations() == []
    again = run_import(box, "--collection", "Box 7", "--transcripts")
    assert (again["transcripts"], again["transcripts_known"]) == (0, 1)


def test_imported_again_a_folder_adds_nothing(box: Path) -> None:
    run_import(box, "--collection", "Box 7")
    again = run_import(box, "--collection", "Box 7")
    assert (again["stored"], len(again["duplicates"])) == (0, 3)
    assert Original.objects.count() == 2
    assert Collection.objects.count() == 1


def test_every_page_of_a_folder_goes_the_whole_way(box: Path, scribe: Callable[..., None]) -> None:
    run_import(box, "--collection", "Box 7")
    work_until_nothing_is_due()
    report = run_import(box, "--collection", "Box 7", "--wait")
    assert (report["pages"], report["finished"], report["failures"]) == (2, 2, 0)
    assert violations() == []


def test_waiting_for_a_paused_collection_says_so_instead_of_waiting_for_ever(box: Path) -> None:
    run_import(box, "--collection", "Box 7")
    control.pause(Collection.objects.get())
    with pytest.raises(CommandError, match="was paused"):
        run_import(box, "--collection", "Box 7", "--wait")


def test_waiting_ends(box: Path) -> None:
    errors = io.StringIO()
    arguments = [str(box), "--collection", "Box 7", "--wait", "--seconds", "0.1"]
    with pytest.raises(CommandError, match="Not done after"):
        call_command("import_folder", *arguments, stdout=io.StringIO(), stderr=errors)
    assert errors.getvalue().splitlines() == ["2 files still to be opened; pages done: 0"]


def test_the_owner_becomes_admin_of_a_new_collection(box: Path) -> None:
    user = create_user(username="anna")
    run_import(box, "--collection", "Box 7", "--owner", "anna")
    assert [(m.user, m.role) for m in Collection.objects.get().memberships.all()] == [(user, Role.ADMIN)]
    errors = io.StringIO()
    call_command("import_folder", str(box), "--collection", "Box 7", stdout=io.StringIO(), stderr=errors)
    assert "“Box 7” is seen only by its members (anna) and superusers" in errors.getvalue()
    with pytest.raises(CommandError, match="no user “bert”"):
        run_import(box, "--collection", "Box 8", "--owner", "bert")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a folder"):
        run_import(tmp_path / "nothing", "--collection", "Box 7")
