"""ALTO 4.4: words with their boxes, confidence and alternatives, and how the text came about.

The page's confidence is PC, a word's WC. A line that a person wrote says so with CS and points at the processing step
"corrected by a person", the others at those of the machine. An alternative's purpose is its share of the vote, where
that is known.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from transcription.formats.grouping import Group, Identifiers, groups_of
from transcription.formats.placing import Box, box_within, outline_of, word_boxes
from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord
from transcription.formats.xml_reading import printable
from transcription.htr.records import Point

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA_PLACE = f"{NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SOFTWARE = "Longhand"
_CORRECTED = "corrected by a person"


def write(page: TranscribedPage) -> bytes:
    """Return the page as ALTO that validates. What has no place gets an estimated one."""
    return _Writer(page).document()


class _Writer:
    def __init__(self, page: TranscribedPage) -> None:
        self.page = page
        self.size = max(1, page.size[0]), max(1, page.size[1])
        self.ids = Identifiers()
        self.machine = [self.ids.of("", "step_") for _ in page.provenance]
        self.person = self.ids.of("step_person", "step_")
        self.tags: dict[tuple[str, str], str] = {}

    def document(self) -> bytes:
        root = etree.Element(f"{{{NAMESPACE}}}alto", nsmap={None: NAMESPACE, "xsi": _XSI})  # type: ignore[dict-item]
        root.set("SCHEMAVERSION", "4.4")
        root.set(f"{{{_XSI}}}schemaLocation", _SCHEMA_PLACE)
        self._description(_add(root, "Description"))
        groups = groups_of(self.page)
        self._list_tags(root, groups)
        lines = {place: self.ids.of(line.id, "line_") for group in groups for place, line in group.lines}
        if lines:
            order = _add(_add(root, "ReadingOrder"), "OrderedGroup", ID=self.ids.of("order", "order_"))
            for place in sorted(lines):
                _add(order, "ElementRef", ID=self.ids.of("", "ref_"), REF=lines[place])
        self._layout(_add(root, "Layout"), groups, lines)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)

    def _description(self, description: etree._Element) -> None:
        _add(description, "MeasurementUnit").text = "pixel"
        source = _add(description, "sourceImageInformation")
        _add(source, "fileName").text = printable(self.page.image_name)
        for name, value in self.page.metadata.items():
            identifier = _add(source, "fileIdentifier", fileIdentifierLocation=name)
            identifier.text = printable(value)
        for step, (name, value) in zip(self.machine, self.page.provenance.items(), strict=True):
            self._step(description, step, "contentGeneration", name, value)
        self._step(description, self.person, "contentModification", _CORRECTED, "")

    def _step(self, description: etree._Element, step: str, category: str, name: str, value: str) -> None:
        processing = _add(description, "Processing", ID=step)
        _add(processing, "processingCategory").text = category
        _add(processing, "processingStepDescription").text = printable(name)
        if value:
            _add(processing, "processingStepSettings").text = printable(value)
        _add(_add(processing, "processingSoftware"), "softwareName").text = _SOFTWARE

    def _list_tags(self, root: etree._Element, groups: Sequence[Group]) -> None:
        wanted = [("StructureTag", group.kind) for group in groups]
        for group in groups:
            for _, line in group.lines:
                wanted += [("OtherTag", label) for label in _labels(line)]
        for kind, label in wanted:
            self.tags.setdefault((kind, label), "")
        if not self.tags:
            return
        tags = _add(root, "Tags")
        for kind, label in self.tags:
            self.tags[kind, label] = self.ids.of("", "tag_")
            _add(tags, kind, ID=self.tags[kind, label], LABEL=label)

    def _layout(self, layout: etree._Element, groups: Sequence[Group], lines: dict[int, str]) -> None:
        page = _add(layout, "Page", ID=self.ids.of("page", "page_"), PHYSICAL_IMG_NR="1")
        _place(page, (0, 0, *self.size), origin=False)
        confidence = self.page.metadata.get("confidence")
        if confidence:
            page.set("PC", confidence)
        if self.page.language:
            page.set("LANG", self.page.language)
        space = _add(page, "PrintSpace")
        _place(space, (0, 0, *self.size))
        for group in groups:
            self._block(space, group, lines)

    def _block(self, space: etree._Element, group: Group, lines: dict[int, str]) -> None:
        block = _add(space, "TextBlock", ID=self.ids.of(group.region.id if group.region else "", "block_"))
        block.set("TAGREFS", self.tags["StructureTag", group.kind])
        outline: Sequence[Point] = group.region.polygon if group.region else ()
        if len(outline) < 3:
            outline = [point for _, line in group.lines for point in outline_of(line.geometry, self.size)]
        _place(block, box_within(outline, self.size) if outline else (0, 0, *self.size))
        if group.region is not None and len(group.region.polygon) >= 3:
            self._shape(block, group.region.polygon)
        for place, line in group.lines:
            self._line(block, line, lines[place])

    def _line(self, block: etree._Element, line: TranscribedLine, line_id: str) -> None:
        element = _add(block, "TextLine", ID=line_id)
        if labels := _labels(line):
            element.set("TAGREFS", " ".join(self.tags["OtherTag", label] for label in labels))
        outline = outline_of(line.geometry, self.size)
        _place(element, box_within(outline, self.size))
        if line.geometry is not None and len(line.geometry.baseline) >= 2:
            element.set("BASELINE", self._points(line.geometry.baseline))
        steps = [self.person] if line.author == "person" else self.machine
        if steps:
            element.set("PROCESSINGREFS", " ".join(steps))
        if line.author:
            element.set("CS", "true" if line.author == "person" else "false")
        if line.geometry is not None and len(line.geometry.polygon) >= 3:
            self._shape(element, line.geometry.polygon)
        words = word_boxes(line, self.size) or [(TranscribedWord(""), box_within(outline, self.size))]
        for number, (word, place) in enumerate(words):
            if number:
                _add(element, "SP")
            self._string(element, word, place, line.confidence if len(words) == 1 else None)

    def _string(self, line: etree._Element, word: TranscribedWord, place: Box, of_line: float | None) -> None:
        string = _add(line, "String", ID=self.ids.of("", "word_"), CONTENT=word.text)
        _place(string, place)
        confidence = word.confidence if word.confidence is not None else of_line
        if confidence is not None:
            string.set("WC", f"{min(max(confidence, 0.0), 1.0):.4f}")
        if word.polygon is not None:
            self._shape(string, word.polygon)
        for text, share in word.alternatives:
            alternative = _add(string, "ALTERNATIVE")
            alternative.text = printable(text)
            if share is not None:
                alternative.set("PURPOSE", f"share {share:.4f}")

    def _shape(self, element: etree._Element, polygon: Sequence[Point]) -> None:
        _add(_add(element, "Shape"), "Polygon", POINTS=self._points(polygon))

    def _points(self, along: Sequence[Point]) -> str:
        width, height = self.size
        return " ".join(f"{min(max(x, 0), width)},{min(max(y, 0), height)}" for x, y in along)


def _labels(line: TranscribedLine) -> list[str]:
    production = line.geometry.production if line.geometry is not None else ""
    return list(dict.fromkeys(label for label in (production, *line.tags) if label))


def _add(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    for key, value in attributes.items():
        element.set(key, printable(value))
    return element


def _place(element: etree._Element, place: Box, *, origin: bool = True) -> None:
    left, top, right, bottom = place
    if origin:
        element.set("HPOS", str(left))
        element.set("VPOS", str(top))
    element.set("WIDTH", str(right - left))
    element.set("HEIGHT", str(bottom - top))
