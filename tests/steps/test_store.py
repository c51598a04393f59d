from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_upload
from tests.steps.journey import draw_page, receive
from transcription.errors import BadInput
from transcription.models import Collection, Document, Original, Work
from transcription.steps import store
from transcription.steps.store import receive_file


def scan(folder: Path, name: str = "scan.png") -> Path:
    path = folder / name
    draw_page().save(path)
    return path


@pytest.mark.django_db
def test_what_was_received_lies_in_the_storage_byte_for_byte_and_waits_to_be_opened(
    tmp_path: Path, media_root: Path
) -> None:
    path = scan(tmp_path)
    original = receive(path).original
    assert original is not None
    assert (media_root / original.file).read_bytes() == path.read_bytes()
    assert original.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert original.size == path.stat().st_size
    assert [work.original_id for work in Work.objects.all()] == [original.pk]


@pytest.mark.django_db
def test_the_same_bytes_under_another_name_are_a_duplicate_and_are_stored_once(
    tmp_path: Path, media_root: Path
) -> None:
    collection = create_collection()
    first = receive(scan(tmp_path), collection=collection).original
    second = receive(scan(tmp_path), collection=collection, name="again.png")
    assert second.original is None
    assert second.duplicate_of == first
    assert Original.objects.count() == 1
    assert sum(path.is_file() for path in (media_root / "originals").rglob("*")) == 1
    assert receive(scan(tmp_path), collection=create_collection()).original is not None, "another archive's own copy"


@pytest.mark.django_db
def test_a_duplicate_that_is_wanted_is_stored_beside_the_first(tmp_path: Path) -> None:
    collection = create_collection()
    first = receive(scan(tmp_path), collection=collection).original
    second = receive(scan(tmp_path), collection=collection, keep_duplicate=True)
    assert second.original is not None
    assert second.duplicate_of == first
    assert second.original.file != getattr(first, "file", "")


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_sent_twice_at_once_are_stored_once(tmp_path: Path, media_root: Path) -> None:
    collection = create_collection()
    upload = create_upload(collection=collection)
    content = scan(tmp_path).read_bytes()
    together = threading.Barrier(3)
    received: list[store.Received] = []

    def send() -> None:
        together.wait()
        try:
            received.append(
                receive_file(collection=collection, upload=upload, name="a.png", stream=io.BytesIO(content))
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(received) == 3
    assert Original.objects.count() == Work.objects.count() == 1
    assert sum(path.is_file() for path in (media_root / "originals").rglob("*")) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.png",
        "..\\..\\boot.png",
        "a\x00b\n\x1b[31m.png",
        "ａ" * 400 + ".png",
        ".png",
        "x/../y.png",
        "\u202egnp.png",
    ],
)
def test_a_hostile_name_names_no_file(name: str, tmp_path: Path, media_root: Path) -> None:
    original = receive(scan(tmp_path), name=name).original
    assert original is not None
    assert original.name
    assert not set("/\\\x00\n\x1b") & set(original.name)
    assert len(original.name) <= 250
    stored = (media_root / original.file).resolve()
    assert stored.is_relative_to(media_root.resolve() / "originals")
    assert stored.name == f"{original.pk}.png"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty"), (b"Dear sir, this is no image at all.", None), (b"GIF89a" + b"\x00" * 40, None)],
)
def test_what_needs_no_opening_to_be_refused_leaves_neither_row_nor_file(
    content: bytes, code: str | None, tmp_path: Path, media_root: Path, settings: Settings
) -> None:
    path = tmp_path / "scan.jpg"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"scan\.jpg") as refused:
        receive(path)
    assert code is None or refused.value.code == code
    assert not Original.objects.exists()
    assert not (media_root / "originals").exists()
    assert not list((Path(settings.DATA) / "incoming").glob("receiving-*"))


@pytest.mark.django_db
def test_a_file_over_the_limit_is_refused_while_it_arrives(tmp_path: Path, settings: Settings) -> None:
    settings.MAX_FILE_BYTES = 1000
    with pytest.raises(BadInput, match="larger than") as refused:
        receive(scan(tmp_path))
    assert refused.value.code == "too-large"
    assert not list((Path(settings.DATA) / "incoming").glob("receiving-*"))


@pytest.mark.django_db
def test_a_crash_between_file_and_row_leaves_only_an_orphan_file(
    tmp_path: Path, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> Document:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_document", crash)
    with pytest.raises(KeyboardInterrupt):
        receive(scan(tmp_path))
    assert not Original.objects.exists()
    assert not Work.objects.exists()
    assert sum(path.is_file() for path in (media_root / "originals").rglob("*")) == 1
    monkeypatch.undo()
    assert receive(scan(tmp_path), collection=Collection.objects.get()).original is not None
