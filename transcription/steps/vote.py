"""Combine the readings of a run's lines into one text each, and make that the transcript where no person's stands.

A trial's votes are kept with it and become no transcript.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from transcription.engines.word_lists import word_list
from transcription.htr import voting
from transcription.htr.calibration import Calibration
from transcription.htr.checks import Context
from transcription.htr.confidence import Knows, calibration_from, claims_of, line_confidence
from transcription.htr.known_words import KnownWords
from transcription.htr.lexicon import Lexicon
from transcription.htr.records import Consensus
from transcription.htr.text import clean
from transcription.models import Line, Page, PageState, Reading, Run, Source, Step, Vote, Work
from transcription.steps import flow
from transcription.steps.check_texts import contexts_of, heard, judged, without_readings
from transcription.steps.moved_texts import settle_moved
from transcription.steps.profiles import registry
from transcription.steps.queue import finishing
from transcription.steps.revise import outranked_by, revise
from transcription.steps.vocabulary import lexicon_at

# What stands in the place of a pass's name where nobody read a word: the collection's vocabulary holds it.
VOCABULARY = "vocabulary"
MOST_SUGGESTIONS = 3
MOST_ALTERNATIVES = 9  # those that a reviewer has keys for


def vote(work: Work, token: uuid.UUID) -> None:
    """Vote on every line of the stage. Lines that no pass could read get an empty vote, so that none goes missing."""
    run = work.run
    assert run is not None
    lines = _lines_of_stage(run, work.stage)
    readings: dict[int, list[voting.PassReading]] = defaultdict(list)
    weights = dict(run.profile_version.stage_passes.values_list("pass_version", "weight"))
    for reading in Reading.objects.filter(run=run, line__in=lines).select_related("pass_version").order_by("pk"):
        version = reading.pass_version
        readings[reading.line_id].append(
            voting.PassReading(
                pass_name=version.name,
                engine=version.engine,
                reading=reading.to_record(),
                weight=weights.get(version.pk, 1.0),
                voice=registry().voice(version.engine),
            )
        )
    calibration = calibration_of(run)
    contexts = contexts_of(run)
    knows = KnownWords(word_list(run.page.collection.language), lexicon_at(work.collection_id, run.vocabulary))
    votes = [
        _row(run, line, work.stage, readings.get(line, []), calibration, knows, contexts.get(line, Context()))
        for line in lines
    ]
    _suggest(votes, run, work)
    with finishing(work, token) as page:
        assert page is not None
        saved = Vote.objects.bulk_create(votes)
        if run.trial_id is None:
            if page.approved_at is None and work.stage == 0:
                settle_moved(run=run, readings={each.line_id: each.text for each in saved})
            _transcribe(page, saved)
            flow.move(page, PageState.VOTED)
        flow.follow(Step.SCORE, page=page, run=run, stage=work.stage, lane=work.lane)


def _lines_of_stage(run: Run, stage: int) -> list[int]:
    """Lines whose vote is due, in reading order: those that any pass of the stage was sent."""
    if run.layout is None:
        return []
    places = list(run.layout.places.order_by("position").values_list("line", flat=True))
    sent = list(Work.objects.filter(run=run, step=Step.RECOGNIZE, stage=stage).values_list("lines", flat=True))
    if (not sent and stage == 0) or any(lines is None for lines in sent):
        return places
    read = {line for lines in sent for line in lines or ()}
    return [line for line in places if line in read]


def calibration_of(run: Run) -> Calibration:
    """The bundle of the run's profile version; the conservative one where none was fitted."""
    return calibration_from(run.profile_version.calibration)


def _row(
    run: Run,
    line: int,
    stage: int,
    readings: list[voting.PassReading],
    calibration: Calibration,
    knows: Knows,
    context: Context,
) -> Vote:
    errors = calibration.errors
    if not readings:
        checks = without_readings(context)
        return Vote(
            run=run,
            line_id=line,
            stage=stage,
            confidence=0.0,
            expected_edits=errors.edits([]) if errors else None,
            good=errors.good_line([]) if errors else None,
            calibration=calibration.id,
            checks=checks,
        )
    voters, left_out = heard(readings, context)
    consensus, checks = judged(voting.vote(voters, calibration=calibration, knows=knows), voters, context, left_out)
    claims = claims_of(consensus.words)
    return Vote(
        run=run,
        line_id=line,
        stage=stage,
        text=clean(consensus.text),
        words=words_as_json(consensus),
        confidence=line_confidence(consensus.words),
        expected_edits=round(errors.edits(claims), 3) if errors else None,
        good=round(errors.good_line(claims), 4) if errors else None,
        calibration=calibration.id,
        checks=checks,
    )


def words_as_json(consensus: Consensus) -> list[dict[str, Any]]:
    """The words of a consensus as they are stored: numbers rounded, passes and alternatives kept."""
    rows = []
    for word in consensus.words:
        row = asdict(word)
        for key in ("score", "confidence", "support"):
            row[key] = round(row[key], 4)
        row["span"] = _rounded(word.span)
        row["features"] = [None if value is None else round(value, 4) for value in word.features]
        row["passes"] = list(word.passes)
        row["alternatives"] = [
            {
                "text": other.text,
                "support": round(other.support, 4),
                "passes": list(other.passes),
                "span": _rounded(other.span),
            }
            for other in word.alternatives
        ]
        rows.append(row)
    return rows


def _rounded(span: tuple[float, float] | None) -> list[float] | None:
    return [round(edge, 4) for edge in span] if span else None


def _suggest(votes: Iterable[Vote], run: Run, work: Work) -> None:
    """Offer words of the collection's vocabulary beside the words of ``votes``; what was read stays what it is."""
    lexicon = lexicon_at(work.collection_id, run.vocabulary)
    if not len(lexicon):
        return
    thresholds = run.profile_version.thresholds
    line_threshold = thresholds[work.stage] if work.stage < len(thresholds) else 0.0
    doubtful_below = max(line_threshold, work.collection.threshold)
    for vote in votes:
        for word in vote.words:
            word["alternatives"] += suggestions(word, lexicon, doubtful_below)


def suggestions(word: dict[str, Any], lexicon: Lexicon, doubtful_below: float) -> list[dict[str, Any]]:
    """Words of ``lexicon`` near a voted word, as alternatives that no pass stands behind: their support is 0.

    A doubtful word gets those a few edits away; one that reads well only what it may be a slip for, and nothing where
    the lexicon knows it.
    """
    doubtful = word["confidence"] < doubtful_below
    if not doubtful and lexicon.knows(word["text"]):
        return []
    known = {word["text"], *(other["text"] for other in word["alternatives"])}
    room = min(MOST_SUGGESTIONS, MOST_ALTERNATIVES - len(word["alternatives"]))
    near = lexicon.near(word["text"], limit=len(known) + MOST_SUGGESTIONS, sure=not doubtful)
    new = [each.text for each in near if each.text not in known]
    return [
        {"text": text, "support": 0.0, "passes": [VOCABULARY], "span": word.get("span")} for text in new[: max(0, room)]
    ]


def _transcribe(page: Page, votes: Iterable[Vote]) -> None:
    """Make each vote the line's current text unless that comes from something that outranks a vote.

    On a page that a person has approved nothing changes: what they saw and let stand is what they answer for. The
    vote is kept beside it.
    """
    if page.approved_at is not None:
        return
    by_line = {vote.line_id: vote for vote in votes}
    for line in Line.objects.filter(pk__in=by_line).select_related("current"):
        if line.current is None or not outranked_by(Source.VOTE, line.current):
            chosen = by_line[line.pk]
            if line.current is None or line.current.text != chosen.text:
                revise(line=line, text=chosen.text, source=Source.VOTE, vote=chosen)
