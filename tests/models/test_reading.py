from __future__ import annotations

import pytest

from transcription.htr.records import Hypothesis, ReadingRecord
from transcription.models import Reading


@pytest.mark.parametrize(
    "nbest",
    [(), (Hypothesis("Navy", 0.5),), (Hypothesis("Navy", 0.5), Hypothesis("Nary", 0.25), Hypothesis("", 0.125))],
    ids=["none", "itself", "three"],
)
def test_a_record_comes_back_as_it_was_stored(nbest: tuple[Hypothesis, ...]) -> None:
    spans = ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))
    record = ReadingRecord(7, "Navy", (0.9, 0.8, 0.7, 0.6), spans, 3.5, nbest)
    reading = Reading.from_record(record, run_id=1, pass_version_id=2)
    assert reading.to_record() == record


def test_a_reading_of_before_there_were_nbest_lists_has_none() -> None:
    assert Reading(line_id=1, text="Navy", chars=[900] * 4).to_record().nbest == ()
