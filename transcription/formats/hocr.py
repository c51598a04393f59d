"""hOCR 1.2, one page a file: ocr_page, ocr_carea, ocr_line, ocrx_word.

A word's x_wconf is its confidence in percent. Struck and inserted text is <del> and <ins>; other marks stay as they are
written. Alternatives are left out: hOCR would have them among the text, where most readers take them for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree
from lxml.builder import E

from transcription.formats.grouping import Group, Identifiers, groups_of
from transcription.formats.placing import Box, box_within, outline_of, word_boxes
from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord
from transcription.formats.xml_reading import printable
from transcription.htr.geometry import angle
from transcription.htr.marked_text import Piece, pieces_of_words
from transcription.htr.records import Point
from transcription.htr.text import ILLEGIBLE, UNCLEAR

CAPABILITIES = "ocr_page ocr_carea ocr_line ocrx_word ocrp_dir ocrp_wconf"
_XHTML = "http://www.w3.org/1999/xhtml"


def write(page: TranscribedPage) -> bytes:
    """Return the page as XHTML."""
    size = max(1, page.size[0]), max(1, page.size[1])
    ids = Identifiers()
    body = E.body(
        E.div(
            {"class": "ocr_page", "id": ids.of("page_1", "page_"), "title": _page_title(page, size)},
            *(_area(group, size, ids) for group in groups_of(page)),
        )
    )
    language = {"lang": page.language} if page.language else {}
    root = E.html(
        {"xmlns": _XHTML} | language,
        E.head(
            E.title(printable(page.name)),
            E.meta({"http-equiv": "Content-Type", "content": "text/html; charset=utf-8"}),
            E.meta({"name": "ocr-system", "content": "Longhand"}),
            E.meta({"name": "ocr-capabilities", "content": CAPABILITIES}),
            E.meta({"name": "ocr-number-of-pages", "content": "1"}),
            *([E.meta({"name": "ocr-langs", "content": page.language})] if page.language else []),
            *(
                E.meta({"name": f"longhand.{name}", "content": printable(value)})
                for name, value in page.metadata.items()
            ),
        ),
        body,
    )
    return etree.tostring(
        root,
        xml_declaration=True,
        encoding="UTF-8",
        doctype='<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
    )


def _page_title(page: TranscribedPage, size: tuple[int, int]) -> str:
    # A title's parts are parted by semicolons and its strings by quotes: no file's name may end either.
    name = printable(page.image_name).replace("\\", "/").replace('"', "'").replace(";", ",")
    return f'image "{name}"; {_bbox((0, 0, *size))}; ppageno 0'


def _bbox(place: Box) -> str:
    return "bbox " + " ".join(map(str, place))


def _area(group: Group, size: tuple[int, int], ids: Identifiers) -> etree._Element:
    outline: Sequence[Point] = group.region.polygon if group.region else ()
    outline = outline or [point for _, line in group.lines for point in outline_of(line.geometry, size)]
    area: etree._Element = E.div(
        {
            "class": "ocr_carea",
            "id": ids.of(group.region.id if group.region else "", "block_"),
            "title": _bbox(box_within(outline, size) if outline else (0, 0, *size)),
        },
        *(_line(line, size, ids) for _, line in group.lines),
    )
    return area


def _line(line: TranscribedLine, size: tuple[int, int], ids: Identifiers) -> etree._Element:
    place = box_within(outline_of(line.geometry, size), size)
    title = _bbox(place) + _baseline(line, place)
    element: etree._Element = E.span({"class": "ocr_line", "id": ids.of(line.id, "line_"), "title": title})
    element.set("dir", "auto")
    element.text = ""  # <span/> would stay open where this is read as HTML
    words = word_boxes(line, size)
    parted = pieces_of_words([word.text for word, _ in words])
    for (word, box), pieces in zip(words, parted, strict=True):
        if len(element):
            element[-1].tail = " "
        element.append(_word(word, box, pieces, ids))
    return element


def _baseline(line: TranscribedLine, place: Box) -> str:
    """Slope and offset from the box's lower left corner, as hOCR has it; it knows straight lines only."""
    known = line.geometry.baseline if line.geometry is not None else ()
    if len(known) < 2:
        return ""
    slope = angle(known)
    if abs(slope) > 0.8:
        return f"; textangle {-slope * 57.29578:.2f}"
    left, _, _, bottom = place
    x, y = (sum(axis) / len(known) for axis in zip(*known, strict=True))
    return f"; baseline {slope:.4f} {y - slope * (x - left) - bottom:.0f}"


def _word(word: TranscribedWord, place: Box, pieces: Sequence[Piece], ids: Identifiers) -> etree._Element:
    title = _bbox(place)
    if word.confidence is not None:
        title += f"; x_wconf {100 * word.confidence:.0f}"
    element: etree._Element = E.span({"class": "ocrx_word", "id": ids.of("", "word_"), "title": title})
    for piece in pieces:
        _append(element, piece)
    return element


def _append(parent: etree._Element, piece: Piece) -> None:
    text = printable(ILLEGIBLE if piece.gap else piece.text + (UNCLEAR if piece.unclear else ""))
    for tag in [tag for tag, holds in (("del", piece.struck), ("ins", piece.inserted)) if holds]:
        parent = etree.SubElement(parent, tag)
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
