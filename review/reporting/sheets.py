"""Reports as files for spreadsheets: plain numbers, and no cell that is run as a formula."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence

import xlsxwriter

from review.reporting.report import Cell, Kind, Report
from transcription.formats.spreadsheet import inert_cell

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMATS = {
    Kind.DAY: "yyyy-mm-dd",
    Kind.COUNT: "#,##0",
    Kind.SHARE: "0 %",
    Kind.RATE: "0.00 %",
    Kind.NUMBER: "#,##0.0",
    Kind.SECONDS: "#,##0.0",
    Kind.MONEY: "#,##0.0000",
}
_LONGEST_NAME = 31  # of a sheet, says Excel
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
_MILLION = 1_000_000


def as_csv(report: Report) -> str:
    """Comma-separated values; money in units of the currency, times in seconds, shares of 1."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.label for column in report.columns])
    for row in report.rows:
        values = [_value(cell, column.kind) for cell, column in zip(row, report.columns, strict=True)]
        writer.writerow([inert_cell(value) if isinstance(value, str) else value for value in values])
    return out.getvalue()


def as_xlsx(reports: Sequence[Report]) -> bytes:
    """A workbook with a sheet for each report: its caption, then its table."""
    out = io.BytesIO()
    # Text stays text: nothing that somebody typed becomes a formula or a link.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        quiet = book.add_format({"font_color": "#555555", "text_wrap": True, "valign": "top"})
        title = book.add_format({"bold": True, "font_size": 14})
        formats = {kind: book.add_format({"num_format": number}) for kind, number in _FORMATS.items()}
        for number, report in enumerate(reports, 1):
            sheet = book.add_worksheet(_sheet_name(report.title, number))
            sheet.write_string(0, 0, report.title, title)
            last = max(len(report.columns) - 1, 1)
            sheet.merge_range(1, 0, 1, last, report.caption, quiet)
            sheet.set_row(1, 48)
            sheet.set_column(0, 0, 32)
            sheet.set_column(1, last, 14)
            for at, column in enumerate(report.columns):
                sheet.write_string(3, at, column.label, head)
            for line, row in enumerate(report.rows, 4):
                for at, (cell, column) in enumerate(zip(row, report.columns, strict=True)):
                    value, style = _value(cell, column.kind), formats.get(column.kind)
                    if isinstance(value, str):
                        sheet.write_string(line, at, value)
                    elif isinstance(value, dt.date):
                        sheet.write_datetime(line, at, dt.datetime.combine(value, dt.time()), style)
                    elif value is not None:
                        sheet.write_number(line, at, value, style)
            sheet.freeze_panes(4, 1)
    return out.getvalue()


def _value(cell: Cell, kind: Kind) -> Cell:
    return cell / _MILLION if kind == Kind.MONEY and isinstance(cell, int | float) else cell


def _sheet_name(title: str, number: int) -> str:
    """Sheets have names of their own: numbered, since translated titles might be cut alike."""
    return f"{number} {title.translate(_FORBIDDEN)}"[:_LONGEST_NAME].strip()
