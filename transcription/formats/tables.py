"""Texts as tables: CSV and XLSX, a row for each line or for each page.

What a spreadsheet would run as a formula is made harmless (CSV), or written as text (XLSX).
"""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from transcription.formats.spreadsheet import inert_cell
from transcription.formats.writing import Folder, Manner, PageToWrite
from transcription.formats.xml_reading import printable

Cell = str | int | float
_PAGE = ("document", "page", "image", "original SHA-256", "state", "page confidence")
LINE_COLUMNS = (*_PAGE, "line", "line id", "region", "text", "confidence", "author", "x", "y", "width", "height")
PAGE_COLUMNS = (*_PAGE, "lines", "lines by people", "characters", "text")
_MOST_ROWS = 1_048_576  # of a sheet
_LONGEST = 32_767  # characters of a cell
_BOM = b"\xef\xbb\xbf"  # without it spreadsheets take UTF-8 for their own encoding


def write_csv_lines(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    _write_csv("lines.csv", LINE_COLUMNS, (row for page in pages for row in line_rows(page)), folder)


def write_csv_pages(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    _write_csv("pages.csv", PAGE_COLUMNS, map(page_row, pages), folder)


def _write_csv(name: str, columns: Sequence[str], rows: Iterator[Sequence[Cell]], folder: Folder) -> None:
    with folder.file(name) as file:
        file.write(_BOM)
        for row in chain([columns], rows):
            line = io.StringIO()
            cells = [inert_cell(cell.replace("\x00", "")) if isinstance(cell, str) else cell for cell in row]
            csv.writer(line, lineterminator="\r\n").writerow(cells)
            file.write(line.getvalue().encode("utf-8", "replace"))


def write_xlsx(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    """One workbook, ``text.xlsx``, with a sheet of pages and one or more of lines: rows go to disk as they come."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "text.xlsx"
        options = {"constant_memory": True, "tmpdir": scratch, "strings_to_formulas": False, "strings_to_urls": False}
        with xlsxwriter.Workbook(str(path), options) as book:
            bold = book.add_format({"bold": True})

            def sheet(title: str, columns: Sequence[str]) -> Worksheet:
                made: Worksheet = book.add_worksheet(title)
                made.freeze_panes(1, 0)
                made.set_column(0, len(columns) - 1, 14)
                made.set_column(columns.index("text"), columns.index("text"), 70)
                for column, name in enumerate(columns):
                    made.write_string(0, column, name, bold)
                return made

            of_pages = _Rows(lambda number: sheet(f"pages {number}" if number > 1 else "pages", PAGE_COLUMNS))
            of_lines = _Rows(lambda number: sheet(f"lines {number}" if number > 1 else "lines", LINE_COLUMNS))
            for page in pages:
                of_pages.add(page_row(page))
                for row in line_rows(page):
                    of_lines.add(row)
        with folder.file("text.xlsx", packed=True) as file, path.open("rb") as made:
            shutil.copyfileobj(made, file)


class _Rows:
    """Rows of a sheet, and of a further one where it is full."""

    def __init__(self, sheet: Callable[[int], Worksheet]) -> None:
        self._sheet, self._number, self._row = sheet, 1, 1
        self._at = sheet(1)

    def add(self, row: Sequence[Cell]) -> None:
        if self._row == _MOST_ROWS:
            self._number, self._row = self._number + 1, 1
            self._at = self._sheet(self._number)
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                self._at.write_string(self._row, column, printable(cell)[:_LONGEST])
            else:
                self._at.write_number(self._row, column, cell)
        self._row += 1


def _of_page(each: PageToWrite) -> list[Cell]:
    facts = each.page.metadata
    return [
        each.document.title,
        each.number,
        each.page.image_name,
        facts.get("original-sha256", ""),
        facts.get("state", ""),
        float(facts["confidence"]) if "confidence" in facts else "",
    ]


def line_rows(each: PageToWrite) -> Iterator[list[Cell]]:
    """A row of LINE_COLUMNS for each line of a page."""
    for number, line in enumerate(each.page.lines, 1):
        geometry = line.geometry
        around = (geometry.polygon or geometry.baseline) if geometry is not None else ()
        xs, ys = [x for x, _ in around], [y for _, y in around]
        box: list[Cell] = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)] if around else ["", "", "", ""]
        yield [
            *_of_page(each),
            number,
            line.id,
            geometry.region if geometry is not None else "",
            line.text,
            round(line.confidence, 4) if line.confidence is not None else "",
            line.author,
            *box,
        ]


def page_row(each: PageToWrite) -> list[Cell]:
    """The row of PAGE_COLUMNS for a page."""
    text = each.page.text
    by_people = sum(line.author == "person" for line in each.page.lines)
    return [*_of_page(each), len(each.page.lines), by_people, len(text), text]
