"""Workers die while they read a trial; it is read to its end, and nothing else knows of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.installation import Installation, draw_pages
from transcription.engines.registry import WEIGHTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights are not here"),
]

TRY = """
from transcription.htr.enhance import Enhancement
from transcription.models import Collection
from transcription.steps.choose_passes import ChosenPass
from transcription.steps.trials import start_trial, usual_pages
collection = Collection.objects.get()
stage = dict.fromkeys(["plain", "clahe", "background", "gamma"], 0) | {"adaptive": 1, "blur": 1}
passes = [ChosenPass(Enhancement.parse(name), stage=number) for name, number in stage.items()]
start_trial(collection=collection, passes=passes, thresholds=[0.99], pages=usual_pages(collection))
"""
FINISHED = "SELECT count(*) FROM transcription_page WHERE state IN ('accepted', 'in_review')"
OPEN_WORK = "SELECT count(*) FROM transcription_work WHERE state IN ('queued', 'running')"
OF_TRIAL = "SELECT {} FROM transcription_work w JOIN transcription_run u ON u.id = w.run_id AND u.trial_id IS NOT NULL"


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.build(tmp_path_factory.mktemp("faults"))
    made.environment["LONGHAND_LEASE_SECONDS"] = "8"  # a busy machine may need a while for its first batch
    yield made
    made.stop()


def told(installation: Installation) -> list[list[tuple[Any, ...]]]:
    """What everything but a trial knows."""
    return [
        installation.rows("SELECT * FROM transcription_page ORDER BY id"),
        installation.rows("SELECT * FROM transcription_transcriptrevision ORDER BY id"),
        installation.rows("SELECT * FROM transcription_routedecision ORDER BY id"),
    ]


def test_a_trial_is_read_to_its_end_though_its_workers_are_killed(installation: Installation, tmp_path: Path) -> None:
    draw_pages(tmp_path / "scans", 3)
    for name in ("cpu", "engine", "sweep"):
        installation.start(name)
    installation.manage("import_folder", str(tmp_path / "scans"), "--collection", "Faults")
    assert installation.wait(lambda: installation.rows(FINISHED) == [(3,)], 180)
    before = told(installation)
    installation.kill("engine")
    installation.manage("shell", "-c", TRY)
    for _ in range(3):
        installation.start("engine")
        running = OF_TRIAL.format("count(*)") + " WHERE w.state = 'running' AND w.step = 'recognize'"
        if not installation.wait(lambda query=running: installation.rows(query) != [(0,)], 60):  # type: ignore[misc]
            break  # all of it was read between two kills
        time.sleep(0.2)
        installation.kill("engine")
    if "engine" not in installation.processes:
        installation.start("engine")
    installation.kill("cpu")
    installation.start("cpu")
    assert installation.wait(lambda: installation.rows(OPEN_WORK) == [(0,)], 180)
    [(interrupted,)] = installation.rows(OF_TRIAL.format("count(*)") + " WHERE w.alone")
    assert interrupted > 0, "nothing was caught in the middle: this test has no teeth"
    assert installation.rows(OF_TRIAL.format("DISTINCT w.state")) == [("done",)]
    twice = "SELECT 1 FROM transcription_reading GROUP BY run_id, line_id, pass_version_id HAVING count(*) > 1"
    assert installation.rows(twice) == []
    voted = "SELECT count(DISTINCT (v.run_id, v.line_id)), count(DISTINCT (u.id, l.line_id)) FROM transcription_run u "
    voted += "JOIN transcription_layoutline l ON l.layout_id = u.layout_id LEFT JOIN transcription_vote v ON "
    voted += "v.run_id = u.id AND v.line_id = l.line_id WHERE u.trial_id IS NOT NULL"
    [(votes, lines)] = installation.rows(voted)
    assert votes == lines > 0
    assert told(installation) == before
    assert installation.violations() == []
    assert installation.rows("SELECT message FROM transcription_failure") == []
