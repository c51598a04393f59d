"""Regions of a layout as lines come, go and change their kind. Pure: places and regions in, places and regions out.

A line's region is the id of one of the layout's, or, where there is no such region, the kind itself.
"""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Sequence
from dataclasses import replace

from django.db import models
from django.utils.translation import gettext_lazy as _

from transcription.htr.line_shapes import contains, hull
from transcription.htr.records import LineGeometry, RegionGeometry


class RegionKind(models.TextChoices):
    """PAGE XML's kinds of text regions that archives use; "text" is one of which nobody said more."""

    TEXT = "text", _("text")
    PARAGRAPH = "paragraph", _("paragraph")
    HEADING = "heading", _("heading")
    MARGINALIA = "marginalia", _("marginal note")
    PAGE_NUMBER = "page-number", _("page number")
    HEADER = "header", _("header")
    FOOTER = "footer", _("footer")
    FOOTNOTE = "footnote", _("footnote")
    CAPTION = "caption", _("caption")
    CATCH_WORD = "catch-word", _("catchword")
    SIGNATURE_MARK = "signature-mark", _("signature mark")
    DROP_CAPITAL = "drop-capital", _("initial")
    OTHER = "other", _("other")


def kind_of(line: LineGeometry, regions: Sequence[RegionGeometry]) -> str:
    """The kind of the region the line stands in."""
    return next((region.kind for region in regions if region.id == line.region), line.region)


def set_kind(
    lines: Sequence[LineGeometry], regions: Sequence[RegionGeometry], chosen: Container[int], kind: str
) -> tuple[list[LineGeometry], list[RegionGeometry]]:
    """Give the ``chosen`` lines (indexes) a region of this kind.

    A region whose lines are all chosen changes its kind as a whole. Other lines leave theirs: for the region of the
    line before or after them that is of this kind, else for a new one. A layout without regions needs none: there the
    kind itself is the line's region.
    """
    after, known = list(lines), list(regions)
    ids = {region.id for region in regions}
    whole = {
        region.id
        for region in regions
        if (members := [i for i, line in enumerate(lines) if line.region == region.id])
        and all(i in chosen for i in members)
    }
    known = [replace(region, kind=kind) if region.id in whole else region for region in known]
    leaving = [
        i for i, line in enumerate(lines) if i in chosen and line.region not in whole and kind_of(line, known) != kind
    ]
    if not leaving:
        return after, known
    if not ids:
        return [replace(line, region=kind) if i in leaving else line for i, line in enumerate(after)], known
    for run in _runs(leaving):
        beside = [after[i].region for i in (run[0] - 1, run[-1] + 1) if 0 <= i < len(after)]
        of_kind = {region.id for region in known if region.kind == kind}
        home = next((region for region in beside if region in of_kind), None)
        if home is None:
            home = _free_id({region.id for region in known} | {line.region for line in after})
            at = next((n for n, region in enumerate(known) if region.id == after[run[0]].region), len(known) - 1) + 1
            known.insert(at, RegionGeometry(home, kind, ()))
        for i in run:
            after[i] = replace(after[i], region=home)
    return after, known


def tidied(
    before: Sequence[LineGeometry], after: Sequence[LineGeometry], regions: Sequence[RegionGeometry]
) -> list[RegionGeometry]:
    """The regions without those that have just lost their last line; one that lost or got some goes round its own."""
    had, have = {line.region for line in before}, {line.region for line in after}
    tidy = []
    for region in regions:
        if region.id not in have and (region.id in had or not region.polygon):
            continue
        own = [line.polygon for line in after if line.region == region.id]
        fewer = len(own) < sum(line.region == region.id for line in before)
        if own and (fewer or not all(contains(region.polygon, polygon) for polygon in own)):
            region = replace(region, polygon=hull(own if fewer else [region.polygon, *own]))
        tidy.append(region)
    return tidy


def _runs(indexes: Sequence[int]) -> list[list[int]]:
    """Neighbouring indexes together."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _free_id(taken: Container[str]) -> str:
    number = 1
    while f"r{number}" in taken:
        number += 1
    return f"r{number}"
