"""A hand, a pen and a sheet: words drawn letter by letter with what makes handwriting uneven."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from transcription.htr.records import Gray
from transcription.training.sample.noise import Field, smooth_noise

FONTS = Path(__file__).parent / "fonts"
_DENSITY_SCALE = 8  # the ink's density is kept at an eighth of the sheet's resolution


@dataclass(frozen=True, slots=True)
class Hand:
    """How somebody writes. ``size`` is the font's in pixels, ``slant`` is dx/dy added to the font's own, ``nib`` the
    pixels by which down-strokes are wider than hair-lines, ``unrest`` scales every irregularity, ``ink`` is RGB,
    ``density`` in (0, 1] how dark it stands, ``run_dry`` how much of that is lost before the pen is dipped again."""

    font: str
    size: int
    slant: float = 0.0
    nib: int = 2
    unrest: float = 1.0
    ink: tuple[int, int, int] = (58, 40, 28)
    density: float = 0.92
    run_dry: float = 0.35


@cache
def load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / f"{name}.woff"), size, layout_engine=ImageFont.Layout.BASIC)


class Sheet:
    """What was put on one leaf, each medium apart: ``ink`` and ``printed`` are coverage 0-255, (H, W)."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.ink: Gray = np.zeros((height, width), np.uint8)
        self.ink_density: Field = np.full((height // _DENSITY_SCALE, width // _DENSITY_SCALE), 0.8, np.float32)
        self.print_image = Image.new("L", self.size, 0)
        self.printer = ImageDraw.Draw(self.print_image)
        self.ruling: Gray = np.zeros((height, width), np.uint8)

    @property
    def printed(self) -> Gray:
        return np.asarray(self.print_image)

    def rule(self, start: tuple[float, float], end: tuple[float, float], *, strength: int = 255) -> None:
        """A straight ruled line, one pixel wide, drawn between fractional points."""
        shift = 4
        first, last = ((round(x * 2**shift), round(y * 2**shift)) for x, y in (start, end))
        cv2.line(self.ruling, first, last, (strength,), 1, cv2.LINE_AA, shift)


class Scribe:
    """Writes on a sheet in one hand. Without a sheet it only measures, so a page can be laid out without drawing."""

    def __init__(self, hand: Hand, rng: np.random.Generator, sheet: Sheet | None) -> None:
        self.hand = hand
        self._rng = rng
        self._sheet = sheet
        self._font = load_font(hand.font, hand.size)
        self._wet = 1.0  # ink left on the pen

    def width(self, text: str) -> float:
        """Pixels that ``text`` takes, before unrest."""
        return self._font.getlength(text.replace("⟦", "").replace("⟧", ""))

    def wrap(self, text: str, width: float) -> list[str]:
        """Break ``text`` into lines no wider than ``width``; a single word may be."""
        lines: list[str] = []
        for word in text.split():
            if lines and self.width(f"{lines[-1]} {word}") <= width:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        return lines

    def write(self, text: str, x: float, baseline: float) -> float:
        """Write one line from ``x``; returns where it ends. ``⟦word⟧`` is struck through."""
        if self._sheet is None:
            return x + self.width(text)
        rng, unrest = self._rng, self.hand.unrest
        slope = rng.normal(0, 0.0035 * unrest)
        start, lift = x, rng.normal(0, 1.2 * unrest)
        space = self._font.getlength(" ")
        for token in text.split():
            word = token.strip("⟦⟧")
            level = baseline + lift + slope * (x - start) + rng.normal(0, 0.9 * unrest)
            end = self._word(self._sheet, word, x, level)
            if token.startswith("⟦"):
                self._stroke((x - 6, level - self.hand.size * 0.16), (end + 6, level - self.hand.size * 0.2))
            x = end + space * float(np.clip(rng.normal(1.0, 0.13 * unrest), 0.7, 1.5))
        return x - space

    def underline(self, x: float, end: float, baseline: float) -> None:
        """One quick stroke under a heading."""
        self._stroke((x - 8, baseline + self.hand.size * 0.2), (end + 10, baseline + self.hand.size * 0.14))

    def flourish(self, x: float, end: float, baseline: float) -> None:
        """The paraph under a signature: a stroke back and forth that ends in a loop."""
        if self._sheet is None:
            return
        t = np.linspace(0, 1, 60)
        across = end + (x - end) * t + (end - x) * 0.55 * np.clip(t - 0.6, 0, 1) * 2.2
        down = baseline + self.hand.size * (0.22 + 0.14 * np.sin(t * 7.5 + self._rng.uniform(0, 1)) + 0.25 * t * t)
        self._curve(np.column_stack([across, down]))

    def _stroke(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        t = np.linspace(0, 1, 12)[:, None]
        points = np.array([start]) * (1 - t) + np.array([end]) * t
        points[:, 1] += self._rng.normal(0, 0.8, 12)
        self._curve(points)

    def _curve(self, points: np.ndarray) -> None:
        if self._sheet is not None:
            fixed = np.round(points * 16).astype(np.int32)
            cv2.polylines(self._sheet.ink, [fixed], False, (255,), 2, cv2.LINE_AA, 4)

    def _word(self, sheet: Sheet, word: str, x: float, baseline: float) -> float:
        """Draw one word with its own slant, size and tilt onto the sheet; returns where it ends."""
        rng, hand = self._rng, self.hand
        pad, rise = hand.size // 2, int(hand.size * 1.25)
        height = int(hand.size * 2.1)
        strip = Image.new("L", (int(self._font.getlength(word) * 1.15) + 2 * pad + 8, height), 0)
        draw = ImageDraw.Draw(strip)
        sizes = [load_font(hand.font, hand.size + step) for step in (-1, 0, 0, 1)]
        pen = float(pad)
        for letter, following in zip(word, [*word[1:], ""], strict=True):
            font = sizes[rng.integers(len(sizes))] if hand.unrest > 0 else self._font
            drop = rng.normal(0, 0.008 * hand.size * hand.unrest)
            draw.text((pen, rise + drop), letter, font=font, fill=255, anchor="ls")
            pen += self._font.getlength(letter + following) - self._font.getlength(following)
            pen += rng.normal(0, 0.006 * hand.size * hand.unrest)
        shear = hand.slant + rng.normal(0, 0.022 * hand.unrest)
        grow = float(np.clip(rng.normal(1, 0.025 * hand.unrest), 0.9, 1.1))
        tilt = rng.normal(0, 0.008 * hand.unrest)
        left, top = int(x) - pad, int(baseline) - rise
        moved = np.array(
            [
                [grow, -shear, pad + (x % 1) + shear * rise - grow * pad],
                [tilt, grow, rise + (baseline % 1) - grow * rise - tilt * pad],
            ]
        )
        pixels = cv2.warpAffine(np.asarray(strip), moved, strip.size, flags=cv2.INTER_LINEAR)
        self._paste(sheet, pixels.astype(np.uint8), left, top)
        self._wet -= hand.run_dry * 0.022 * len(word)
        if self._wet < 1 - hand.run_dry or rng.random() < 0.04:
            self._wet = 1.0
        return x + (pen - pad) * grow

    def _paste(self, sheet: Sheet, pixels: Gray, left: int, top: int) -> None:
        width, height = sheet.size
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + pixels.shape[1], width), min(top + pixels.shape[0], height)
        if x0 >= x1 or y0 >= y1:
            return
        area = sheet.ink[y0:y1, x0:x1]
        np.maximum(area, pixels[y0 - top : y1 - top, x0 - left : x1 - left], out=area)
        k = _DENSITY_SCALE
        pressed = self._wet * float(np.clip(self._rng.normal(1, 0.05), 0.8, 1.1))
        sheet.ink_density[y0 // k : y1 // k, x0 // k : x1 // k] = pressed


def dried_ink(sheet: Sheet, hand: Hand, rng: np.random.Generator) -> Field:
    """How much of the paper the ink hides, 0-1, (H, W): the drawn strokes made uneven, swelled by the nib and the
    fibres, lighter where the pen ran dry."""
    width, height = sheet.size
    strokes = sheet.ink
    if hand.nib > 1:
        # A pointed pen spreads on down-strokes: widening sideways leaves hair-lines thin.
        strokes = np.maximum(strokes, np.roll(strokes, hand.nib - 1, axis=1))
    wander = [
        smooth_noise(rng, sheet.size, hand.size * 0.33) * 0.022 * hand.size * hand.unrest
        + smooth_noise(rng, sheet.size, hand.size * 4.0) * 0.055 * hand.size * hand.unrest
        for _ in range(2)
    ]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(strokes, columns + wander[0], rows + wander[1], cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(moved, (0, 0), 0.9).astype(np.float32) / 255
    # Points and accents are thinner than strokes: measured against their own peak, the edge below spares them.
    soft /= 0.2 + 0.8 * cv2.dilate(soft, np.ones((7, 7), np.uint8))
    edge = 0.42 + 0.09 * smooth_noise(rng, sheet.size, 22) + 0.05 * smooth_noise(rng, sheet.size, 3)
    cover = np.clip((soft - edge) * 2.4 + 0.5, 0, 1) * (soft > 0.02)
    density = cv2.resize(cv2.GaussianBlur(sheet.ink_density, (0, 0), 2.0), sheet.size, interpolation=cv2.INTER_LINEAR)
    density = density * (1 + 0.06 * smooth_noise(rng, sheet.size, 5)) * hand.density
    # Iron-gall ink stands darker where it pooled, that is inside broad strokes.
    pooled = 0.8 + 0.25 * cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 1.6)
    return np.asarray(np.clip(cover * density * pooled, 0, 1), dtype=np.float32)
