"""Everything that may die dies in the middle; every page ends done exactly once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.installation import Installation, draw_pages, draw_sideways_spreads
from transcription.engines.registry import WEIGHTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights are not here"),
]

PAGES = 40
UNFINISHED = "SELECT count(*) FROM transcription_page WHERE state NOT IN ('accepted', 'in_review', 'reviewed')"
OPEN_WORK = "SELECT count(*) FROM transcription_work WHERE state IN ('queued', 'running')"


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.build(tmp_path_factory.mktemp("faults"))
    yield made
    made.stop()


@pytest.fixture
def spread_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.build(tmp_path_factory.mktemp("faults"), "tests.faults.spread_settings")
    yield made
    made.stop()


def is_done(installation: Installation) -> bool:
    pages = installation.rows("SELECT count(*) FROM transcription_page")[0][0]
    unfinished, open_work = installation.rows(UNFINISHED)[0][0], installation.rows(OPEN_WORK)[0][0]
    return bool(pages >= PAGES and unfinished == 0 and open_work == 0)


def test_every_page_is_done_once_though_everything_dies_in_the_middle(
    installation: Installation, tmp_path: Path
) -> None:
    draw_pages(tmp_path / "scans", PAGES, transcripts=True)
    for name in ("cpu", "engine", "sweep"):
        installation.start(name)
    installation.manage("import_folder", str(tmp_path / "scans"), "--collection", "Faults", "--transcripts")
    chance = random.Random(7)
    killed = 0
    while killed < 10:
        time.sleep(chance.uniform(1.0, 2.5))
        name = ("engine", "cpu")[killed % 2] if killed < 9 else "sweep"
        installation.kill(name)
        killed += 1
        if killed == 3:
            installation.flush_valkey()
        if killed == 5:
            installation.kill_valkey()
        if killed == 7:
            installation.kill_postgres()
        installation.start(name)
    assert installation.wait(lambda: is_done(installation), 180), installation.rows(
        "SELECT step, state, count(*) FROM transcription_work GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert installation.violations() == []
    assert installation.rows("SELECT message FROM transcription_failure") == []
    assert installation.rows("SELECT count(*) FROM transcription_page") == [(PAGES,)]
    twice = "SELECT page_id FROM transcription_routedecision GROUP BY page_id HAVING count(*) > 1"
    assert installation.rows(twice) == []
    placed = "SELECT count(*), count(DISTINCT transcript_id) FROM transcription_alignment"
    assert installation.rows(placed) == [(PAGES, PAGES)], "each transcript was placed, once"
    [(interrupted,)] = installation.rows("SELECT count(*) FROM transcription_work WHERE alone")
    assert interrupted > 0, "nothing was caught in the middle: this test has no teeth"


def test_a_page_that_kills_its_worker_is_set_aside_and_its_batch_mates_finish(
    installation: Installation, tmp_path: Path
) -> None:
    draw_pages(tmp_path / "scans", 4)
    draw_pages(tmp_path / "scans", 1, deadly=True)
    for name in ("cpu", "engine", "sweep"):
        installation.start(name)
    installation.manage("import_folder", str(tmp_path / "scans"), "--collection", "Deadly")
    finished = "SELECT count(*) FROM transcription_page WHERE state IN ('accepted', 'in_review')"
    set_aside = "SELECT count(*) FROM transcription_failure WHERE code = 'worker-killer' AND step = 'recognize'"
    assert installation.wait(lambda: installation.rows(finished) == [(4,)], 180)
    passes = installation.rows("SELECT count(*) FROM transcription_stagepass")
    assert installation.wait(lambda: installation.rows(set_aside) == passes, 240), "each pass of the deadly page"
    assert installation.wait(lambda: installation.rows(OPEN_WORK) == [(0,)], 60)
    deadly = "SELECT p.state FROM transcription_page p JOIN transcription_original o ON o.id = p.original_id"
    assert installation.rows(f"{deadly} WHERE o.name LIKE 'deadly%'") == [("segmented",)]
    innocent = "SELECT max(interruptions) FROM transcription_work w JOIN transcription_page p ON p.id = w.page_id"
    assert installation.rows(f"{innocent} WHERE p.state <> 'segmented'") == [(0,)]
    assert installation.violations() == []


def test_sideways_spreads_are_turned_and_split_once_though_workers_die_in_the_middle(
    spread_installation: Installation, tmp_path: Path
) -> None:
    installation, spreads = spread_installation, 10
    draw_sideways_spreads(tmp_path / "scans", spreads)
    create = "from transcription.models import Collection; Collection.objects.create(title='Faults', spreads='split')"
    installation.manage("shell", "-c", create)
    for name in ("cpu", "engine", "sweep"):
        installation.start(name)
    installation.manage("import_folder", str(tmp_path / "scans"), "--collection", "Faults")
    chance = random.Random(11)
    for killed in range(8):
        time.sleep(chance.uniform(0.5, 2.0))
        name = ("cpu", "engine")[killed % 2]
        installation.kill(name)
        installation.start(name)
    parts = "SELECT part, turn, frame_turn, count(*) FROM transcription_page GROUP BY 1, 2, 3 ORDER BY 1"
    done = [(1, 0, 1, spreads), (2, 0, 1, spreads)]
    quiet = lambda: [installation.rows(query)[0][0] for query in (UNFINISHED, OPEN_WORK)] == [0, 0]  # noqa: E731
    assert installation.wait(lambda: installation.rows(parts) == done and quiet(), 180), installation.rows(
        "SELECT step, state, count(*) FROM transcription_work GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert installation.violations() == []
    assert installation.rows("SELECT message FROM transcription_failure") == []
    order = "SELECT position FROM transcription_page ORDER BY document_id, position"
    assert installation.rows(order) == [(position,) for position in range(1, 2 * spreads + 1)]
    lines = "SELECT DISTINCT count(*) FROM transcription_layoutline l JOIN transcription_page p USING (layout_id)"
    assert installation.rows(f"{lines} GROUP BY p.id") == [(2,)], "each page has the two lines that stand on it"
