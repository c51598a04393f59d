"""Lines put together as formats that know regions want them, and names for what such files point at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby

from transcription.formats.records import TranscribedLine, TranscribedPage
from transcription.htr.records import RegionGeometry

TEXT = "text"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(slots=True)
class Identifiers:
    """Gives out xml:ids, none of them twice."""

    taken: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def of(self, wish: str, prefix: str) -> str:
        """``wish`` if it can be one and nobody has it, else the prefix with a number."""
        found, number = wish, self.counts.get(prefix, 0)
        while found in self.taken or not _NAME.fullmatch(found):
            number += 1
            found = f"{prefix}{number}"
        self.counts[prefix] = number
        self.taken.add(found)
        return found


@dataclass(slots=True)
class Group:
    """What becomes one TextRegion: a region with its lines, or a run of lines that belong to none. Lines come with
    their 1-based place on the page."""

    region: RegionGeometry | None
    kind: str
    lines: list[tuple[int, TranscribedLine]]


def groups_of(page: TranscribedPage) -> list[Group]:
    """In the order of their first lines; a region without lines follows the one before it."""
    of_region = {region.id: Group(region, region.kind, []) for region in page.regions}
    runs: list[Group] = []
    for name, lines in groupby(enumerate(page.lines, 1), lambda placed: _region_of(placed[1])):
        if name in of_region:
            of_region[name].lines += lines
        else:
            runs.append(Group(None, name, list(lines)))
    first: list[tuple[int, Group]] = [(run.lines[0][0], run) for run in runs]
    place = 0
    for group in of_region.values():
        place = group.lines[0][0] if group.lines else place
        first.append((place, group))
    return [group for _, group in sorted(first, key=lambda each: each[0])]


def _region_of(line: TranscribedLine) -> str:
    return line.geometry.region if line.geometry is not None else TEXT
