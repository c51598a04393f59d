"""A transcribed page as it goes into and comes out of files, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from transcription.htr.records import LineGeometry, Point


@dataclass(frozen=True, slots=True)
class TranscribedWord:
    """``polygon`` is None where nobody measured it; ``alternatives`` are other readings with their share of the vote
    or probability, best first."""

    text: str
    confidence: float | None = None
    polygon: tuple[Point, ...] | None = None
    alternatives: tuple[tuple[str, float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class TranscribedLine:
    """``author`` is "person", "vote" or empty where it is not known; ``tags`` are the line types of the source."""

    id: str
    geometry: LineGeometry | None
    text: str
    confidence: float | None = None
    words: tuple[TranscribedWord, ...] = ()
    author: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TranscribedPage:
    """Lines stand in reading order. ``size`` is (width, height), (0, 0) where it is not known.

    ``metadata`` tells of the document (title, identifier, rights …), ``provenance`` of how its text was made
    (profile, passes, calibration …). ``language`` is a BCP-47 tag, empty where it is not known.
    """

    name: str
    image_name: str
    size: tuple[int, int]
    lines: tuple[TranscribedLine, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    language: str = ""

    @property
    def text(self) -> str:
        """The lines' texts, one below the other."""
        return "\n".join(line.text for line in self.lines)
