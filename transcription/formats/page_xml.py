"""PAGE XML: written as 2019-07-15, read in any of its versions.

Each region is one TextRegion with its outline, in the order of their first lines; lines that belong to none are grouped
by the kind that is said of them, each run of them one TextRegion. What PAGE has no place for stands in UserDefined: who
wrote a line (author: person or vote; writer: that person's name), whether a word's outline is only estimated from its
line (coords), a line's place on the page if it is not where its region puts it (position, 1-based), a region's kind or,
where it is a mere run of lines, what was said of them (region).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from lxml import etree

from transcription.errors import BadInput
from transcription.formats.grouping import Group, Identifiers, groups_of
from transcription.formats.placing import corners, outline_of, slices
from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord
from transcription.formats.xml_reading import (
    child,
    children,
    descendants,
    local_name,
    number,
    opened,
    parse,
    points,
    printable,
    probability,
)
from transcription.htr.languages import language_name, language_tag
from transcription.htr.records import LineGeometry, Point, RegionGeometry

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_SCHEMA_PLACE = f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_CREATOR = "Longhand"
_TEXT = "text"
_STRUCTURE = re.compile(r"structure\s*\{[^}]*?type\s*:\s*([^;}]+)")
_READING_ORDER = re.compile(r"readingOrder\s*\{[^}]*?index\s*:\s*(\d+)")
# Region names that PAGE knows as kinds of text.
_PRODUCTIONS = {"handwritten": "handwritten-cursive", "printed": "printed", "typewritten": "typewritten"}
_READ_AS = {
    **{name: ours for ours, name in _PRODUCTIONS.items()},
    **dict.fromkeys(("handwritten-printscript", "medieval-manuscript"), "handwritten"),
}
_TEXT_TYPES = frozenset(
    {"paragraph", "heading", "caption", "header", "footer", "page-number", "drop-capital", "credit", "floating"}
    | {"signature-mark", "catch-word", "marginalia", "footnote", "footnote-continued", "endnote", "TOC-entry"}
    | {"list-label", "other"}
)


def write(page: TranscribedPage) -> bytes:
    """Return the page as PAGE XML that validates. Points outside of the page are moved onto its edge; a line without
    a polygon gets the box of its baseline, one without any place the whole page."""
    return _Writer(page).document()


class _Writer:
    """Builds one document."""

    def __init__(self, page: TranscribedPage) -> None:
        self.page = page
        self.width, self.height = self.size = max(1, page.size[0]), max(1, page.size[1])
        self.ids = Identifiers()

    def document(self) -> bytes:
        root = etree.Element(f"{{{NAMESPACE}}}PcGts", nsmap={None: NAMESPACE, "xsi": _XSI})  # type: ignore[dict-item]
        root.set(f"{{{_XSI}}}schemaLocation", _SCHEMA_PLACE)
        self._metadata(_add(root, "Metadata"))
        page = _add(
            root,
            "Page",
            imageFilename=self.page.image_name,
            imageWidth=str(self.width),
            imageHeight=str(self.height),
        )
        if self.page.language:
            page.set("primaryLanguage", language_name(self.page.language))
        groups = groups_of(self.page)
        ids = [self.ids.of(group.region.id if group.region else "", "r") for group in groups]
        if groups:
            order = _add(_add(page, "ReadingOrder"), "OrderedGroup", id=self.ids.of("reading_order", "order"))
            for index, region_id in enumerate(ids):
                _add(order, "RegionRefIndexed", index=str(index), regionRef=region_id)
        # PAGE knows languages by name, without their region or script: the whole tag stands beside it.
        _user_defined(page, {"name": self.page.name} | ({"language": self.page.language} if self.page.language else {}))
        written = [place for group in groups for place, _ in group.lines]
        moved = written != sorted(written)
        for region_id, group in zip(ids, groups, strict=True):
            self._region(page, region_id, group, moved)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)

    def _metadata(self, metadata: etree._Element) -> None:
        created = (self.page.created or datetime.now(UTC)).astimezone(UTC).isoformat()
        _add(metadata, "Creator").text = _CREATOR
        _add(metadata, "Created").text = created
        _add(metadata, "LastChange").text = created
        for type_, items in (("other", self.page.metadata), ("processingStep", self.page.provenance)):
            for name, value in items.items():
                _add(metadata, "MetadataItem", type=type_, name=name, value=value)

    def _region(self, page: etree._Element, region_id: str, group: Group, moved: bool) -> None:
        region = _add(page, "TextRegion", id=region_id)
        if group.kind in _TEXT_TYPES:
            region.set("type", group.kind)
        outlines = [outline_of(line.geometry, self.size) for _, line in group.lines]
        self._coords(region, self._around(group.region, outlines))
        notes = {"kind": group.kind} if group.region else {"region": group.kind}
        if group.region and group.region.id != region_id:
            notes["id"] = group.region.id
        _user_defined(region, notes)
        for (place, line), outline in zip(group.lines, outlines, strict=True):
            self._line(region, line, outline, place if moved else None)
        _text_equiv(region, "\n".join(line.text for _, line in group.lines))

    def _around(self, region: RegionGeometry | None, outlines: Sequence[tuple[Point, ...]]) -> tuple[Point, ...]:
        if region is not None and len(region.polygon) >= 3:
            return region.polygon
        points = [point for outline in outlines for point in outline]
        return corners(points) if points else outline_of(None, self.size)

    def _line(self, region: etree._Element, line: TranscribedLine, outline: tuple[Point, ...], at: int | None) -> None:
        line_id = self.ids.of(line.id, "l")
        element = _add(region, "TextLine", id=line_id)
        if line.geometry is not None and line.geometry.production in _PRODUCTIONS:
            element.set("production", _PRODUCTIONS[line.geometry.production])
        self._coords(element, outline)
        if line.geometry is not None and len(line.geometry.baseline) >= 2:
            _add(element, "Baseline", points=self._points(line.geometry.baseline))
        for word, estimate in zip(line.words, slices(line.words, outline), strict=True):
            self._word(element, line_id, word, estimate)
        _text_equiv(element, line.text, line.confidence)
        notes = {key: said for key, said in (("author", line.author), ("writer", line.writer)) if said}
        if line_id != line.id:
            notes["id"] = line.id
        if at is not None:
            notes["position"] = str(at)
        if line.geometry is None or not (line.geometry.baseline or line.geometry.polygon):
            notes["coords"] = "unknown"
        _user_defined(element, notes)
        if line.tags:
            labels = _add(element, "Labels")
            for tag in line.tags:
                _add(labels, "Label", value=tag, type="tag")

    def _word(self, line: etree._Element, line_id: str, word: TranscribedWord, estimate: tuple[Point, ...]) -> None:
        element = _add(line, "Word", id=self.ids.of("", f"{line_id}_w"))
        measured = word.polygon is not None and len(word.polygon) >= 3
        self._coords(element, word.polygon if measured and word.polygon else estimate)
        several = bool(word.alternatives)
        _text_equiv(element, word.text, word.confidence, 0 if several else None)
        for index, (text, confidence) in enumerate(word.alternatives, 1):
            _text_equiv(element, text, confidence, index)
        if not measured:
            _user_defined(element, {"coords": "estimated"})

    def _coords(self, element: etree._Element, polygon: Sequence[Point]) -> None:
        _add(element, "Coords", points=self._points(polygon))

    def _points(self, along: Sequence[Point]) -> str:
        return " ".join(f"{min(max(x, 0), self.width)},{min(max(y, 0), self.height)}" for x, y in along)


def _add(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    for key, value in attributes.items():
        element.set(key, printable(value))
    return element


def _text_equiv(parent: etree._Element, text: str, confidence: float | None = None, index: int | None = None) -> None:
    element = _add(parent, "TextEquiv")
    if index is not None:
        element.set("index", str(index))
    if confidence is not None and math.isfinite(confidence):
        element.set("conf", f"{min(max(confidence, 0.0), 1.0):.4f}".rstrip("0").rstrip("."))
    _add(element, "Unicode").text = printable(text)


def _user_defined(parent: etree._Element, notes: Mapping[str, str]) -> None:
    if notes:
        element = _add(parent, "UserDefined")
        for name, value in notes.items():
            _add(element, "UserAttribute", name=name, value=value)


def read(data: bytes, name: str = "PAGE XML") -> TranscribedPage:
    """Return what a PAGE file of any version says. ``name`` is what people know the file by.

    Raises BadInput: ``not-xml``, ``doctype``, ``too-large``, ``not-page-xml``.
    """
    return from_root(parse(data, name), name)


def from_root(root: etree._Element, name: str) -> TranscribedPage:
    page = child(root, "Page")
    if local_name(root) != "PcGts" or page is None:
        raise BadInput(f"“{name}” is not PAGE XML: it has no PcGts with a Page.", code="not-page-xml")
    width, height = (number(page.get(key)) or 0 for key in ("imageWidth", "imageHeight"))
    metadata, provenance = _read_metadata(child(root, "Metadata"))
    elements = _regions(page)
    placed = [each for element in elements for each in _read_lines(element)]
    if placed and all(place is not None for place, _ in placed):
        placed.sort(key=lambda each: each[0] or 0)
    return TranscribedPage(
        name=_notes(page).get("name", name),
        image_name=page.get("imageFilename", ""),
        size=(max(0, round(width)), max(0, round(height))),
        lines=tuple(line for _, line in placed),
        metadata=metadata,
        provenance=provenance,
        created=_read_created(root),
        language=_notes(page).get("language", language_tag(page.get("primaryLanguage", ""))),
        regions=tuple(region for element in elements if (region := _read_region(element)) is not None),
    )


def _read_metadata(metadata: etree._Element | None) -> tuple[dict[str, str], dict[str, str]]:
    found: dict[str, dict[str, str]] = {"processingStep": {}, "other": {}}
    for item in children(metadata, "MetadataItem") if metadata is not None else ():
        kind = "processingStep" if item.get("type") == "processingStep" else "other"
        found[kind][item.get("name", item.get("type", ""))] = item.get("value", "")
    return found["other"], found["processingStep"]


def _read_created(root: etree._Element) -> datetime | None:
    created = next(descendants(root, "Created"), None)
    try:
        found = datetime.fromisoformat((created.text or "").strip()) if created is not None else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _regions(page: etree._Element) -> list[etree._Element]:
    """Text regions, nested ones too, in the reading order where one is given; the others follow as they stand."""
    order = child(page, "ReadingOrder")
    references = [element.get("regionRef") for element in order.iter()] if order is not None else []
    rank = {reference: place for place, reference in enumerate(references) if reference is not None}
    found = list(descendants(page, "TextRegion"))
    return sorted(found, key=lambda region: rank.get(region.get("id", ""), len(rank)))


def _read_region(element: etree._Element) -> RegionGeometry | None:
    """None for what is only a run of lines."""
    notes = _notes(element)
    name = notes.get("id") or element.get("id", "")
    if "region" in notes or not name:
        return None
    kind = notes.get("kind") or element.get("type") or _custom(element, _STRUCTURE) or _TEXT
    return RegionGeometry(name, kind, opened(_read_points(element, "Coords")))


def _read_lines(element: etree._Element) -> Iterator[tuple[int | None, TranscribedLine]]:
    """The lines of a region, each with its place on the page if that is said."""
    region = _read_region(element)
    name = region.id if region is not None else _notes(element).get("region", _TEXT)
    lines = list(children(element, "TextLine"))
    places = [_custom(line, _READING_ORDER) for line in lines]
    if all(place is not None for place in places):
        lines.sort(key=lambda line: int(_custom(line, _READING_ORDER) or 0))
    return ((_position(line), _read_line(line, name, element.get("production", ""))) for line in lines)


def _position(line: etree._Element) -> int | None:
    said = _notes(line).get("position", "")
    return int(said) if said.isdecimal() and len(said) < 8 else None


def _read_line(line: etree._Element, region: str, production: str) -> TranscribedLine:
    notes = _notes(line)
    words = tuple(_read_word(word) for word in children(line, "Word"))
    readings = _readings(line)
    text, confidence = readings[0] if readings else (" ".join(word.text for word in words), None)
    baseline, polygon = _read_points(line, "Baseline"), opened(_read_points(line, "Coords"))
    unknown = notes.get("coords") == "unknown" or not (baseline or polygon)
    structure = _custom(line, _STRUCTURE)
    labels = child(line, "Labels")
    tags = [label.get("value", "") for label in children(labels, "Label")] if labels is not None else []
    return TranscribedLine(
        id=notes.get("id", line.get("id", "")),
        geometry=None
        if unknown
        else LineGeometry(baseline, polygon, region, _READ_AS.get(line.get("production", production), "")),
        text=text,
        confidence=confidence,
        words=words,
        author=notes.get("author", ""),
        writer=notes.get("writer", ""),
        tags=tuple([*tags, structure] if structure and structure not in tags else tags),
    )


def _read_word(word: etree._Element) -> TranscribedWord:
    readings = _readings(word)
    text, confidence = readings[0] if readings else ("", None)
    estimated = _notes(word).get("coords") == "estimated"
    polygon = () if estimated else opened(_read_points(word, "Coords"))
    return TranscribedWord(text, confidence, polygon or None, tuple(readings[1:]))


def _readings(element: etree._Element) -> list[tuple[str, float | None]]:
    """(text, confidence) of each TextEquiv, that with the lowest index first."""
    found = []
    for equiv in children(element, "TextEquiv"):
        holder = child(equiv, "Unicode")
        holder = holder if holder is not None else child(equiv, "PlainText")
        text = (holder.text or "") if holder is not None else ""
        found.append((number(equiv.get("index")) or 0.0, text, probability(equiv.get("conf"))))
    found.sort(key=lambda reading: reading[0])
    return [(text, confidence) for _, text, confidence in found]


def _read_points(element: etree._Element, name: str) -> tuple[Point, ...]:
    holder = child(element, name)
    if holder is None:
        return ()
    if "points" in holder.attrib:
        return points(holder.get("points"))
    # Before 2013 each point was an element of its own.
    return points(" ".join(f"{point.get('x')},{point.get('y')}" for point in children(holder, "Point")))


def _notes(element: etree._Element) -> dict[str, str]:
    holder = child(element, "UserDefined")
    if holder is None:
        return {}
    return {note.get("name", ""): note.get("value", "") for note in children(holder, "UserAttribute")}


def _custom(element: etree._Element, pattern: re.Pattern[str]) -> str | None:
    """A value in the ``custom`` attribute, as Transkribus and eScriptorium write it."""
    match = pattern.search(element.get("custom", ""))
    return match.group(1).strip() if match else None
