"""A page's text as screens show it: lines in reading order, words with their doubt, and where each came from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from transcription.models import Check, Page, PageState, PassVersion, Reading, Source, TranscriptRevision, Vote
from transcription.models.transcript import BROUGHT

# Under these a word is marked: first as doubtful, then as probably wrong.
DOUBTFUL = 0.7
UNLIKELY = 0.4


@dataclass(frozen=True, slots=True)
class WordText:
    """A voted word; ``index`` is its place in the vote, ``passes`` how many read it so."""

    index: int
    text: str
    confidence: float | None
    passes: int
    mark: str  # CSS class of its underline, empty where there is no doubt or a person has approved the page


@dataclass(frozen=True, slots=True)
class ReadingText:
    """What one pass read; ``score`` is the mean of its characters' scores, ``left_out`` why it was not heard."""

    pass_name: str
    text: str
    score: float | None
    milliseconds: float
    left_out: list[Check] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LineText:
    """One line of a page. ``words`` only where the vote's text stands: a person's text has no confidence."""

    line_id: int
    number: int
    polygon: list[list[int]]
    text: str
    revision: TranscriptRevision | None
    vote: Vote | None
    words: list[WordText] = field(default_factory=list)
    readings: list[ReadingText] = field(default_factory=list)

    @property
    def by_person(self) -> bool:
        return self.revision is not None and self.revision.source == Source.PERSON

    @property
    def brought(self) -> bool:
        """Whether the text was placed from a transcript that somebody brought."""
        return self.revision is not None and self.revision.source in BROUGHT

    @property
    def replaced(self) -> bool:
        """Whether the machine's text was changed along with many others."""
        return self.revision is not None and self.revision.source == Source.BULK

    @property
    def doubtful(self) -> int:
        """How many words are marked."""
        return sum(bool(word.mark) for word in self.words)


def line_texts(page: Page) -> list[LineText]:
    """The lines of the page's current layout with their current texts; four queries whatever their number."""
    if page.layout is None:
        return []
    places = page.layout.places.select_related("line__current__author", "line__current__transcript")
    places = places.defer("line__current__transcript__data").order_by("position")
    votes = Vote.objects.filter(run=page.run_id).latest_by_line()
    readings = _readings(page, votes)
    lines = []
    for number, place in enumerate(places, start=1):
        revision, vote = place.line.current, votes.get(place.line_id)
        stands = revision is not None and vote is not None and revision.source == Source.VOTE
        stands = stands and revision.text == vote.text  # type: ignore[union-attr]  # both are there if it stands
        lines.append(
            LineText(
                line_id=place.line_id,
                number=number,
                polygon=place.polygon,
                text=revision.text if revision else "",
                revision=revision,
                vote=vote,
                words=_words(vote, approved=page.state == PageState.REVIEWED) if vote is not None and stands else [],
                readings=readings[place.line_id],
            )
        )
    return lines


def _readings(page: Page, votes: Mapping[int, Vote]) -> defaultdict[int, list[ReadingText]]:
    found: defaultdict[int, list[ReadingText]] = defaultdict(list)
    if page.run_id is None:
        return found
    readings = Reading.objects.filter(run=page.run_id).select_related("pass_version").order_by("pass_version__name")
    for reading in readings:
        scores = reading.to_record().chars
        score = sum(scores) / len(scores) if scores else None
        name, vote = reading.pass_version.name, votes.get(reading.line_id)
        left_out = vote.left_out.get(name, []) if vote is not None else []
        found[reading.line_id].append(ReadingText(name, reading.text, score, reading.milliseconds, left_out))
    return found


def _words(vote: Vote, *, approved: bool) -> list[WordText]:
    return [
        WordText(
            index=index,
            text=word["text"],
            confidence=word["confidence"],
            passes=len(word.get("passes", ())),
            mark="" if approved else _mark(word["confidence"]),
        )
        for index, word in enumerate(vote.words)
        if word["text"]
    ]


def _mark(confidence: float | None) -> str:
    if confidence is None or confidence >= DOUBTFUL:
        return ""
    return "word-doubt" if confidence >= UNLIKELY else "word-low"


def overlay(lines: Sequence[LineText]) -> list[dict[str, object]]:
    """The outlines viewer.js draws: id, number, points, and whether a word of the line is doubtful."""
    return [
        {"id": line.line_id, "number": line.number, "polygon": line.polygon, "doubtful": bool(line.doubtful)}
        for line in lines
    ]


def run_passes(page: Page) -> list[PassVersion]:
    """The passes that were to read the page in its present run, in their order."""
    if page.run is None:
        return []
    stage_passes = page.run.profile_version.stage_passes.select_related("pass_version")
    return [stage_pass.pass_version for stage_pass in stage_passes]
