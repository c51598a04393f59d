"""Where writing stands on each kind of page. Every function returns the page's lines, as a transcriber would type them.

Texts are written as paragraphs; a line that begins with ``>`` stands at the right, one with ``=`` is a heading. Tables
and forms separate cells by ``|``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from transcription.training.sample.hands import Hand, Scribe, Sheet, load_font
from transcription.training.sample.paper import Paper

PRINT_FONT = "old-standard-tt"


@dataclass(frozen=True, slots=True)
class PageSpec:
    """One page to draw: ``section`` of ``text`` (a file under texts/), laid out as ``layout`` on a leaf of ``size``
    (width, height); ``pitch`` is the distance of baselines, ``margin`` the blank on the left, all in pixels."""

    name: str
    text: str
    layout: str
    hand: Hand
    paper: Paper
    section: int = 0
    size: tuple[int, int] = (1332, 1832)
    pitch: int = 70
    margin: int = 120
    ruled: bool = False
    bed: int = 24
    gray: bool = False
    blur: float = 0.0


class Desk:
    """A page being written: the spec, the scribe and, when it is really drawn, the sheet."""

    def __init__(self, spec: PageSpec, rng: np.random.Generator, *, draw: bool) -> None:
        self.spec = spec
        self.rng = rng
        self.width, self.height = spec.size
        self.sheet = Sheet(*spec.size) if draw else None
        self.scribe = Scribe(spec.hand, rng, self.sheet)
        self.lines: list[str] = []

    def write(self, text: str, x: float, y: float) -> float:
        """Write one line and note it as ground truth."""
        self.lines.append(text)
        return self.scribe.write(text, x, y)

    def print(self, text: str, x: float, y: float, size: int, *, anchor: str = "ls") -> float:
        """Set type; returns its width. It is not noted: a form's printed and written words share a line."""
        font = load_font(PRINT_FONT, size)
        if self.sheet is not None:
            self.sheet.printer.text((x, y), text, font=font, fill=255, anchor=anchor)
        return font.getlength(text)

    def rule(self, x0: float, y0: float, x1: float, y1: float, *, strength: int = 255) -> None:
        if self.sheet is not None:
            self.sheet.rule((x0, y0), (x1, y1), strength=strength)


def letter(desk: Desk, body: Sequence[str]) -> None:
    """Running text: paragraphs indented, date and signature at the right, headings underlined."""
    spec, scribe = desk.spec, desk.scribe
    width = desk.width - spec.margin - 62
    y = spec.margin + spec.pitch * 0.55
    if spec.ruled:
        for at in np.arange(y + 9, desk.height - 40, spec.pitch):
            desk.rule(0, at, desk.width, at, strength=150)
    for number, paragraph in enumerate(body):
        kind, text = (paragraph[0], paragraph[2:]) if paragraph[0] in ">=" else ("", paragraph)
        if kind == ">":
            x = desk.width - 90 - scribe.width(text) - float(desk.rng.uniform(0, 40))
            end = desk.write(text, max(x, spec.margin), y)
            if number == len(body) - 1:
                scribe.flourish(x, end, y)
            y += spec.pitch * (1.35 if number == 0 and not spec.ruled else 1.0)
            continue
        if kind == "=":
            y += 0 if number == 0 or spec.ruled else spec.pitch * 0.2
            scribe.underline(spec.margin, desk.write(text, spec.margin, y), y)
            y += spec.pitch
            continue
        indent = 0 if len(text) < 28 or (number and body[number - 1][0] == "=") else 64
        lines = scribe.wrap(text, width - indent)
        lines = [lines[0], *scribe.wrap(" ".join(lines[1:]), width)]
        for index, line in enumerate(lines):
            drift = float(desk.rng.normal(0, 5 * spec.hand.unrest))
            desk.write(line, spec.margin + drift + (indent if index == 0 else 0), y)
            y += spec.pitch
    last = y - spec.pitch
    if last > desk.height - 24:
        raise ValueError(f"{spec.name}: its last line stands at {last:.0f} on a page of {desk.height} pixels")


