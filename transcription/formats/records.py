"""A transcribed page as it goes into and comes out of files, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from transcription.htr.records import LineGeometry, Point, RegionGeometry


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
    """``author`` is "person", "vote" or empty where it is not known, ``writer`` that person's name where it is;
    ``tags`` are the line types of the source; ``ground_truth`` says that a person made the text, all of it."""

    id: str
    geometry: LineGeometry | None
    text: str
    confidence: float | None = None
    words: tuple[TranscribedWord, ...] = ()
    author: str = ""
    tags: tuple[str, ...] = ()
    writer: str = ""
    ground_truth: bool = False


# The last part of a line's type, as eScriptorium's ontologies have it, and PAGE XML's words.
_PRODUCTIONS = {
    **dict.fromkeys(("handwritten", "handwriting", "manuscript", "signature"), "handwritten"),
    **dict.fromkeys(("print", "printed"), "printed"),
    **dict.fromkeys(("typewritten", "typescript"), "typewritten"),
}


def production_of(tags: tuple[str, ...]) -> str:
    """How a line was written by its types, such as DefaultLine:Handwritten; empty where none of them says."""
    said = (_PRODUCTIONS.get(part.strip().lower(), "") for tag in tags for part in reversed(tag.split(":")))
    return next(filter(None, said), "")


@dataclass(frozen=True, slots=True)
class TranscribedPage:
    """Lines stand in reading order, and so do the regions; a line's region is the id of one of them, or a kind of
    region where there is none of that id. ``size`` is (width, height), (0, 0) where it is not known.

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
    regions: tuple[RegionGeometry, ...] = ()

    @property
    def text(self) -> str:
        """The lines' texts, one below the other."""
        return "\n".join(line.text for line in self.lines)
