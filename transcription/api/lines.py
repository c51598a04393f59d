"""Lines of pages as the API tells them."""

from __future__ import annotations

from ninja import Field, Schema

from transcription.formats.records import TranscribedLine
from transcription.models import Page
from transcription.steps.export_pages import transcribed_page


class WordOut(Schema):
    text: str
    confidence: float | None = Field(None, ge=0, le=1, description="P(this word is right)")
    alternatives: list[str] | None = Field(None, description="What other passes read; only where asked for.")


class LineOut(Schema):
    """A line of writing, in reading order. Coordinates are pixels (x, y) of the page's upright image."""

    id: int
    position: int = Field(description="Reading order, from 1.")
    text: str
    source: str = Field(description="vote (machines), bulk, import or person; empty where nobody has read it yet.")
    confidence: float | None = Field(
        None, ge=0, le=1, description="Expected share of right words; null for text that people wrote."
    )
    region: str
    baseline: list[tuple[int, int]]
    polygon: list[tuple[int, int]]
    words: list[WordOut] = Field(description="Empty unless the text stands as the machines agreed on it.")


def lines_of(page: Page, *, alternatives: bool) -> list[LineOut]:
    """All lines of the page's layout. Expects a page with its document, original and run at hand."""
    lines = transcribed_page(page).lines
    return [_line(line, position, alternatives) for position, line in enumerate(lines, start=1)]


def _line(line: TranscribedLine, position: int, alternatives: bool) -> LineOut:
    geometry = line.geometry
    assert geometry is not None, "lines of a layout stand somewhere"
    return LineOut(
        id=int(line.id.removeprefix("line_")),
        position=position,
        text=line.text,
        source=line.author,
        confidence=line.confidence,
        region=geometry.region,
        baseline=list(geometry.baseline),
        polygon=list(geometry.polygon),
        words=[
            WordOut(
                text=word.text,
                confidence=word.confidence,
                alternatives=[text for text, _ in word.alternatives] if alternatives else None,
            )
            for word in line.words
            if word.confidence is not None
        ],
    )
