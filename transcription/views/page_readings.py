"""What passes that read whole pages read and found no line for, as screens show it."""

from __future__ import annotations

from dataclasses import dataclass

from transcription.models import Page, PageReading


@dataclass(frozen=True, slots=True)
class Piece:
    """``number`` (1-based) is that of the line that the text before it stands on, None at the top of the page."""

    text: str
    number: int | None


@dataclass(frozen=True, slots=True)
class UnplacedReading:
    pass_name: str
    pieces: tuple[Piece, ...]


def unplaced_readings(page: Page) -> list[UnplacedReading]:
    """One for each pass of the page's run with text left over; nothing on an approved page: who approved it has
    decided."""
    if page.run_id is None or page.layout is None or page.approved_at is not None:
        return []
    readings = PageReading.objects.filter(run=page.run_id).exclude(unplaced=[]).select_related("pass_version")
    found = list(readings.only("lines", "unplaced", "pass_version__name"))
    if not found:
        return []
    lines = page.layout.places.order_by("position").values_list("line", flat=True)
    numbers = {line: number for number, line in enumerate(lines, start=1)}
    return [
        UnplacedReading(
            reading.pass_version.name,
            tuple(Piece(reading.lines[each["row"]], numbers.get(each["line"])) for each in reading.unplaced),
        )
        for reading in found
    ]
