"""A trial beside what stands: line by line, and in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db.models import F, Sum

from transcription.htr.confidence import UNSURE_BELOW, page_confidence
from transcription.htr.difference import Piece, difference
from transcription.htr.metrics import edit_counts
from transcription.htr.text import normalised
from transcription.models import Charge, Failure, Run, Source, Step, Trial, Vote, Work, WorkState
from transcription.steps.flow import OPEN


class TrialState(StrEnum):
    """How far a trial is on a page."""

    READING = "reading"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # its work was cancelled: with its collection, or because the page's image was made anew


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two texts of a line; ``confidence`` is in [0, 1], None where nothing was read."""

    text: str = ""
    confidence: float | None = None
    stage: int = 0
    words: int = 0
    unsure: int = 0
    calibration: str = ""


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """``present`` is what the machine has made of the line so far, ``tried`` what it makes of it in the trial;
    ``typed`` is a person's text, None where nobody typed one. ``pieces`` lead from the one to the other."""

    number: int
    line_id: int
    present: Side
    tried: Side
    typed: str | None
    pieces: list[Piece]

    @property
    def differs(self) -> bool:
        return any(piece.kind != "same" for piece in self.pieces)

    @property
    def pieces_before(self) -> list[Piece]:
        """What stands, with what the trial lacks of it marked as removed."""
        return [piece for piece in self.pieces if piece.kind != "added"]

    @property
    def pieces_after(self) -> list[Piece]:
        """What was tried, with what was not there before marked as added."""
        return [piece for piece in self.pieces if piece.kind != "removed"]

    @property
    def is_counted(self) -> bool:
        """Whether errors of both sides can be counted."""
        return self.typed is not None and self.present.confidence is not None and self.tried.confidence is not None

    @property
    def present_rate(self) -> float | None:
        return _error_rate([(self.typed or "", self.present.text)]) if self.is_counted else None

    @property
    def tried_rate(self) -> float | None:
        return _error_rate([(self.typed or "", self.tried.text)]) if self.is_counted else None


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading took: seconds of devices; tokens of language models; money in millionths."""

    seconds: float = 0.0
    tokens: int = 0
    money: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side comes to over some lines; each is None where there is nothing to tell it from. ``error_rate`` is
    the normalised CER over the lines that a person typed and that both sides have read."""

    confidence: float | None = None
    unsure_share: float | None = None
    error_rate: float | None = None
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class ComparedPage:
    """``lines`` are there once the trial is done on the page; ``messages`` say what went wrong on it."""

    run: Run
    state: TrialState
    lines: list[ComparedLine] = field(default_factory=list)
    present: Figures = Figures()
    tried: Figures = Figures()
    messages: list[str] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return sum(line.differs for line in self.lines)

    @property
    def counted(self) -> int:
        """Lines over which errors were counted."""
        return sum(line.is_counted for line in self.lines)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All pages of a trial, and what the pages that are done come to. ``passes_done`` of ``passes`` units of reading
    are over; ``stages`` holds how many lines were read in each stage."""

    pages: list[ComparedPage]
    present: Figures
    tried: Figures
    passes_done: int
    passes: int
    stages: list[int]

    @property
    def has_ended(self) -> bool:
        return all(page.state != TrialState.READING for page in self.pages)

    @property
    def lines(self) -> list[ComparedLine]:
        return [line for page in self.pages for line in page.lines]

    @property
    def changed(self) -> int:
        return sum(page.changed for page in self.pages)

    @property
    def counted(self) -> int:
        """Lines over which errors were counted."""
        return sum(page.counted for page in self.pages)

    @property
    def is_comparable(self) -> bool:
        """Whether both sides' confidence means the same: it was fitted by the same calibration, or by none."""
        both = [line for line in self.lines if line.present.confidence is not None]
        return all(line.present.calibration == line.tried.calibration for line in both)


def compare(trial: Trial) -> Comparison:
    """Everything that a trial's screen shows; of pages that are still being read only how far they are."""
    runs = trial.runs.filter(page__takedown=None).select_related(
        "page__original", "page__run", "page__document", "layout"
    )
    pages = [_page(run) for run in runs.order_by("page__document_id", "page__position", "pk")]
    lines = [line for page in pages for line in page.lines]
    states = list(Work.objects.filter(run__trial=trial, step=Step.RECOGNIZE).values_list("state", flat=True))
    last = max((line.tried.stage for line in lines), default=0)
    costs = [(page.present.cost, page.tried.cost) for page in pages if page.state == TrialState.DONE]
    return Comparison(
        pages=pages,
        present=_figures(lines, lambda line: line.present, _sum(each for each, _ in costs)),
        tried=_figures(lines, lambda line: line.tried, _sum(each for _, each in costs)),
        passes_done=sum(state not in OPEN for state in states),
        passes=len(states),
        stages=[sum(line.tried.stage >= stage for line in lines) for stage in range(last + 1)],
    )


