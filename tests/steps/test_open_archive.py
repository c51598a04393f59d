"""Archives: their scans become pages of documents named as their folders, and nothing leads out of them."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from tests.factories import create_collection
from tests.formats.archives import packed
from tests.steps.journey import claim_step, perform, receive
from transcription.models import Failure, Original, Page, Queue, Step, Work, WorkState
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.open_archive import folder_of

pytestmark = pytest.mark.django_db


def scan(shade: int, format_: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (64, 48), shade).save(buffer, format_)
    return buffer.getvalue()


def sent(folder: Path, files: Mapping[str, bytes], name: str = "box 7.zip") -> Original:
    path = folder / name
    path.write_bytes(packed(files))
    original = receive(path).original
    assert original is not None
    return original


def open_archives() -> None:
    while Work.objects.filter(step=Step.UNPACK, state=WorkState.QUEUED).exists():
        perform(*claim_step(Step.UNPACK))


def test_scans_of_an_archive_become_pages_of_documents_named_as_their_folders(tmp_path: Path) -> None:
    files = {
        "letter 2.png": scan(1),
        "letter 10.png": scan(2),
        "deeds/1701/a.jpg": scan(3, "JPEG"),
        "deeds/1701/b.tif": scan(4, "TIFF"),
        "deeds/": b"",
        "__MACOSX/._a.jpg": b"x",
        "Thumbs.db": b"x",
        "readme.txt": b"about these scans",
    }
    original = sent(tmp_path, files)
    stored = Path(tmp_path / "box 7.zip").read_bytes()
    open_archives()
    pages = Page.objects.order_by("document__title", "position")
    assert [(page.document.title, page.position, page.original.name) for page in pages] == [
        ("box 7", 1, "letter 2.png"),
        ("box 7", 2, "letter 10.png"),
        ("box 7/deeds/1701", 1, "a.jpg"),
        ("box 7/deeds/1701", 2, "b.tif"),
    ]
    original.refresh_from_db()
    assert (original.frames, original.remarks) == (0, [])
    assert {each.member for each in original.members.all()} == {"letter 2.png", "letter 10.png", *list(files)[2:4]}
    assert (Path(tmp_path / "media") / original.file).read_bytes() == stored
    assert violations() == []


def test_a_worker_lost_in_the_middle_leaves_each_scan_once(tmp_path: Path) -> None:
    original = sent(tmp_path, {f"{number}.png": scan(number) for number in range(5)})
    work, token = claim_step(Step.UNPACK)

    class Lost(Exception):
        pass

    calls = []

    def progress() -> None:
        calls.append(None)
        if len(calls) == 4:
            raise Lost

    from transcription.steps.unpack import unpack

    with pytest.raises(Lost):
        unpack(work, token, progress)
    assert 0 < original.members.count() < 5
    Original.objects.filter(container=original).order_by("-received_at")[:1].get().members.all()
    last = original.members.order_by("-received_at").first()
    assert last is not None
    Original.objects.filter(pk=last.pk).update(container=None, member="")  # lost between two of its statements
    Work.objects.filter(pk=work.pk).update(state=WorkState.QUEUED, token=None, lease_until=None)
    open_archives()
    assert original.members.count() == Page.objects.count() == 5
    original.refresh_from_db()
    assert original.remarks == []


def test_what_cannot_be_taken_is_told_by_name_and_the_rest_is_taken(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    files: dict[str | zipfile.ZipInfo, bytes] = {
        "good.png": scan(9),
        "../../evil.png": scan(1),
        "/etc/evil.png": scan(2),
        "C:\\evil.png": scan(3),
        "deep/../../evil.png": scan(4),
        link: b"/etc/passwd",
        "inner.zip": packed({"x.png": scan(5)}),
        "same.png": scan(9),
        "cut.png": scan(6)[:30],
        "letter.docx": b"not a scan",
    }
    path = tmp_path / "box.zip"
    path.write_bytes(packed(files))
    original = receive(path).original
    assert original is not None
    drain(Queue.CPU)
    original.refresh_from_db()
    codes = {remark["name"]: remark["code"] for remark in original.remarks}
    assert codes == {
        "../../evil.png": "hostile-name",
        "etc/evil.png": "hostile-name",
        "C:/evil.png": "hostile-name",
        "deep/../../evil.png": "hostile-name",
        "link.png": "not-a-file",
        "inner.zip": "nested-archive",
        "same.png": "duplicate",
    }
    assert all(remark["name"] in remark["message"] for remark in original.remarks)
    assert [failure.code for failure in Failure.objects.all()] == ["damaged"]
    assert Page.objects.count() == 1
    inside = {file.relative_to(tmp_path).parts[0] for file in tmp_path.rglob("*") if file.is_file()}
    assert inside == {"box.zip", "media"}


def test_an_archive_without_a_scan_fails_with_the_first_reason(tmp_path: Path) -> None:
    sent(tmp_path, {"inner.zip": packed({"x.png": scan(5)})})
    drain(Queue.CPU)
    failure = Failure.objects.get()
    assert failure.code == "nested-archive"
    assert "box 7.zip" in failure.message


@pytest.mark.parametrize(
    ("path", "title"),
    [("a.jpg", "box"), ("Box/a.jpg", "box"), ("BOX/1/a.jpg", "box/1"), ("x/y/a.jpg", "box/x/y")],
)
def test_folders_of_an_archive_name_documents(path: str, title: str) -> None:
    assert folder_of(path, "box.zip") == title


def test_the_same_archive_again_is_a_duplicate(tmp_path: Path) -> None:
    collection = create_collection()
    path = tmp_path / "box.zip"
    path.write_bytes(packed({"a.png": scan(1)}))
    assert receive(path, collection=collection).original is not None
    assert receive(path, collection=collection).duplicate_of is not None
