"""Pages and printed lines drawn with fonts: leaves as no published layout has them, with baselines known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from transcription.errors import BadInput
from transcription.htr.records import Gray
from transcription.training.layout_augment import Sheet
from transcription.training.layout_targets import TaughtLine

FONT_SUFFIXES = {".ttf", ".otf", ".woff"}


class Printer:
    """Draws words in the fonts of two folders: handwriting and print. Texts are running text, taken at random."""

    def __init__(self, handwriting: Path, printing: Path, texts: Path) -> None:
        self._hands = fonts_in(handwriting)
        self._types = fonts_in(printing)
        self._words = [word for path in sorted(texts.glob("*.txt")) for word in path.read_text("utf-8").split()]
        if not self._words:
            raise BadInput(f"{texts} holds no .txt with words.")

    def printed_lines(self, rng: np.random.Generator) -> list[tuple[Gray, float]]:
        """A few lines of one typeface in one or two sizes: tight images, ink as 255, and where the baselines run."""
        font, size = self._types[int(rng.integers(len(self._types)))], int(rng.integers(9, 26))
        lines = []
        for _ in range(int(rng.integers(1, 5))):
            words = self._some(rng, int(rng.integers(1, 9)))
            text = words.upper() if rng.random() < 0.35 else words
            loaded = _font(font, size if rng.random() < 0.7 else round(size * 1.5))
            left, top, right, bottom = (round(edge) for edge in loaded.getbbox(text, anchor="ls"))
            if right - left < 8 or bottom - top < 5:
                continue
            image = Image.new("L", (right - left + 4, bottom - top + 4))
            ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=loaded, anchor="ls")
            lines.append((np.asarray(image, np.uint8), 2.0 - top))
        return lines

    def page(self, rng: np.random.Generator) -> Sheet:
        """A leaf in one hand or, now and then, in type: one or more columns, notes in the margin, gaps, or nothing."""
        height = 1024
        width = int(height * rng.uniform(0.6, 0.85))
        image = Image.new("L", (width, height))
        lines: list[TaughtLine] = []
        if rng.random() < 0.9:
            printed = rng.random() < 0.2
            fonts = self._types if printed else self._hands
            font = fonts[int(rng.integers(len(fonts)))]
            pitch = float(np.exp(rng.uniform(np.log(13), np.log(46))))
            columns = int(rng.choice([1, 2, 3], p=[0.75, 0.2, 0.05]))
            edges = np.linspace(width * rng.uniform(0.05, 0.25), width * rng.uniform(0.88, 0.97), columns + 1)
            for left, right in zip(edges[:-1], edges[1:] - 14, strict=True):
                self._column(image, lines, font, pitch, (left, right), printed, rng)
            if edges[0] > 0.17 * width and rng.random() < 0.6:
                self._column(image, lines, font, pitch * 0.8, (8, edges[0] - 10), printed, rng)
        ink = np.asarray(image, np.float32) / 255
        ground = rng.uniform(150, 250)
        grain = cv2.resize(rng.normal(0, 1, (height // 8, width // 8)).astype(np.float32), (width, height))
        paper = ground + rng.uniform(0, 8) * grain + rng.normal(0, 2, (height, width))
        page = paper * (1 - ink * rng.uniform(0.35, 0.95))
        return Sheet(np.clip(page, 0, 255).astype(np.uint8), tuple(lines))

    def _column(
        self,
        image: Image.Image,
        lines: list[TaughtLine],
        font: Path,
        pitch: float,
        sides: tuple[float, float],
        printed: bool,
        rng: np.random.Generator,
    ) -> None:
        left, right = sides
        loaded = _font(font, max(6, round(pitch * rng.uniform(0.6, 1.0))))
        draw = ImageDraw.Draw(image)
        y = pitch * rng.uniform(1.5, 5)
        bottom = image.height - pitch * rng.uniform(0.8, 8)
        while y < bottom:
            if rng.random() < 0.05:
                y += pitch * rng.uniform(0.5, 3)
                continue
            x = left + float(rng.choice([0, pitch], p=[0.85, 0.15])) + rng.normal(0, 2)
            reach = right if rng.random() < 0.85 else x + (right - x) * rng.uniform(0.1, 0.9)
            text = self._fitting(loaded, reach - x, rng)
            if text:
                base = y if printed else y + rng.normal(0, 0.04 * pitch)
                draw.text((x, base), text, fill=255, font=loaded, anchor="ls")
                start, top, end, low = loaded.getbbox(text, anchor="ls")
                lines.append(_line(x + start, x + end, base, -top, low, printed))
            y += pitch

    def _fitting(self, font: ImageFont.FreeTypeFont, room: float, rng: np.random.Generator) -> str:
        text = self._some(rng, 14)
        while text and font.getlength(text) > room:
            text = text.rpartition(" ")[0]
        return text

    def _some(self, rng: np.random.Generator, count: int) -> str:
        at = int(rng.integers(max(1, len(self._words) - count)))
        return " ".join(self._words[at : at + count])


def _line(left: float, right: float, base: float, rise: float, fall: float, printed: bool) -> TaughtLine:
    rise, fall = max(rise, 2.0), max(fall, 2.0)
    baseline = np.array([[left, base], [right, base]], np.float64)
    outline = [[left, base - rise], [right, base - rise], [right, base + fall], [left, base + fall]]
    return TaughtLine(baseline, np.array(outline, np.float64), rise, fall, printed)


def fonts_in(folder: Path) -> Sequence[Path]:
    """Font files of a folder. Raises BadInput when there are none."""
    found = sorted(path for path in folder.iterdir() if path.suffix in FONT_SUFFIXES) if folder.is_dir() else []
    if not found:
        raise BadInput(f"{folder} holds no fonts; scripts/fetch_training_fonts.py brings some.")
    return found


@lru_cache(maxsize=512)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)