def _page(run: Run) -> ComparedPage:
    state = _state(run)
    failures = Failure.objects.filter(work__run=run).order_by("pk").values_list("message", flat=True)
    messages = list(dict.fromkeys(failures))
    if state != TrialState.DONE:
        return ComparedPage(run, state, messages=messages)
    lines = _lines(run)
    before = run.page.run
    return ComparedPage(
        run=run,
        state=state,
        lines=lines,
        present=_figures(lines, lambda line: line.present, _cost(before) if before is not None else None),
        tried=_figures(lines, lambda line: line.tried, _cost(run)),
        messages=messages,
    )


def _state(run: Run) -> TrialState:
    work = list(Work.objects.filter(run=run).values_list("step", "stage", "state"))
    states = {state for _, _, state in work}
    if states & set(OPEN):
        return TrialState.READING
    if WorkState.CANCELLED in states:
        return TrialState.STOPPED
    # What each stage ends with: it is queued by what comes before, so that the last one there is tells of all.
    last = max((stage for _, stage, _ in work), default=0)
    return TrialState.DONE if (Step.SCORE, last, WorkState.DONE) in work else TrialState.FAILED


def _lines(run: Run) -> list[ComparedLine]:
    assert run.layout is not None
    present = Vote.objects.filter(run=run.page.run_id).latest_by_line()
    tried = run.votes.latest_by_line()
    found = []
    for place in run.layout.places.select_related("line__current").order_by("position"):
        current = place.line.current
        is_typed = current is not None and current.source == Source.PERSON and not current.mixed
        before, after = _side(present.get(place.line_id)), _side(tried.get(place.line_id))
        typed = current.text if current is not None and is_typed else None
        pieces = difference(before.text, after.text)
        found.append(ComparedLine(place.position, place.line_id, before, after, typed, pieces))
    return found


def _side(vote: Vote | None) -> Side:
    if vote is None:
        return Side()
    unsure = sum(word["confidence"] < UNSURE_BELOW for word in vote.words)
    return Side(vote.text, vote.confidence or 0.0, vote.stage, len(vote.words), unsure, vote.calibration)


def _figures(lines: Sequence[ComparedLine], side: Callable[[ComparedLine], Side], cost: Cost | None) -> Figures:
    sides = [side(line) for line in lines if side(line).confidence is not None]
    words = sum(each.words for each in sides)
    counted = [(line.typed or "", side(line).text) for line in lines if line.is_counted]
    return Figures(
        confidence=page_confidence([(each.confidence or 0.0, each.words) for each in sides]) if sides else None,
        unsure_share=sum(each.unsure for each in sides) / words if words else None,
        error_rate=_error_rate(counted),
        cost=cost,
    )


def _error_rate(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Normalised character error rate: edits and lengths summed before dividing; None where nothing was written."""
    folded = [(normalised(typed), normalised(read)) for typed, read in pairs]
    length = sum(len(typed) for typed, _ in folded)
    return sum(edit_counts(typed, read) for typed, read in folded) / length if length else None


def _cost(run: Run) -> Cost | None:
    """What a run took; None where it has taken over what an earlier run had read."""
    if run.readings.filter(created_at__lt=F("run__created_at")).exists():
        return None
    passes = Work.objects.filter(run=run, step=Step.RECOGNIZE)
    charges = Charge.objects.filter(run_id=run.pk).aggregate(tokens=Sum("tokens"), money=Sum("money"))
    return Cost(
        seconds=(passes.aggregate(sum=Sum("milliseconds"))["sum"] or 0.0) / 1000,
        tokens=charges["tokens"] or _tokens(run),
        money=charges["money"] or 0,
    )


def _tokens(run: Run) -> int:
    """Tokens of local language models, which nobody charges."""
    counted = {"came_in": Sum("tokens_in", default=0), "went_out": Sum("tokens_out", default=0)}
    lines, pages = run.readings.aggregate(**counted), run.page_readings.aggregate(**counted)
    return int(lines["came_in"] + lines["went_out"] + pages["came_in"] + pages["went_out"])


def _sum(costs: Iterable[Cost | None]) -> Cost | None:
    """None where one of them is not known: a sum of the others would pass for all."""
    known = list(costs)
    if not known or any(each is None for each in known):
        return None
    told = [each for each in known if each is not None]
    return Cost(sum(each.seconds for each in told), sum(each.tokens for each in told), sum(each.money for each in told))
