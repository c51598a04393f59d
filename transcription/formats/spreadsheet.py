"""Cells of CSV files that spreadsheets open."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def inert_cell(cell: str) -> str:
    """``cell`` with an apostrophe before it where a spreadsheet would run it as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def without_apostrophe(cell: str) -> str:
    """The cell that ``inert_cell`` was given."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell
