"""Say how sure we are of each line and of the page; send doubtful lines on to the next stage."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from transcription.htr.confidence import page_confidence
from transcription.htr.expected_errors import characters, page_cer
from transcription.models import PageState, Run, Vote, Work
from transcription.steps import flow
from transcription.steps.queue import finishing


def score(work: Work, token: uuid.UUID) -> None:
    """Write the page's confidence: the expected share of right words over its lines, each by its latest vote."""
    run = work.run
    assert run is not None
    votes = run.votes.latest_by_line()
    stages = run.profile_version.stage_passes.order_by("-stage").values_list("stage", flat=True)
    last_stage = stages[0] if stages else 0
    with finishing(work, token) as page:
        assert page is not None
        if run.trial_id is None:
            words = [(vote.confidence or 0.0, len(vote.words)) for vote in votes.values()]
            # Nothing was found on a blank page, so nothing is known about it: no number would be true.
            page.confidence = page_confidence(words) if words else None
            page.expected_cer = expected_cer(votes.values())
            page.state = PageState.SCORED
            page.save(update_fields=["confidence", "expected_cer", "state", "changed_at"])
        doubtful = _doubtful(run, votes, work.stage)
        if work.stage < last_stage and doubtful:
            flow.begin_stage(page=page, run=run, stage=work.stage + 1, lines=doubtful, lane=work.lane)
        else:
            flow.after_score(page=page, run=run, stage=work.stage, lane=work.lane)


def expected_cer(votes: Iterable[Vote]) -> float | None:
    """Expected share of wrong characters of lines with these votes; None where a vote does not say."""
    return page_cer((vote.expected_edits, characters(_claims(vote))) for vote in votes)


def _claims(vote: Vote) -> list[tuple[float, int]]:
    return [(float(word["confidence"]), len(word["text"])) for word in vote.words]


def _doubtful(run: Run, votes: dict[int, Vote], stage: int) -> list[int]:
    """Lines that the next stage must read, in a fixed order. Votes of later stages are of an earlier run."""
    known = {line: (vote.stage, vote.confidence or 0.0) for line, vote in votes.items()}
    return still_doubtful(known, run.profile_version.thresholds, stage)


def still_doubtful(votes: Mapping[int, tuple[int, float]], thresholds: Sequence[float], stage: int) -> list[int]:
    """Lines that go on after ``stage``: below the threshold of the stage that read them last, and of every one since.

    ``votes`` holds each line's latest stage and confidence. A line that was sure enough at some stage stays so; one
    that no pass of a stage was for goes on with the confidence it had.
    """
    below = dict(enumerate(thresholds))
    return sorted(
        line
        for line, (last, confidence) in votes.items()
        if last <= stage and all(confidence < below.get(each, 0.0) for each in range(last, stage + 1))
    )