def table(desk: Desk, body: Sequence[str]) -> None:
    """A register: a heading, a ruled head, one row an entry; what follows without cells stands under the table."""
    spec, scribe = desk.spec, desk.scribe
    rows = [line.split("|") for line in body if "|" in line]
    left, right = 46.0, desk.width - 46.0
    widths = np.array([max(scribe.width(row[column]) for row in rows) + 34 for column in range(len(rows[0]))])
    edges = left + np.concatenate([[0], np.cumsum(widths * (right - left) / widths.sum())])
    y = spec.margin * 0.62 + spec.pitch * 0.5
    for line in body:
        if line.startswith("= "):
            x = (desk.width - scribe.width(line[2:])) / 2
            scribe.underline(x, desk.write(line[2:], x, y), y)
    top = y + spec.pitch * 0.55
    foot = top + spec.pitch * (len(rows) + 0.12)
    for number in range(len(rows) + 1):
        at = top + number * spec.pitch
        desk.rule(left, at, right, at, strength=255 if number < 2 else 140)
    desk.rule(left, top + spec.pitch + 5, right, top + spec.pitch + 5)
    for edge in edges:
        desk.rule(edge, top, edge, foot)
    for number, row in enumerate(rows):
        y = top + spec.pitch * (number + 0.72)
        for column, cell in enumerate(row):
            numeric = column == len(row) - 1
            slack = edges[column + 1] - edges[column] - scribe.width(cell)
            scribe.write(cell, edges[column] + (slack - 16 if numeric else 14) + float(desk.rng.normal(0, 3)), y)
        desk.lines.append(" ".join(row))
    y = top + spec.pitch * (len(rows) + 0.95)
    for line in body:
        if "|" not in line and not line.startswith("= "):
            text = line.removeprefix("> ")
            x = right - 30 - scribe.width(text) if line.startswith(">") else left + 40
            desk.write(text, x, y)
            y += spec.pitch


def form(desk: Desk, body: Sequence[str]) -> None:
    """A printed form: a frame, centred titles, and labels followed by dots that a hand has written over."""
    left, right = 92.0, desk.width - 92.0
    for inset in (34, 42):
        x1, y1 = desk.width - inset, desk.height - inset
        for a, b, c, d in (
            (inset, inset, x1, inset),
            (x1, inset, x1, y1),
            (x1, y1, inset, y1),
            (inset, y1, inset, inset),
        ):
            desk.rule(a, b, c, d)
    y = 150.0
    for line in body:
        if line.startswith("= "):
            desk.print(line[2:], desk.width / 2, y, 50 if y < 160 else 40, anchor="ms")
            desk.lines.append(line[2:])
            y += 72
    desk.rule(desk.width / 2 - 120, y - 34, desk.width / 2 + 120, y - 34)
    y += 58
    for line in body:
        if line.startswith("= "):
            continue
        cells = line.split("|")
        pairs = list(zip(cells[::2], cells[1::2], strict=True))
        needs = np.array([len(label) * 14 + desk.scribe.width(value) + 30 for label, value in pairs])
        x = left
        for (label, value), share in zip(pairs, needs / needs.sum(), strict=True):
            end = x + (right - left) * float(share)
            start = x + desk.print(label, x, y, 31) + 12
            desk.print("." * max(0, int((end - start - 12) / 7.75)), start, y + 4, 31)
            desk.scribe.write(value, start + 16 + float(desk.rng.uniform(0, 24)), y - 3 + float(desk.rng.normal(0, 4)))
            x = end
        desk.lines.append(" ".join(cells))
        y += desk.spec.pitch


def postcard(desk: Desk, body: Sequence[str]) -> None:
    """The back of a postcard: message at the left, address at the right, stamp and postmark above it."""
    spec = desk.spec
    split = body.index("---")
    french = "aéroplane" in " ".join(body)
    title = "CARTE POSTALE" if french else "POST CARD"
    desk.print(title, desk.width / 2 + 120, 92, 52, anchor="ms")
    desk.lines.append(title)
    middle = desk.width * 0.53
    desk.rule(middle, 130, middle, desk.height - 60)
    y = 132.0
    for line in body[:split]:
        desk.write(line, 60 + float(desk.rng.normal(0, 6)), y)
        y += spec.pitch
    y = desk.height * 0.46
    for number, line in enumerate(body[split + 1 :]):
        desk.rule(middle + 50, y + 12, desk.width - 60, y + 12, strength=120)
        desk.write(line, middle + 70 + 26 * number, y)
        y += spec.pitch * 1.28


LAYOUTS: dict[str, Callable[[Desk, Sequence[str]], None]] = {
    "letter": letter,
    "table": table,
    "form": form,
    "postcard": postcard,
}
