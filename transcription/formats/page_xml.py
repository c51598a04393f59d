"""PAGE XML: written as 2019-07-15, read in any of its versions.

Document order is reading order: each run of lines of one region is one TextRegion. What PAGE has no place for stands
in UserDefined: who wrote a line (author), whether a word's outline is only estimated from its line (coords).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from lxml import etree

from transcription.errors import BadInput
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
from transcription.htr.records import LineGeometry, Point

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_SCHEMA_PLACE = f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_CREATOR = "Longhand"
_TEXT = "text"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_STRUCTURE = re.compile(r"structure\s*\{[^}]*?type\s*:\s*([^;}]+)")
_READING_ORDER = re.compile(r"readingOrder\s*\{[^}]*?index\s*:\s*(\d+)")
# Region names that PAGE knows as kinds of text.
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
    """Builds one document; keeps which xml:ids are taken."""

    def __init__(self, page: TranscribedPage) -> None:
        self.page = page
        self.width, self.height = (max(1, side) for side in page.size)
        self.taken: set[str] = set()

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
        regions = [
            (self._id(f"r{number}", "r"), name, list(lines))
            for number, (name, lines) in enumerate(groupby(self.page.lines, _region_of), 1)
        ]
        if regions:
            group = _add(_add(page, "ReadingOrder"), "OrderedGroup", id=self._id("reading_order", "order"))
            for index, (region_id, _, _) in enumerate(regions):
                _add(group, "RegionRefIndexed", index=str(index), regionRef=region_id)
        # PAGE knows languages by name, without their region or script: the whole tag stands beside it.
        _user_defined(page, {"name": self.page.name} | ({"language": self.page.language} if self.page.language else {}))
        for region_id, name, lines in regions:
            self._region(page, region_id, name, lines)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)

    def _metadata(self, metadata: etree._Element) -> None:
        created = (self.page.created or datetime.now(UTC)).astimezone(UTC).isoformat()
        _add(metadata, "Creator").text = _CREATOR
        _add(metadata, "Created").text = created
        _add(metadata, "LastChange").text = created
        for type_, items in (("other", self.page.metadata), ("processingStep", self.page.provenance)):
            for name, value in items.items():
                _add(metadata, "MetadataItem", type=type_, name=name, value=value)

    def _region(self, page: etree._Element, region_id: str, name: str, lines: Sequence[TranscribedLine]) -> None:
        region = _add(page, "TextRegion", id=region_id)
        if name in _TEXT_TYPES:
            region.set("type", name)
        outlines = [self._outline(line.geometry) for line in lines]
        self._coords(region, _box([point for outline in outlines for point in outline]))
        _user_defined(region, {"region": name})
        for line, outline in zip(lines, outlines, strict=True):
            self._line(region, line, outline)
        _text_equiv(region, "\n".join(line.text for line in lines))

    def _line(self, region: etree._Element, line: TranscribedLine, outline: tuple[Point, ...]) -> None:
        line_id = self._id(line.id, "l")
        element = _add(region, "TextLine", id=line_id)
        self._coords(element, outline)
        if line.geometry is not None and len(line.geometry.baseline) >= 2:
            _add(element, "Baseline", points=self._points(line.geometry.baseline))
        for word, estimate in zip(line.words, _slices(line.words, outline), strict=True):
            self._word(element, line_id, word, estimate)
        _text_equiv(element, line.text, line.confidence)
        notes = {"author": line.author} if line.author else {}
        if line_id != line.id:
            notes["id"] = line.id
        if line.geometry is None or not (line.geometry.baseline or line.geometry.polygon):
            notes["coords"] = "unknown"
        _user_defined(element, notes)
        if line.tags:
            labels = _add(element, "Labels")
            for tag in line.tags:
                _add(labels, "Label", value=tag, type="tag")

    def _word(self, line: etree._Element, line_id: str, word: TranscribedWord, estimate: tuple[Point, ...]) -> None:
        element = _add(line, "Word", id=self._id("", f"{line_id}_w"))
        measured = word.polygon is not None and len(word.polygon) >= 3
        self._coords(element, word.polygon if measured and word.polygon else estimate)
        several = bool(word.alternatives)
        _text_equiv(element, word.text, word.confidence, 0 if several else None)
        for index, (text, confidence) in enumerate(word.alternatives, 1):
            _text_equiv(element, text, confidence, index)
        if not measured:
            _user_defined(element, {"coords": "estimated"})

    def _outline(self, geometry: LineGeometry | None) -> tuple[Point, ...]:
        if geometry is not None and len(geometry.polygon) >= 3:
            return geometry.polygon
        if geometry is not None and (known := geometry.baseline + geometry.polygon):
            left, top = known[0]
            return _box((*known, (left, top - max(8, self.height // 60))))  # letters stand above their baseline
        return ((0, 0), (self.width, 0), (self.width, self.height), (0, self.height))

    def _coords(self, element: etree._Element, polygon: Sequence[Point]) -> None:
        _add(element, "Coords", points=self._points(polygon))

    def _points(self, along: Sequence[Point]) -> str:
        return " ".join(f"{min(max(x, 0), self.width)},{min(max(y, 0), self.height)}" for x, y in along)

    def _id(self, wish: str, prefix: str) -> str:
        """An xml:id nobody has yet: ``wish`` if it can be one, else the prefix with a number."""
        found, number = wish, 0
        while found in self.taken or not _NAME.fullmatch(found):
            number += 1
            found = f"{prefix}{number}"
        self.taken.add(found)
        return found


def _region_of(line: TranscribedLine) -> str:
    return line.geometry.region if line.geometry is not None else _TEXT


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


def _box(around: Sequence[Point]) -> tuple[Point, ...]:
    left, right = min(x for x, _ in around), max(x for x, _ in around)
    top, bottom = min(y for _, y in around), max(y for _, y in around)
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _slices(words: Sequence[TranscribedWord], outline: Sequence[Point]) -> Iterator[tuple[Point, ...]]:
    """Where each word would stand if all characters of the line were equally wide."""
    (left, top), _, (right, bottom), _ = _box(outline)
    total = max(1, sum(len(word.text) + 1 for word in words) - 1)
    done = 0
    for word in words:
        start = left + (right - left) * done // total
        end = left + (right - left) * (done + len(word.text)) // total
        yield (start, top), (end, top), (end, bottom), (start, bottom)
        done += len(word.text) + 1


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
    return TranscribedPage(
        name=_notes(page).get("name", name),
        image_name=page.get("imageFilename", ""),
        size=(max(0, round(width)), max(0, round(height))),
        lines=tuple(line for region in _regions(page) for line in _read_lines(region)),
        metadata=metadata,
        provenance=provenance,
        created=_read_created(root),
        language=_notes(page).get("language", language_tag(page.get("primaryLanguage", ""))),
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


def _read_lines(region: etree._Element) -> Iterator[TranscribedLine]:
    name = _notes(region).get("region") or region.get("type") or _custom(region, _STRUCTURE) or _TEXT
    lines = list(children(region, "TextLine"))
    places = [_custom(line, _READING_ORDER) for line in lines]
    if all(place is not None for place in places):
        lines.sort(key=lambda line: int(_custom(line, _READING_ORDER) or 0))
    return (_read_line(line, name) for line in lines)


def _read_line(line: etree._Element, region: str) -> TranscribedLine:
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
        geometry=None if unknown else LineGeometry(baseline, polygon, region),
        text=text,
        confidence=confidence,
        words=words,
        author=notes.get("author", ""),
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
