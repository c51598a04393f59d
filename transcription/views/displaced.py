"""Texts that lost their place when the lines of their page were found anew, as screens show them."""

from __future__ import annotations

from dataclasses import dataclass

from transcription.models import DisplacedText, Page


@dataclass(frozen=True, slots=True)
class Shown:
    """``number`` (1-based) is that of the line that stands there now, None where that is gone too."""

    pk: int
    text: str
    author: str
    number: int | None


def displaced_of(page: Page) -> list[Shown]:
    """What of ``page`` nobody has settled yet, in the order in which it lost its place."""
    found = list(DisplacedText.objects.unsettled().filter(page=page).select_related("revision__author"))
    if not found or page.layout is None:
        return [_shown(each, None) for each in found]
    lines = list(page.layout.places.order_by("position").values_list("line", flat=True))
    return [_shown(each, lines.index(each.near_id) + 1 if each.near_id in lines else None) for each in found]


def _shown(displaced: DisplacedText, number: int | None) -> Shown:
    author = displaced.revision.author
    return Shown(displaced.pk, displaced.revision.text, author.get_username() if author is not None else "", number)
