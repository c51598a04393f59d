"""TEI P5, one file a document: facsimile with a zone for each region and line, and the text with its marks encoded.

⟦x⟧ is <del>, ⸢x⸣ <add>, x[?] <unclear>, […] <gap reason="illegible"/>. A line is an <lb> that points at its zone; its
@cert is the machine's confidence, its @resp says whether a person or the machine wrote it. Pages are written as they
come; the text waits in a temporary file until the facsimile before it is complete.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote

from lxml import etree
from lxml.builder import E

from transcription.formats.grouping import Group, Identifiers, groups_of
from transcription.formats.placing import box_within, outline_of
from transcription.formats.records import TranscribedLine
from transcription.formats.writing import DocumentToWrite, Folder, Manner, PageToWrite, by_document
from transcription.formats.xml_reading import printable
from transcription.htr.marked_text import Piece, pieces
from transcription.htr.records import Point

NAMESPACE = "http://www.tei-c.org/ns/1.0"
_IN_MEMORY = 4 << 20  # bytes of text
_ID = "{http://www.w3.org/XML/1998/namespace}id"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def write(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    for document, of_document in by_document(pages):
        first = next(of_document)
        ids = Identifiers({"machine", "person", "import"})
        with (
            folder.file(f"{document.name}.xml") as file,
            tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body,
        ):
            file.write(b'<?xml version="1.0" encoding="UTF-8"?>\n')
            file.write(f'<TEI xmlns="{NAMESPACE}">'.encode())
            file.write(_plain(_header(document, first, manner)))
            file.write(b"<facsimile>")
            for each in chain([first], of_document):
                surface, text = _page(each, ids)
                file.write(_plain(surface))
                body.write(_plain(text))
            file.write(b"</facsimile>")
            language = f' xml:lang="{document.language}"' if document.language else ""
            file.write(f"<text{language}><body>".encode())
            body.seek(0)
            shutil.copyfileobj(body, file)
            file.write(b"</body></text></TEI>\n")


def _plain(element: etree._Element) -> bytes:
    """The element without a namespace of its own: it stands within the one that the root declares."""
    return etree.tostring(element, encoding="utf-8") + b"\n"


def _header(document: DocumentToWrite, first: PageToWrite, manner: Manner) -> etree._Element:
    facts = E.bibl(E.title(printable(document.title)))
    for tag, value in (("author", document.creator), ("date", document.dates)):
        if value:
            facts.append(E(tag, printable(value)))
    if document.identifier:
        facts.append(E.idno(printable(document.identifier)))
    if document.collection:
        facts.append(E.note(printable(document.collection), type="collection"))
    applied = [
        E.application(E.desc(printable(f"{name}: {value}")), ident="Longhand", version="1", type=f"step{number}")
        for number, (name, value) in enumerate(first.page.provenance.items(), 1)
    ]
    how = "normalised" if manner.normalised else "diplomatic; marks of the transcription are encoded"
    header: etree._Element = E.teiHeader(
        E.fileDesc(
            E.titleStmt(
                E.title(printable(document.title)),
                _responsible("machine", "read by machine, in several passes that voted"),
                _responsible("person", "typed or corrected by a person"),
                _responsible("import", "placed from a transcript that was brought"),
            ),
            E.publicationStmt(
                E.publisher(printable(document.collection or "unknown")),
                E.availability(E.p(printable(document.rights or "Ask the owner of the originals."))),
            ),
            E.sourceDesc(facts),
        ),
        E.encodingDesc(E.editorialDecl(E.p(f"Text: {how}.")), *([E.appInfo(*applied)] if applied else [])),
    )
    return header


def _responsible(key: str, what: str) -> etree._Element:
    element: etree._Element = E.respStmt(E.resp(what), E.name(key))
    element.set(_ID, key)
    return element


def _page(each: PageToWrite, ids: Identifiers) -> tuple[etree._Element, etree._Element]:
    """The surface of a page with its zones, and its text."""
    page = each.page
    size = max(1, page.size[0]), max(1, page.size[1])
    surface: etree._Element = E.surface(
        E.graphic(url=_url(page.image_name), width=f"{size[0]}px", height=f"{size[1]}px"),
        ulx="0",
        uly="0",
        lrx=str(size[0]),
        lry=str(size[1]),
    )
    surface_id = ids.of("", "surface_")
    surface.set(_ID, surface_id)
    text: etree._Element = E.div(E.pb(n=str(each.number), facs=f"#{surface_id}"), type="page")
    for group in groups_of(page):
        zone_id = ids.of("", "region_")
        surface.append(_zone(zone_id, "region", _around(group, size), size))
        part = etree.SubElement(text, "ab", type=_token(group.kind), facs=f"#{zone_id}")
        for number, line in group.lines:
            line_id = ids.of("", "line_")
            zone = _zone(line_id, "line", outline_of(line.geometry, size), size)
            surface.append(zone)
            _line(part, line, number, line_id)
    if len(text) == 1:
        etree.SubElement(text, "ab")
    return surface, text


def _url(name: str) -> str:
    """A file's name as a relative address: TEI's pointers have no blanks."""
    return quote(printable(name)) or "unknown"


def _token(kind: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in printable(kind)) or "text"


def _around(group: Group, size: tuple[int, int]) -> tuple[Point, ...]:
    if group.region is not None and len(group.region.polygon) >= 3:
        return group.region.polygon
    return tuple(point for _, line in group.lines for point in outline_of(line.geometry, size)) or ((0, 0), size)


def _zone(zone_id: str, kind: str, outline: tuple[Point, ...], size: tuple[int, int]) -> etree._Element:
    left, top, right, bottom = box_within(outline, size)
    zone: etree._Element = E.zone(type=kind, ulx=str(left), uly=str(top), lrx=str(right), lry=str(bottom))
    if len(outline) >= 3 and kind == "line":
        zone.set("points", " ".join(f"{max(0, x)},{max(0, y)}" for x, y in outline))
    zone.set(_ID, zone_id)
    return zone


def _line(part: etree._Element, line: TranscribedLine, number: int, zone_id: str) -> None:
    # White space before <lb> says that words end with their line.
    if len(part):
        part[-1].tail = (part[-1].tail or "") + "\n"
    else:
        part.text = "\n"
    start = etree.SubElement(part, "lb", n=str(number), facs=f"#{zone_id}")
    if line.confidence is not None:
        start.set("cert", f"{min(max(line.confidence, 0.0), 1.0):.3f}")
    if line.author:
        start.set("resp", {"person": "#person", "import": "#import"}.get(line.author, "#machine"))
    for piece in pieces(line.text):
        _append(part, piece)


def _append(part: etree._Element, piece: Piece) -> None:
    wrappers = [("del", piece.struck), ("add", piece.inserted), ("unclear", piece.unclear)]
    holder = part
    for tag in [tag for tag, holds in wrappers if holds]:
        holder = etree.SubElement(holder, tag)
    if piece.gap:
        etree.SubElement(holder, "gap", reason="illegible")
    elif holder is part:
        part[-1].tail = (part[-1].tail or "") + printable(piece.text)
    else:
        holder.text = printable(piece.text)
