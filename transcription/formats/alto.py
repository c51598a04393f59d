"""Reading ALTO 2 to 4, as eScriptorium and digital libraries write it."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from transcription.errors import BadInput
from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord, production_of
from transcription.formats.xml_reading import (
    child,
    children,
    descendants,
    local_name,
    number,
    opened,
    parse,
    points,
    probability,
)
from transcription.htr.records import LineGeometry, Point

_TEXT = "text"


def read(data: bytes, name: str = "ALTO") -> TranscribedPage:
    """Return the first page of an ALTO file. Measures other than pixels leave lines without a place.

    Raises BadInput: ``not-xml``, ``doctype``, ``too-large``, ``not-alto``.
    """
    return from_root(parse(data, name), name)


def from_root(root: etree._Element, name: str) -> TranscribedPage:
    page = next(descendants(root, "Page"), None)
    if local_name(root) != "alto" or page is None:
        raise BadInput(f"“{name}” is not ALTO: it has no alto element with a Page.", code="not-alto")
    labels = {
        tag.get("ID", ""): tag.get("LABEL", "") for tags in children(root, "Tags") for tag in tags if local_name(tag)
    }
    unit = next(descendants(root, "MeasurementUnit"), None)
    in_pixels = unit is None or (unit.text or "").strip().lower() == "pixel"
    image = next(descendants(root, "fileName"), None)
    width, height = (number(page.get(key)) or 0 for key in ("WIDTH", "HEIGHT"))
    lines = [
        _read_line(line, _labels(block, labels)[:1] or (_TEXT,), labels, in_pixels)
        for block in descendants(page, "TextBlock")
        for line in children(block, "TextLine")
    ]
    return TranscribedPage(
        name=name,
        image_name=(image.text or "").strip() if image is not None else "",
        size=(max(0, round(width)), max(0, round(height))) if in_pixels else (0, 0),
        lines=tuple(_in_reading_order(root, page, lines)),
    )


def _in_reading_order(
    root: etree._Element, page: etree._Element, lines: list[TranscribedLine]
) -> list[TranscribedLine]:
    """By the ReadingOrder of ALTO 4.3, which may name lines or blocks; what it does not name follows as it stands."""
    references = [element.get("REF", "") for element in descendants(root, "ElementRef")]
    if not references:
        return lines
    rank = {reference: place for place, reference in enumerate(references)}
    for block in descendants(page, "TextBlock"):
        for line in children(block, "TextLine"):
            if block.get("ID") in rank:
                rank.setdefault(line.get("ID", ""), rank[block.get("ID", "")])
    return sorted(lines, key=lambda line: rank.get(line.id, len(references)))


def _read_line(
    line: etree._Element, region: tuple[str, ...], labels: dict[str, str], in_pixels: bool
) -> TranscribedLine:
    strings = list(children(line, "String"))
    # eScriptorium writes a line as one String; then it is no word.
    tags = _labels(line, labels)
    whole = len(strings) == 1 and " " in strings[0].get("CONTENT", "").strip()
    return TranscribedLine(
        id=line.get("ID", ""),
        geometry=_geometry(line, region[0], production_of(tags)) if in_pixels else None,
        text="".join(_pieces(line)).strip(),
        confidence=probability(strings[0].get("WC")) if len(strings) == 1 else None,
        words=() if whole else tuple(_read_word(string, in_pixels) for string in strings if string.get("CONTENT")),
        tags=tags,
    )


def _pieces(line: etree._Element) -> Iterator[str]:
    """A line's text: words with a space between them, said or unsaid, and the hyphen at its end."""
    spaced = True
    for element in line:
        match local_name(element):
            case "String":
                yield ("" if spaced else " ") + element.get("CONTENT", "")
                spaced = False
            case "SP":
                yield "" if spaced else " "
                spaced = True
            case "HYP":
                yield element.get("CONTENT", "-")


def _read_word(string: etree._Element, in_pixels: bool) -> TranscribedWord:
    alternatives = tuple((alternative.text or "", None) for alternative in children(string, "ALTERNATIVE"))
    polygon = _outline(string) if in_pixels else ()
    return TranscribedWord(string.get("CONTENT", ""), probability(string.get("WC")), polygon or None, alternatives)


def _geometry(line: etree._Element, region: str, production: str) -> LineGeometry | None:
    outline = _outline(line)
    baseline = points(line.get("BASELINE"))
    height = number(line.get("BASELINE"))
    if height is not None and outline:  # before ALTO 4 a baseline was one height
        xs = [x for x, _ in outline]
        baseline = ((min(xs), round(height)), (max(xs), round(height)))
    return LineGeometry(baseline, outline, region, production) if outline or len(baseline) >= 2 else None


def _outline(element: etree._Element) -> tuple[Point, ...]:
    """The polygon where there is one, else the box."""
    shape = child(element, "Shape")
    polygon = child(shape, "Polygon") if shape is not None else None
    if polygon is not None and (found := opened(points(polygon.get("POINTS")))):
        return found
    left, top, width, height = (number(element.get(key)) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    if left is None or top is None or not width or not height:
        return ()
    right, bottom = round(left + width), round(top + height)
    return ((round(left), round(top)), (right, round(top)), (right, bottom), (round(left), bottom))


def _labels(element: etree._Element, labels: dict[str, str]) -> tuple[str, ...]:
    references = element.get("TAGREFS", "").split()
    return tuple(labels[reference] for reference in references if labels.get(reference))
