"""Which lines a pass reads: all of its stage, or the printed ones where its engine reads nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transcription.models import Layout, PassVersion
from transcription.steps.profiles import registry

PRINT = ["printed", "typewritten"]
PRINT_ONLY = ["print"]


def lines_of_passes(
    passes: Iterable[PassVersion], layout: Layout | None, lines: Sequence[int] | None
) -> list[tuple[PassVersion, list[int] | None]]:
    """The passes that have something to read, each with its lines; None stands for all lines of the layout.

    ``lines`` are those of the stage, None for all. An engine for print leaves handwriting out; printed lines are read
    by the other engines too.
    """
    wanted = list(lines) if lines is not None else None
    if layout is None or wanted == [] or (wanted is None and not layout.places.exists()):
        return []
    readers = registry().readers()
    found: list[tuple[PassVersion, list[int] | None]] = []
    for version in passes:
        theirs = wanted
        if readers.get(version.engine) == PRINT_ONLY:
            theirs = printed_lines(layout, wanted)
        if theirs != []:
            found.append((version, theirs))
    return found


def printed_lines(layout: Layout, lines: Sequence[int] | None) -> list[int]:
    """Those of the layout's lines, or of ``lines`` on it, that are tagged as printed or typewritten."""
    places = layout.places.filter(production__in=PRINT).order_by("position")
    if lines is not None:
        places = places.filter(line__in=lines)
    return list(places.values_list("line", flat=True))
