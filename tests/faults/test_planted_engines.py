"""An engine that breaks its contract in every way, in a real worker process: each page ends in a sane state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.planted import Treacherous
from tests.faults.installation import Installation
from tests.faults.planted_pages import WELL

pytestmark = pytest.mark.slow

OPEN_WORK = "SELECT count(*) FROM transcription_work WHERE state IN ('queued', 'running')"
FAILURES = (
    "SELECT d.title, f.code, f.message FROM transcription_failure f JOIN transcription_page p ON p.id = f.page_id "
    "JOIN transcription_document d ON d.id = p.document_id WHERE f.resolved_at IS NULL"
)
STATES = "SELECT d.title, p.state FROM transcription_page p JOIN transcription_document d ON d.id = p.document_id"
FAIL = {
    "hangs": ("worker-killer", "lost 3 times while it did this and nothing else"),
    "raises": ("unexpected", "device-side assert"),
    "runs_out_of_memory": ("out-of-memory", "not enough memory"),
    "gives_nothing": ("no-result", "no result for 1 lines"),
    "scores_nan": ("bad-scores", "not numbers from 0 to 1"),
    "repeats": ("endless-text", "1,048,576 characters"),
}


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.build(tmp_path_factory.mktemp("planted"), "tests.faults.planted_settings")
    yield made
    made.stop()


def test_whatever_an_engine_does_its_pages_end_and_the_others_are_read(installation: Installation) -> None:
    installation.manage("shell", "-c", "from tests.faults.planted_pages import plant; plant()")
    for name in ("cpu", "engine", "sweep"):
        installation.start(name)
    assert installation.wait(lambda: installation.rows(OPEN_WORK) == [(0,)], 240), installation.rows(
        "SELECT step, state, attempts, interruptions, alone FROM transcription_work WHERE state <> 'done'"
    )
    failures = {title: (code, message) for title, code, message in installation.rows(FAILURES)}
    assert {title: code for title, (code, _) in failures.items()} == {way: code for way, (code, _) in FAIL.items()}
    for way, (_, sentence) in FAIL.items():
        assert sentence in failures[way][1]
    states = dict(installation.rows(STATES))
    assert len(states) == WELL + len(Treacherous.WAYS)
    for title, state in states.items():
        assert state in ({"segmented"} if title in FAIL else {"accepted", "in_review"}), title
    readings = "SELECT count(*), count(DISTINCT (run_id, line_id)) FROM transcription_reading"
    read = 3 * WELL + len(Treacherous.WAYS) - len(FAIL)
    assert installation.rows(readings) == [(read, read)], "what could be read was read once"
    tried = "SELECT max(attempts), max(interruptions) FROM transcription_work"
    assert installation.rows(tried) == [(3, 3)]
    log = (installation.folder / "engine.log").read_text(errors="replace")
    assert "an engine hangs" in log
    assert "exitcode 75" in log, "its process ended itself; nobody killed it"
    assert "Memory does not hold" in log
    assert installation.violations() == []
