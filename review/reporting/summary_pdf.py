"""The summary as a page of A4 that prints in black and white as well as in colour."""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from fpdf import FPDF

from project.env import ROOT
from review.reporting.summary import Summary, Table

# Millimetres of A4.
WIDTH, MARGIN, GAP = 210.0, 16.0, 7.0
INNER = WIDTH - 2 * MARGIN
HALF = (INNER - GAP) / 2
INK, QUIET, RULE, SUNKEN = 0x1C2026, 0x636870, 0xD5D1C8, 0xF4F2EE
READ, APPROVED = 0x8FA6D6, 0x2C7A4E
_FONTS = ROOT / "static" / "vendor" / "fonts"
# Family, style, file; those of the extended Latin stand in for characters that the first do not have.
_FACES = (
    ("sans", "", "inter-latin-400"),
    ("sans", "B", "inter-latin-600"),
    ("serif", "", "source-serif-4-latin-600"),
    ("sans-ext", "", "inter-latin-ext-400"),
    ("sans-ext", "B", "inter-latin-ext-600"),
    ("serif-ext", "", "source-serif-4-latin-ext-600"),
)


logging.getLogger("fontTools.subset").setLevel(logging.WARNING)  # it reports each table of a font


@cache
def _font(name: str) -> bytes:
    """The font without the wrapping of the web, which PDF does not know."""
    font = TTFont(_FONTS / f"{name}.woff")
    font.flavor = None
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def write_summary(summary: Summary) -> bytes:
    """PDF of one page."""
    # fpdf2 reads fonts from files, and goes on reading them until the end.
    with tempfile.TemporaryDirectory(prefix="longhand-fonts-") as folder:
        page = _Page(summary, Path(folder))
        page.write()
        return bytes(page.pdf.output())


