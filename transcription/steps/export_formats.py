"""The formats that can be exported: one line each. A new one is a module in `formats` and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from transcription.errors import BadInput
from transcription.formats import (
    alto_writer,
    facing_docx,
    facing_html,
    hocr,
    iiif_writer,
    json_lines,
    originals,
    page_xml,
    plain_text,
    searchable_pdf,
    tables,
    tei,
    training_set,
)
from transcription.formats.writing import Writer, one_file_a_page


class Unit(Enum):
    """What a format's files are of. A part of an export holds whole units, so that it can be written by itself."""

    PAGE = "page"
    DOCUMENT = "document"
    COLLECTION = "collection"


Group = Promise | str
READING = _("To read")
PLACED = _("With places on the image")
DATA = _("As data")
KEEPING = _("To publish and to keep")


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format: its name and what it is for, as people read them. ``votes``: it needs what the vote knows of words.
    ``listed``: offered by itself, else only within a package, as are all that are ``packed``. ``literal``: never with
    normalised spelling."""

    label: Promise | str
    purpose: Promise | str
    group: Group
    unit: Unit
    write: Writer | None  # None: a package of others
    votes: bool = True
    listed: bool = True
    packed: bool = True
    asks_address: bool = False
    literal: bool = False


P, D, C = Unit.PAGE, Unit.DOCUMENT, Unit.COLLECTION
FORMATS: Mapping[str, ExportFormat] = {
    "txt": ExportFormat(
        _("Plain text, by page"),
        _("A file for each page, a line for each line: to read, search and quote."),
        READING,
        P,
        one_file_a_page("txt", plain_text.write),
        votes=False,
    ),
    "txt_document": ExportFormat(
        _("Plain text, by document"),
        _("A file for each document, its pages one after the other."),
        READING,
        D,
        plain_text.write_documents,
        votes=False,
    ),
    "pdf": ExportFormat(
        _("Searchable PDF"),
        _("The images, with their text under them: to search, select and read aloud anywhere."),
        READING,
        D,
        searchable_pdf.write,
    ),
    "docx": ExportFormat(
        _("Word, facing pages"),
        _("Image left, text right, to read and to work on in a word processor."),
        READING,
        D,
        facing_docx.write,
        votes=False,
    ),
    "html": ExportFormat(
        _("Web pages, facing"),
        _("Image and text side by side in any browser, without a server."),
        READING,
        D,
        facing_html.write,
        votes=False,
    ),
    "page_xml": ExportFormat(
        "PAGE XML 2019",
        _(
            "Baselines, outlines, words with confidence and alternatives: for Transkribus, eScriptorium and Longhand "
            "itself."
        ),
        PLACED,
        P,
        one_file_a_page("xml", page_xml.write),
    ),
    "alto": ExportFormat(
        "ALTO 4.4",
        _("Words with boxes and confidence, and how they were read: for digital libraries and METS packages."),
        PLACED,
        P,
        one_file_a_page("xml", alto_writer.write),
    ),
    "hocr": ExportFormat(
        "hOCR",
        _("Words with boxes, as web pages: for the tools around Tesseract and for search indexes."),
        PLACED,
        P,
        one_file_a_page("hocr", hocr.write),
    ),
    "tei": ExportFormat(
        "TEI P5",
        _("Text with struck, inserted, unclear and missing passages encoded, lines tied to the image: for editions."),
        PLACED,
        D,
        tei.write,
    ),
    "csv_lines": ExportFormat(
        _("CSV, by line"), _("A row for each line with its place and confidence."), DATA, C, tables.write_csv_lines
    ),
    "csv_pages": ExportFormat(
        _("CSV, by page"), _("A row for each page with its text."), DATA, C, tables.write_csv_pages
    ),
    "xlsx": ExportFormat(_("Excel workbook"), _("A sheet of pages and a sheet of lines."), DATA, C, tables.write_xlsx),
    "jsonl": ExportFormat(
        "JSON Lines",
        _("A line of JSON for each page with everything that is known of it: for programs."),
        DATA,
        C,
        json_lines.write,
    ),
    "training": ExportFormat(
        _("Training set"),
        _("Images of lines with their text, of lines that people typed only: to train a recogniser."),
        DATA,
        D,
        training_set.write,
        votes=False,
        literal=True,
    ),
    "iiif": ExportFormat(
        _("IIIF manifests"),
        _("Manifests with images and Web Annotations, to put on a web server and open in any viewer."),
        KEEPING,
        D,
        iiif_writer.write,
        votes=False,
        asks_address=True,
    ),
    "originals": ExportFormat(
        _("Originals"), _("The files as they were received."), KEEPING, D, originals.write, votes=False, listed=False
    ),
    "provenance": ExportFormat(
        _("Provenance"),
        _("How each text came about, revision by revision."),
        KEEPING,
        C,
        json_lines.write_history,
        listed=False,
    ),
    "package": ExportFormat(
        _("Preservation package"),
        _("A BagIt package: originals, every format, provenance and checksums, checked before you get it."),
        KEEPING,
        D,
        None,
        packed=False,
        asks_address=True,
        literal=True,
    ),
}
MEMBERS = [code for code, each in FORMATS.items() if each.packed]


def format_of(code: str) -> ExportFormat:
    """A format that can be asked for. Raises BadInput ``unknown-format``."""
    found = FORMATS.get(code)
    if found is None or not found.listed:
        known = ", ".join(listed_formats())
        raise BadInput(f"There is no export format “{code}”: choose one of {known}.", code="unknown-format")
    return found


def listed_formats() -> dict[str, ExportFormat]:
    return {code: each for code, each in FORMATS.items() if each.listed}


def members_of(code: str) -> list[str]:
    """The formats that an export of this one writes."""
    return MEMBERS if FORMATS[code].write is None else [code]
