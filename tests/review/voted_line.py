"""A line of a written page as four passes read it and a real vote, calibrated as shipped, put it together."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.review.written_page import LEADING, place_line
from transcription.htr import voting
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import line_confidence
from transcription.htr.records import ReadingRecord
from transcription.models import Line, Page, PassVersion, ProfileVersion, Reading, Source, Vote
from transcription.steps.profiles import shipped_calibration
from transcription.steps.revise import revise
from transcription.steps.vote import words_as_json

RECIPES = ("plain", "clahe", "background", "adaptive")


def create_voted_line(page: Page, texts: Sequence[str]) -> Line:
    """One more line at the page's end, read as ``texts``, one a pass."""
    assert page.run is not None
    assert page.layout is not None
    number = page.layout.places.count()
    line = place_line(page.layout, number + 1, 150 + number * LEADING, 700)
    bundle = shipped_calibration()
    ProfileVersion.objects.filter(pk=page.run.profile_version_id).update(calibration=bundle)
    readings = []
    for recipe, text in zip(RECIPES, texts, strict=False):
        name = f"{recipe}+starter"
        version, _ = PassVersion.objects.get_or_create(
            digest=f"voted {name}", defaults={"name": name, "recipe": recipe, "engine": "starter", "engine_digest": "0"}
        )
        scores = tuple(0.5 if char in "mn" else 0.97 for char in text)
        spans = tuple((k / len(text), (k + 1) / len(text)) for k in range(len(text)))
        record = ReadingRecord(line.pk, text, scores, spans)
        Reading.from_record(record, run_id=page.run.pk, pass_version_id=version.pk).save()
        readings.append(voting.PassReading(name, "starter", record))
    calibration = Calibration.from_json(json.dumps(bundle))
    consensus = voting.vote(readings, calibration=calibration)
    vote = Vote.objects.create(
        run=page.run,
        line=line,
        text=consensus.text,
        words=words_as_json(consensus),
        confidence=line_confidence(consensus.words),
        calibration=calibration.id,
    )
    revise(line=line, text=consensus.text, source=Source.VOTE, vote=vote)
    return line
