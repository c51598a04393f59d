from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.factories import create_collection
from transcription.models import Term

pytestmark = pytest.mark.django_db


def run_import(*arguments: object) -> dict[str, Any]:
    output = io.StringIO()
    call_command("import_vocabulary", *map(str, arguments), stdout=output)
    report: dict[str, Any] = json.loads(output.getvalue())
    return report


def test_a_list_is_merged_and_its_faults_are_printed(tmp_path: Path) -> None:
    collection = create_collection(title="Box 7")
    file = tmp_path / "names.csv"
    file.write_text("term,kind\nSmith,name\n---,name\nYork,place\nYork,place\n")
    report = run_import("Box 7", file)
    assert {key: report[key] for key in ("added", "known", "repeated")} == {"added": 2, "known": 0, "repeated": 1}
    assert [problem["line"] for problem in report["problems"]] == [3]
    assert run_import(collection.pk, file)["known"] == 2
    assert Term.objects.filter(collection=collection).count() == 2


def test_what_cannot_be_imported_is_said(tmp_path: Path) -> None:
    create_collection(title="Box 7")
    for _ in range(2):
        create_collection(title="Twin")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(CommandError, match="is empty"):
        run_import("Box 7", tmp_path / "empty.txt")
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        run_import("Box 7", tmp_path / "none.txt")
    with pytest.raises(CommandError, match="no collection called “Box 8”"):
        run_import("Box 8", tmp_path / "empty.txt")
    with pytest.raises(CommandError, match="more than one"):
        run_import("Twin", tmp_path / "empty.txt")
