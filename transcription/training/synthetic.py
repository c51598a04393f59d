"""Lines rendered from running text in handwriting fonts: variety where real lines are scarce (English above all).

Fonts alone do not teach real hands (Garrido-Munoz 2026: 29.9 % CER zero-shot), so these lines are mixed with real ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from transcription.errors import BadInput
from transcription.htr.records import Gray
from transcription.training.datasets import target_text

HEIGHT = 64  # pixels, as line crops are
_SIZE = 56
_SIZES = (50, 56, 62)  # of one hand: words of a line differ a little in size
# Abbreviations with raised letters, as the targets write them.
_RAISED = (
    "M^r",
    "M^rs",
    "D^r",
    "S^t",
    "1^er",
    "2^e",
    "n^o",
    "N^o",
    "d^o",
    "M^e",
    "V^ve",
    "5^th",
    "1^st",
    "M^lle",
    "M^me",
)
# Fonts draw other signs their own way (a struck word, a long s), or as an empty box.
_DRAWN = re.compile(r"[\w .,;:!?'\"()&£$%/+=°*-]*")


@dataclass(frozen=True, slots=True)
class _Hand:
    """A font in three sizes, a smaller one for raised letters, and the characters it can draw."""

    sizes: tuple[ImageFont.FreeTypeFont, ...]
    raised: ImageFont.FreeTypeFont
    chars: frozenset[str]


class SyntheticLines:
    """Draws (pixels (64, W), text) pairs in the fonts of a folder.

    The texts are the .txt files of ``texts`` and, as often as all of these, ``transcripts``: lines that real
    collections hold, in their own spelling. Raises BadInput when a folder lacks fonts or text.
    """

    def __init__(self, fonts: Path, texts: Path, alphabet: str, transcripts: Sequence[str] = ()) -> None:
        files = sorted(path for path in fonts.iterdir() if path.suffix in {".ttf", ".otf", ".woff"})
        if not files:
            raise BadInput(f"{fonts} holds no .ttf, .otf or .woff file.")
        self._hands = [_hand(path, alphabet) for path in files]
        books = [target_text(path.read_text(encoding="utf-8")).split(" ") for path in sorted(texts.glob("*.txt"))]
        if not books:
            raise BadInput(f"{texts} holds no .txt file.")
        self._books = [[word for word in book if _DRAWN.fullmatch(word)] for book in books]
        self._transcripts = [text for text in transcripts if _DRAWN.fullmatch(text)]
        self._struck = "⟦" in alphabet and "⟧" in alphabet
        self._raised = "^" in alphabet

    def draw(self, rng: np.random.Generator) -> tuple[Gray, str]:
        """One random line on random paper; one in fifty is empty paper, so that nothing is read where nothing is."""
        if rng.random() < 0.02:
            empty = np.zeros((HEIGHT, int(rng.integers(40, 900))), np.float32)
            return _on_paper(empty, rng), ""
        hand = self._hands[rng.integers(len(self._hands))]
        words = self._words(hand, rng)
        strokes, text = self._write(words, hand, rng)
        if rng.random() < 0.3:  # a broader or a finer nib
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3) if rng.random() < 0.5 else (2, 2))
            change = cv2.dilate if rng.random() < 0.7 else cv2.erode
            strokes = change(strokes, kernel).astype(np.float32)
        scale = HEIGHT / strokes.shape[0]
        size = (max(16, int(strokes.shape[1] * scale)), HEIGHT)
        scaled = np.asarray(cv2.resize(strokes, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
        return _on_paper(scaled, rng), text

    def _words(self, hand: _Hand, rng: np.random.Generator) -> list[str]:
        if self._transcripts and rng.random() < 0.5:
            words = self._transcripts[rng.integers(len(self._transcripts))].split(" ")
            if len(words) > 3 and rng.random() < 0.5:  # another order: letters are to be read, not lines known by heart
                cut = int(rng.integers(1, len(words)))
                words = words[cut:] + words[:cut]
        else:
            book = self._books[rng.integers(len(self._books))]
            start = int(rng.integers(0, max(1, len(book) - 12)))
            words = book[start : start + int(rng.integers(1, 11))]
        words = [drawn for word in words if (drawn := _only(word, hand.chars))] or ["a"]
        at = int(rng.integers(len(words)))
        draw = rng.random()
        if draw < 0.12:
            words[at] = _figure(rng)
        elif draw < 0.17:
            words[at] = _only(words[at].upper(), hand.chars) or words[at]
        elif draw < 0.20:
            words[at] = _only(words[at].capitalize(), hand.chars) or words[at]
        elif draw < 0.23 and self._struck:
            words[at] = f"⟦{words[at]}⟧"
        elif draw < 0.26 and self._raised:
            words[at] = str(rng.choice(_RAISED))
        if rng.random() < 0.08:
            words = ["&" if word in {"and", "et"} else word for word in words]
        if rng.random() < 0.08 and len(words[-1]) > 4 and words[-1].isalpha():  # broken at the line's end
            words[-1] = words[-1][: int(rng.integers(2, len(words[-1]) - 1))] + "-"
        return words

    def _write(self, words: list[str], hand: _Hand, rng: np.random.Generator) -> tuple[NDArray[np.float32], str]:
        """Ink (H, W) in [0, 1] of ``words`` as a hand sets them, with what reaches in from the lines around."""
        gap = hand.sizes[1].getlength(" ") * rng.uniform(0.7, 1.8)
        ascent, descent = hand.sizes[1].getmetrics()
        width = int(sum(hand.sizes[2].getlength(word) for word in words) + gap * len(words)) + 80
        canvas = Image.new("L", (width, ascent + descent + 40), 0)
        pen = ImageDraw.Draw(canvas)
        wobble, drift = rng.uniform(0, 2.5), rng.uniform(-0.5, 0.5)
        base, x = float(20 + ascent), 20.0
        for word in words:
            base += rng.normal(0, wobble) + drift
            base += 0.3 * (20 + ascent - base)  # a hand comes back to its line
            start = x
            x = _word(pen, word, x, base, hand, rng)
            if word.startswith("⟦"):
                middle = base - _SIZE * rng.uniform(0.1, 0.25)
                pen.line((start - 4, middle + rng.normal(0, 3), x + 4, middle + rng.normal(0, 3)), 255, 3)
            x += gap * rng.uniform(0.75, 1.3)
        right = min(width, int(x - gap) + 24)
        if rng.random() < 0.05:
            y = base + rng.uniform(6, 14)
            pen.line((20, y, right - 20, y + rng.normal(0, 3)), 255, int(rng.integers(1, 4)))
        box = canvas.getbbox() or (0, 0, right, canvas.height)
        top, bottom = max(0, box[1] - 8), min(canvas.height, box[3] + 8)
        for y in (-0.95, 0.95):  # neighbors' ascenders and descenders
            if rng.random() < 0.4:
                offset = y * (bottom - top) * rng.uniform(0.85, 1.1)
                other = " ".join(self._words(hand, rng))
                pen.text((float(rng.uniform(0, 60)), base + offset), other, font=hand.sizes[1], fill=200, anchor="ls")
        strokes = np.asarray(canvas.crop((0, top, right, bottom)), dtype=np.float32) / np.float32(255)
        return strokes, " ".join(words)


def _only(word: str, chars: frozenset[str]) -> str:
    return "".join(char for char in word if char in chars)


def _hand(path: Path, alphabet: str) -> _Hand:
    """Raises BadInput when the font cannot be opened."""
    try:
        sizes = tuple(ImageFont.truetype(str(path), size) for size in _SIZES)
        raised = ImageFont.truetype(str(path), int(_SIZE * 0.62))
    except OSError as error:
        raise BadInput(f"{path} is not a font that can be opened ({error}); remove it from the folder.") from error
    missing = bytes(sizes[0].getmask("\uffff"))
    drawn = {char for char in alphabet if bytes(sizes[0].getmask(char)) not in (missing, b"")}
    return _Hand(sizes, raised, frozenset(drawn))


def _word(pen: ImageDraw.ImageDraw, word: str, x: float, base: float, hand: _Hand, rng: np.random.Generator) -> float:
    """Draw one word with its raised letters; the x at which it ends."""
    font = hand.sizes[1] if rng.random() < 0.7 else hand.sizes[rng.integers(3)]
    shown = word.strip("⟦⟧")
    plain, caret, raised = shown.partition("^")
    pen.text((x, base), plain, font=font, fill=255, anchor="ls")
    x += font.getlength(plain)
    if caret:
        pen.text((x, base - _SIZE * rng.uniform(0.2, 0.35)), raised, font=hand.raised, fill=255, anchor="ls")
        x += hand.raised.getlength(raised)
    return x


def _figure(rng: np.random.Generator) -> str:
    """A year, a day, a number or a price."""
    year, number = rng.integers(1600, 2025), rng.integers(1, 32)
    many = int(rng.integers(1, 10 ** int(rng.integers(2, 6))))
    forms = (str(year), str(number), f"{number}th", f"No. {many}", f"£{many}", f"${many}", str(many), f"{number},")
    return str(rng.choice(forms))


def _on_paper(strokes: NDArray[np.float32], rng: np.random.Generator) -> Gray:
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