class _Page:
    def __init__(self, summary: Summary, folder: Path) -> None:
        self.summary = summary
        self.pdf = FPDF(unit="mm", format="A4")
        for family, style, name in _FACES:
            file = folder / f"{name}.ttf"
            file.write_bytes(_font(name))
            self.pdf.add_font(family, style, file)
        self.pdf.set_fallback_fonts(["sans-ext", "serif-ext"], exact_match=False)
        self.pdf.set_auto_page_break(False)
        self.pdf.c_margin = 0  # texts stand flush with rules
        self.pdf.set_title(summary.title)
        self.pdf.set_creator("Longhand")
        self.pdf.add_page()
        self.y = MARGIN

    def write(self) -> None:
        self._head()
        self._figures()
        self._states()
        self._days()
        top = self.y
        self._table(self.summary.errors, MARGIN, INNER)
        top = self.y + GAP
        self.y = top
        self._table(self.summary.passes, MARGIN, HALF)
        left = self.y
        self.y = top
        self._table(self.summary.changes, MARGIN + HALF + GAP, HALF)
        self.y = max(left, self.y)
        self._text(MARGIN, 297 - MARGIN - 2, INNER, f"{self.summary.words['made']} · {self.summary.made}", 7.5, QUIET)

    def _head(self) -> None:
        self._fill(INK)
        self.pdf.rect(MARGIN, self.y, INNER, 0.7, style="F")
        self._text(MARGIN, self.y + 4.5, INNER, self.summary.title, 21, INK, family="serif")
        self.y += 15
        about = " · ".join(each for each in (self.summary.about, self.summary.period) if each)
        self._text(MARGIN, self.y, INNER, about, 9, QUIET)
        self.y += 9

    def _figures(self) -> None:
        width = (INNER - 2 * GAP) / 3
        for number, figure in enumerate(self.summary.figures):
            x, y = MARGIN + number % 3 * (width + GAP), self.y + number // 3 * 20
            self._fill(RULE)
            self.pdf.rect(x, y, width, 0.25, style="F")
            self._text(x, y + 2, width, figure.label, 8, QUIET, style="B")
            self._text(x, y + 6, width, figure.value, 17, INK, family="serif")
            self._text(x, y + 13.6, width, figure.note, 7.5, QUIET)
        self.y += 20 * -(-len(self.summary.figures) // 3) + 2

    def _states(self) -> None:
        self._title(self.summary.words["states"], MARGIN, INNER)
        total = sum(each.count for each in self.summary.states)
        if not total:
            self._nothing(MARGIN, INNER, self.summary.words["nothing"])
            return
        x = MARGIN
        for each in self.summary.states:
            width = INNER * each.count / total
            self._fill(each.color)
            self.pdf.rect(x, self.y, max(width - 0.4, 0.3), 6, style="F")
            x += width
        self.y += 8
        x = MARGIN
        for each in self.summary.states:
            said = f"{each.label} {each.count:,}"
            self.pdf.set_font("sans", "", 8)
            width = self.pdf.get_string_width(said) + 8
            if x + width > WIDTH - MARGIN:
                x, self.y = MARGIN, self.y + 5
            self._fill(each.color)
            self.pdf.rect(x, self.y + 0.9, 2.4, 2.4, style="F")
            self._text(x + 3.6, self.y, width, said, 8, INK)
            x += width
        self.y += 5 + GAP

    def _days(self) -> None:
        words = self.summary.words
        self._title(words["days"], MARGIN, INNER)
        days = self.summary.days
        most = max((max(read, approved) for _label, read, approved in days), default=0)
        if not most:
            self._nothing(MARGIN, INNER, words["nothing"])
            return
        legend = ((READ, words["read"]), (APPROVED, words["approved"]))
        x = MARGIN
        for color, said in legend:
            self._fill(color)
            self.pdf.rect(x, self.y + 0.9, 2.4, 2.4, style="F")
            self._text(x + 3.6, self.y, 60, said, 8, INK)
            x += self.pdf.get_string_width(said) + 9
        height, top = 30.0, self.y + 7
        self._fill(RULE)
        for part in (0.0, 0.5, 1.0):
            self.pdf.rect(MARGIN, top + height * (1 - part), INNER - 12, 0.15, style="F")
            self._text(
                WIDTH - MARGIN - 11, top + height * (1 - part) - 1.7, 11, f"{most * part:,.0f}", 7, QUIET, align="R"
            )
            self._fill(RULE)
        slot = (INNER - 12) / len(days)
        every = -(-len(days) * 11 // int(INNER - 12))  # labels of 11 mm that do not touch
        for number, (label, read, approved) in enumerate(days):
            x = MARGIN + number * slot
            for at, (count, color) in enumerate(((read, READ), (approved, APPROVED))):
                high = height * count / most
                self._fill(color)
                self.pdf.rect(x + slot * (0.1 + 0.4 * at), top + height - high, slot * 0.38, high, style="F")
            if number % every == 0:
                self._text(x, top + height + 1, 11, label, 7, QUIET)
        self.y = top + height + 6 + GAP

    def _table(self, table: Table, x: float, width: float) -> None:
        self._title(table.title, x, width)
        if not table.rows:
            self._nothing(x, width, table.nothing)
            return
        numbers = len(table.heads) - (2 if len(table.heads) in (3, 6) else 1)
        small = min(17.0, width * 0.5 / max(numbers, 1))
        widths = [(width - small * numbers) / (len(table.heads) - numbers)] * (len(table.heads) - numbers)
        widths += [small] * numbers
        for index, row in enumerate([table.heads, *table.rows]):
            left = x
            for at, (cell, wide) in enumerate(zip(row, widths, strict=True)):
                align = "R" if at >= len(table.heads) - numbers else "L"
                color, style = (QUIET, "B") if index == 0 else (INK, "")
                self._text(
                    left,
                    self.y,
                    wide - (0 if at == len(row) - 1 else 2),
                    cell,
                    7.5 if index == 0 else 8.5,
                    color,
                    style=style,
                    align=align,
                )
                left += wide
            self.y += 4.8
            self._fill(RULE)
            self.pdf.rect(x, self.y, width, 0.15, style="F")
            self.y += 0.6

    def _title(self, said: str, x: float, width: float) -> None:
        self._text(x, self.y, width, said, 10.5, INK, style="B")
        self.y += 6.5

    def _nothing(self, x: float, width: float, said: str) -> None:
        self.pdf.set_font("sans", "", 8.5)
        self.pdf.set_text_color(*_rgb(QUIET))
        self.pdf.set_xy(x, self.y)
        self.pdf.multi_cell(width, 4.4, said, align="L")
        self.y = self.pdf.get_y() + GAP

    def _text(
        self,
        x: float,
        y: float,
        width: float,
        said: str,
        size: float,
        color: int,
        *,
        family: str = "sans",
        style: str = "",
        align: str = "L",
    ) -> None:
        """One line; what is too long ends in an ellipsis."""
        self.pdf.set_font(family, style, size)
        self.pdf.set_text_color(*_rgb(color))
        self.pdf.set_xy(x, y)
        self.pdf.cell(width, size * 0.5, self._fitted(said, width), align=align)

    def _fitted(self, said: str, width: float) -> str:
        if self.pdf.get_string_width(said) <= width:
            return said
        while said and self.pdf.get_string_width(said + "…") > width:
            said = said[:-1]
        return said.rstrip() + "…"

    def _fill(self, color: int) -> None:
        self.pdf.set_fill_color(*_rgb(color))


def _rgb(color: int) -> Sequence[int]:
    return color >> 16, color >> 8 & 255, color & 255
