"""The transcript that was brought for a page, as screens show it: what was placed and what was not."""

from __future__ import annotations

from dataclasses import dataclass

from transcription.models import Alignment, ImportedTranscript, Page
from transcription.models.page import FINISHED_STATES


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Words for which no line was found; ``number`` (1-based) and ``line_id`` of the line they may belong to."""

    text: str
    number: int | None
    line_id: int | None


@dataclass(frozen=True, slots=True)
class Brought:
    """The transcript in use for a page. ``alignment`` is None until it was placed on what the present run read."""

    transcript: ImportedTranscript
    page: Page | None
    alignment: Alignment | None
    failed: bool = False  # its placing was given up; the page says why
    others: tuple[ImportedTranscript, ...] = ()  # of the same page, newest first

    @property
    def came_too_late(self) -> bool:
        """Whether its page was approved before it came, so that nothing was changed."""
        approved = self.page.approved_at if self.page is not None else None
        return approved is not None and approved <= self.transcript.created_at

    @property
    def before(self) -> ImportedTranscript | None:
        """What is in use again once this one is removed."""
        return next((each for each in self.others if each.withdrawn_at is None), None)

    @property
    def being_placed(self) -> bool:
        """Whether its page is read, so that only the placing is due."""
        return self.alignment is None and self.page is not None and self.page.state in FINISHED_STATES

    @property
    def placed(self) -> int:
        """Lines of the file that stand on the page to their last word."""
        return self.transcript.lines - self.missing if self.alignment else 0

    @property
    def unplaced(self) -> list[Unplaced]:
        """Nothing on an approved page: who approved it has decided."""
        if self.alignment is None or self.page is None or self.page.layout is None or self.page.approved_at is not None:
            return []
        places = self.page.layout.places.values_list("line", "position") if self.alignment.unplaced else []
        numbers = {line: number for number, (line, _position) in enumerate(sorted(places, key=lambda p: p[1]), 1)}
        return [
            Unplaced(entry["text"], numbers.get(entry["line"]), entry["line"] if entry["line"] in numbers else None)
            for entry in self.alignment.unplaced
        ]

    @property
    def missing(self) -> int:
        """Lines of the file of which something found no place."""
        # Alignments made before pieces knew their line have one for each.
        return (
            len({entry.get("row", -n) for n, entry in enumerate(self.alignment.unplaced, 1)}) if self.alignment else 0
        )


def brought_for(page: Page) -> Brought | None:
    """The transcript that was brought for ``page``, or None."""
    transcript = ImportedTranscript.objects.of_page(page.original_id, page.frame).standing().defer("data").first()
    if transcript is None:
        return None
    return Brought(transcript, page, transcript.alignments.filter(run=page.run_id).first())
