from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from project import services
from tests.steps.journey import draw_page
from transcription.engines.registry import WEIGHTS


@pytest.mark.slow
@pytest.mark.skipif(not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights are not here")
def test_the_step_is_measured_against_its_engine_in_a_database_that_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []
    start = services.start

    def noted(folder: Path) -> services.Services:
        folders.append(folder)
        return start(folder)

    monkeypatch.setattr(services, "start", noted)
    draw_page().save(tmp_path / "page.png")
    out = io.StringIO()
    call_command("bench", recognize=str(tmp_path), runs=2, stdout=out)
    report = json.loads(out.getvalue())["recognize"]
    assert report["pages"] == 1
    assert report["line_images"] == report["passes"] * (report["line_images"] // report["passes"]) > 0
    assert 0 < report["ratios"]["step / engine"]["measured"] < 1.5
    assert report["ratios"]["step / engine"]["bar"] == ">= 0.9"
    assert len(folders) == 1
    assert not folders[0].exists()


def test_a_folder_without_scans_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no image"):
        call_command("bench", recognize=str(tmp_path))


@pytest.mark.slow
def test_reviewers_at_work_hold_no_page_twice_and_lose_nothing() -> None:
    out = io.StringIO()
    call_command("bench", review=True, reviewers=6, seconds=8, pages=400, stdout=out, stderr=io.StringIO())
    report = json.loads(out.getvalue())["review"]
    assert report["faults"] == []
    few, many = report["sizes"].values()
    assert few["lines_saved"] > 0
    assert many["waiting_pages_left"] > few["waiting_pages_left"]
    assert report["growth of p95"]["bar"] == "<= 1.5"
