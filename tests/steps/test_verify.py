"""Stored originals are hashed again, in bites, and what has changed is an alarm with a way out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import create_collection, create_upload, create_user
from tests.steps.journey import receive_page
from transcription.models import FixityEvent, FixityOutcome, KnownFiles, Original
from transcription.steps.store import Arrived, store
from transcription.steps.upload_limits import limits_of_installation
from transcription.steps.verify import Verifier, verify_original

pytestmark = pytest.mark.django_db


def long_ago(*originals: Original) -> None:
    past = timezone.now() - timedelta(days=80)
    Original.objects.filter(pk__in=[original.pk for original in originals]).update(verified_at=past)


def test_each_original_has_its_turn_in_time_and_every_look_is_an_event(tmp_path: Path, media_root: Path) -> None:
    collection = create_collection()
    sound, altered, gone, _fresh = (
        receive_page(tmp_path, collection=collection, name=f"{name}.png") for name in ("a", "b", "c", "d")
    )
    long_ago(sound, altered, gone)
    (media_root / gone.file).unlink()
    with (media_root / altered.file).open("r+b") as file:
        file.seek(100)
        file.write(b"rot")
    verifier = Verifier()
    for _ in range(40):
        verifier.go_on(0.0005)  # a bite at a time
    outcomes = dict(FixityEvent.objects.values_list("original__name", "outcome"))
    assert outcomes == {"a.png": "intact", "b.png": "altered", "c.png": "missing"}
    assert {original.name for original in Original.objects.in_trouble()} == {"b.png", "c.png"}
    verifier.go_on(1)
    assert FixityEvent.objects.count() == 3, "nobody's turn"


def test_a_damaged_original_alarms_the_administrator_until_the_same_scan_replaces_it(
    tmp_path: Path, media_root: Path, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    original = receive_page(tmp_path, name="register.png")
    whole, before = (media_root / original.file).read_bytes(), original.file
    (media_root / original.file).write_bytes(whole[:-20])
    with pytest.raises(SystemExit):
        call_command("verify_originals", all=True)
    assert "register.png" in capsys.readouterr().out
    client.force_login(create_user(superuser=True))
    shown = client.get(reverse("transcription:status")).content.decode()
    assert "register.png" in shown
    assert "Replace scan" in shown

    again = tmp_path / "again"
    again.write_bytes(whole)
    store(
        Arrived(again, "again.png", "", original.sha256, len(whole)),
        collection=original.collection,
        upload=create_upload(collection=original.collection),
        known_files=KnownFiles.REPLACE,
        limits=limits_of_installation(),
    )
    original.refresh_from_db()
    assert original.file != before
    assert (media_root / original.file).read_bytes() == whole
    assert (media_root / before).read_bytes() == whole[:-20], "what was found stays, for whoever looks into it"
    assert verify_original(original) == FixityOutcome.INTACT
    assert list(FixityEvent.objects.values_list("outcome", flat=True)) == ["altered", "altered", "restored", "intact"]
    assert not Original.objects.in_trouble().exists()
    call_command("verify_originals")
