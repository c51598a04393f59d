"""`make stop` where nothing runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from project.env import ROOT


@pytest.mark.parametrize("exists", [True, False])
def test_the_folder_that_was_looked_at_is_said(tmp_path: Path, exists: bool) -> None:
    data = tmp_path / "data"
    if exists:
        data.mkdir()
    environment = os.environ | {"LONGHAND_DATA": str(data)}
    command = ["sh", "scripts/stop.sh", ".venv/bin/python"]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert str(data) in said
    assert "No Longhand runs" in said
    assert "make stop LONGHAND_DATA=" in said
