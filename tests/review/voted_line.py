"""A line of a written page as four passes read it and a real vote, calibrated as shipped, put it together."""

from __future__ import annotations

import json
from collections.abc import Sequence

from transcription.htr import voting
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import line_confidence
from transcription.htr.records import ReadingRecord
from transcription.models import Line, Page, PassVersion, ProfileVersion, Reading, Source, Vote
from transcription.steps.profiles import shipped_calibration
from transcription.steps.revise import revise
from transcription.steps.vote import words_as_json

RECIPES = ("plain", "clahe", "background", "adaptive")


def create_voted_line(page: Page, position: int, texts: Sequence[str]) -> Line:
    """Replace what was read and voted on the line at ``position`` by ``texts``, one a pass."""
    assert page.run is not None
    assert page.layout is not None
    line = page.layout.places.select_related("line").get(position=position).line
    bundle = shipped_calibration()
    ProfileVersion.objects.filter(pk=page.run.profile_version_id).update(calibration=bundle)
    Reading.objects.filter(run=page.run, line=line).delete()
    readings = []
    for recipe, text in zip(RECIPES, texts, strict=False):
        name = f"{recipe}+starter"
        version, _ = PassVersion.objects.get_or_create(
            name=name, defaults={"digest": f"voted {name}", "recipe": recipe, "engine": "starter", "engine_digest": "0"}
        )
        scores = tuple(0.5 if char in "mn" else 0.97 for char in text)
        spans = tuple((k / len(text), (k + 1) / len(text)) for k in range(len(text)))
        Reading.objects.create(run=page.run, line=line, pass_version=version, text=text)
        readings.append(voting.PassReading(name, "starter", ReadingRecord(line.pk, text, scores, spans)))
    calibration = Calibration.from_json(json.dumps(bundle))
    consensus = voting.vote(readings, calibration=calibration)
    vote, _ = Vote.objects.update_or_create(
        run=page.run,
        line=line,
        stage=0,
        defaults={
            "text": consensus.text,
            "words": words_as_json(consensus),
            "confidence": line_confidence(consensus.words),
            "calibration": calibration.id,
        },
    )
    revise(line=Line.objects.get(pk=line.pk), text=consensus.text, source=Source.VOTE, vote=vote)
    return line
