"""Pages to read and to work on in a word processor: image left, text right, a page of paper for each page.

Struck text is struck through, inserted text double underlined, an unclear word has a dotted line and [?], what cannot
be read is […]. A document of more than ``PAGES_A_FILE`` pages becomes several files: word processors, and the library
that writes for them, keep a file in memory as a whole.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import chain, islice

from docx import Document
from docx.document import Document as Docx
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_UNDERLINE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from transcription.formats.jpeg import with_jfif
from transcription.formats.writing import DocumentToWrite, Folder, Manner, PageToWrite, by_document
from transcription.formats.xml_reading import printable
from transcription.htr.marked_text import Piece, pieces
from transcription.htr.text import ILLEGIBLE, UNCLEAR

PAGES_A_FILE = 100
IMAGE_SIDE = 1400  # pixels
_PAPER = Mm(297), Mm(210)
_MARGIN = Mm(15)
_COLUMN = Mm(128)
_HIGHEST = Mm(165)  # of an image: it must leave room for its heading
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")


def write(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    for document, of_document in by_document(pages):
        for number, begins in enumerate(of_document, 1):
            docx = _begun(document)
            for index, each in enumerate(chain([begins], islice(of_document, PAGES_A_FILE - 1))):
                _add_page(docx, each, first=not index)
            suffix = f"_{number:02}" if number > 1 else ""
            made = io.BytesIO()
            docx.save(made)
            with folder.file(f"{document.name}{suffix}.docx", packed=True) as file:
                file.write(made.getbuffer())


def _begun(document: DocumentToWrite) -> Docx:
    docx = Document()
    properties = docx.core_properties
    properties.title, properties.author = printable(document.title)[:255], printable(document.creator)[:255]
    properties.comments = printable(document.rights)[:255]
    section = docx.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = _PAPER
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = _MARGIN
    style = docx.styles["Normal"]
    style.font.name, style.font.size = "Georgia", Pt(10.5)
    style.paragraph_format.space_after = Pt(0)
    return docx


def _add_page(docx: Docx, each: PageToWrite, *, first: bool) -> None:
    heading = docx.add_paragraph()
    heading.paragraph_format.page_break_before = not first
    heading.paragraph_format.space_after = Pt(4)
    said = heading.add_run(printable(f"{each.document.title} · {each.label}"))
    said.font.size, said.font.color.rgb = Pt(8.5), RGBColor(0x5C, 0x5F, 0x63)
    table = docx.add_table(rows=1, cols=2)
    table.autofit = False
    image_cell, text_cell = table.rows[0].cells
    for cell in (image_cell, text_cell):
        cell.width = _COLUMN
    picture = each.image.reduced(IMAGE_SIDE)
    image = io.BytesIO(with_jfif(picture.data))
    run = image_cell.paragraphs[0].add_run()
    if picture.height * _COLUMN > picture.width * _HIGHEST:
        run.add_picture(image, height=_HIGHEST)
    else:
        run.add_picture(image, width=Mm(_COLUMN.mm - 4))
    paragraph = text_cell.paragraphs[0]
    for index, line in enumerate(each.page.lines):
        if index:
            paragraph = text_cell.add_paragraph()
        for piece in pieces(line.text):
            _add_piece(paragraph, piece)
        if _RIGHT_TO_LEFT.search(line.text):
            paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))


def _add_piece(paragraph: Paragraph, piece: Piece) -> None:
    run = paragraph.add_run(printable(ILLEGIBLE if piece.gap else piece.text))
    run.font.strike = piece.struck or None
    if piece.inserted:
        run.font.underline = WD_UNDERLINE.DOUBLE
    if piece.unclear:
        run.font.underline = WD_UNDERLINE.DOTTED
        paragraph.add_run(UNCLEAR)
    if _RIGHT_TO_LEFT.search(piece.text):
        properties = run._r.get_or_add_rPr()
        mark = OxmlElement("w:rtl")
        mark.set(qn("w:val"), "1")
        properties.append(mark)
