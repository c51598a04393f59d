"""Lines rendered from running text in handwriting fonts: variety where real lines are scarce (English above all).

Fonts alone do not teach real hands (Garrido-Munoz 2026: 29.9 % CER zero-shot), so these lines are mixed with real ones.
"""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from transcription.errors import BadInput
from transcription.htr.records import Gray
from transcription.training.datasets import target_text

HEIGHT = 64  # pixels, as line crops are
_SIZE = 56


class SyntheticLines:
    """Draws (pixels (64, W), text) pairs. Raises BadInput when a folder lacks fonts or text."""

    def __init__(self, fonts: Path, texts: Path, alphabet: str) -> None:
        files = sorted(path for path in fonts.iterdir() if path.suffix in {".ttf", ".otf", ".woff"})
        self._fonts = [ImageFont.truetype(str(path), _SIZE) for path in files]
        self._texts = [
            [word for word in target_text(path.read_text(encoding="utf-8")).split(" ") if set(word) <= set(alphabet)]
            for path in sorted(texts.glob("*.txt"))
        ]
        if not self._fonts:
            raise BadInput(f"{fonts} holds no .ttf, .otf or .woff file.")
        if not self._texts:
            raise BadInput(f"{texts} holds no .txt file.")

    def draw(self, rng: np.random.Generator) -> tuple[Gray, str]:
        """One random line on random paper."""
        text = self._text(rng)
        font = self._fonts[rng.integers(len(self._fonts))]
        left, top, right, bottom = font.getbbox(text)
        canvas = Image.new("L", (int(right - left) + 40, int(bottom - top) + 16), 0)
        draw = ImageDraw.Draw(canvas)
        draw.text((20 - left, 8 - top), text, font=font, fill=255)
        # What reaches in from the lines above and below.
        for y in (-0.95, 0.95):
            if rng.random() < 0.4:
                offset = int(y * canvas.height * rng.uniform(0.85, 1.1))
                draw.text((rng.integers(0, 60) - left, 8 - top + offset), self._text(rng), font=font, fill=200)
        strokes = np.asarray(canvas, dtype=np.float32) / 255
        scale = HEIGHT / strokes.shape[0]
        size = (max(16, int(strokes.shape[1] * scale)), HEIGHT)
        scaled = np.asarray(cv2.resize(strokes, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
        return self._on_paper(scaled, rng), text

    def _text(self, rng: np.random.Generator) -> str:
        words = self._texts[rng.integers(len(self._texts))]
        start = int(rng.integers(0, max(1, len(words) - 12)))
        text = " ".join(words[start : start + int(rng.integers(1, 11))])
        if rng.random() < 0.12:
            year, day = rng.integers(1600, 1999), rng.integers(1, 31)
            text = re.sub(r"^\S+", str(rng.choice([f"{year}", f"{day}", f"{day}th", f"No. {day}", f"£{day}"])), text)
        if rng.random() < 0.05:
            text = text.replace(" and ", " & ").replace(" et ", " & ")
        return text

    @staticmethod
    def _on_paper(strokes: np.ndarray[tuple[int, ...], np.dtype[np.float32]], rng: np.random.Generator) -> Gray:
        height, width = strokes.shape
        grain = rng.normal(0, 1, (6, max(2, width // 16))).astype(np.float32)
        stains = cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC) * rng.uniform(0, 12)
        paper = rng.uniform(150, 245) + stains
        if rng.random() < 0.15:  # ruling
            row = int(rng.integers(height * 2 // 3, height - 4))
            paper[row : row + 2] -= rng.uniform(15, 60)
        density = np.clip(1 + cv2.resize(grain[:3], (width, height)) * rng.uniform(0, 0.35), 0.2, 1)
        ink = rng.uniform(10, 110)
        image = paper * (1 - strokes * density) + ink * strokes * density
        on_paper: Gray = np.clip(image, 0, 255).astype(np.uint8)
        return on_paper
