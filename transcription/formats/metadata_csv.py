"""What a catalogue says of documents, as a CSV file: one row a document, headings first, UTF-8.

A row names its document by ``id``, by ``document`` (its present title: a folder's or a file's name), by ``identifier``
or, where there is no such column, by ``title``. An empty cell changes nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from transcription.errors import BadInput
from transcription.formats.kinds import safe_name
from transcription.formats.spreadsheet import inert_cell, without_apostrophe
from transcription.formats.text_file import decoded_text

LARGEST_FILE = 16 * 2**20  # bytes
MOST_ROWS = 100_000
FIELDS = ("title", "identifier", "dates", "creator", "rights")
KEYS = ("id", "document", "identifier", "title")
COLUMNS = ("id", "document", *FIELDS)
_DELIMITERS = "\t;,"
_HEADINGS = {
    **{name: name for name in COLUMNS},
    **dict.fromkeys(("file", "folder", "filename", "dossier", "fichier"), "document"),
    **dict.fromkeys(("call number", "shelfmark", "reference", "cote", "identifiant"), "identifier"),
    **dict.fromkeys(("date", "year", "years", "année", "années"), "dates"),
    **dict.fromkeys(("creators", "author", "authors", "auteur", "créateur"), "creator"),
    **dict.fromkeys(("licence", "license", "droits"), "rights"),
    **dict.fromkeys(("titre", "name"), "title"),
}


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """``line`` is that of the file, 1-based; ``key`` is the column that names the document and what stands in it."""

    line: int
    key: tuple[str, str]
    values: dict[str, str] = field(default_factory=dict)


def read_metadata(data: bytes, name: str) -> list[MetadataRow]:
    """Raises BadInput for a file that is no such table; a row without a key is left out only if it is all blank."""
    name = safe_name(name)
    text = decoded_text(data, name, most=LARGEST_FILE)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[MetadataRow] = []
    columns: dict[str, int] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells, name)
                continue
            rows.append(_row(cells, columns, reader.line_num))
            if len(rows) > MOST_ROWS:
                raise BadInput(f"“{name}” has more than {MOST_ROWS:,} rows. Split it into several.", code="too-large")
    except csv.Error as error:
        raise BadInput(
            f"“{name}” cannot be read as CSV from line {reader.line_num:,} on ({error}). Save it again from a "
            "spreadsheet as “CSV UTF-8”.",
            code="not-csv",
        ) from error
    return rows


def _columns(cells: list[str], name: str) -> dict[str, int]:
    words = [" ".join(cell.casefold().split()) for cell in cells]
    columns: dict[str, int] = {}
    for at, word in enumerate(words):
        if word in _HEADINGS:
            columns.setdefault(_HEADINGS[word], at)
    if not columns.keys() & set(KEYS) or len(columns) < 2:
        raise BadInput(
            f"“{name}” does not say in its first line what its columns are. Name them {', '.join(COLUMNS)}: one of id, "
            "document, identifier or title that says which document is meant, and what is to be set.",
            code="no-headings",
        )
    return columns


def _row(cells: list[str], columns: dict[str, int], line: int) -> MetadataRow:
    found = {
        column: " ".join(without_apostrophe(cells[at].strip()).split())
        for column, at in columns.items()
        if at < len(cells)
    }
    found = {column: value for column, value in found.items() if value}
    key = next((column for column in KEYS if column in columns), KEYS[0])
    return MetadataRow(
        line,
        (key, found.get(key, "")),
        {column: value for column, value in found.items() if column in FIELDS and column != key},
    )


def write_metadata(rows: Iterable[Iterable[object]]) -> Iterator[bytes]:
    """A table with all columns, as ``read_metadata`` takes it; ``rows`` are values in the order of COLUMNS."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([inert_cell(str(value)) for value in row])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()
