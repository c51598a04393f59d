"""The table of bad inputs, each through the real door and the workers' steps: a sentence for every one, no defect."""

from __future__ import annotations

import pytest

from tests.factories import create_collection
from transcription.management.bad_inputs import bad_files, samples, try_files
from transcription.management.bad_inputs.files import BadFile
from transcription.management.bad_inputs.trial import strays
from transcription.models import Original
from transcription.steps.invariants import violations

pytestmark = pytest.mark.django_db


def test_every_bad_input_has_its_sentence_and_none_does_any_harm() -> None:
    files = [file for file in bad_files(cuts=()) if file.group != "name"]  # those are harmless files
    outcomes = try_files(files, create_collection())
    assert len(outcomes) >= 60
    assert [(each.file.name, each.defect) for each in outcomes if each.defect] == []
    for each in outcomes:
        assert each.pages or each.sentence.endswith((".", ")")), each
    assert strays() == []
    assert violations() == []


def test_sound_files_of_every_kind_become_pages() -> None:
    files = [BadFile("sound", "", name, data) for name, data in samples().items() if "." in name]
    scans = [file for file in files if not file.name.endswith((".xml", ".txt"))]
    outcomes = try_files(scans, create_collection())
    assert [(each.file.name, each.code or each.defect) for each in outcomes if each.code or each.defect] == []
    pages = {each.file.name: each.pages for each in outcomes}
    assert pages.pop("several pages, G4.tif") == 3
    assert pages.pop("sample.pdf") == 2
    assert pages.pop("sample.zip") == 2
    assert set(pages.values()) == {1}
    assert Original.objects.filter(container__name="sample.zip", frames=1).count() == 2
