"""Pages for segmenters: writing drawn by a pen of ours, and what is no page at all."""

from __future__ import annotations

import cv2
import numpy as np

from transcription.htr.records import Gray, Point


def written_page(
    *, lines: int = 12, width: int = 1400, height: int = 1800, columns: int = 1, degrees: float = 0.0, bow: float = 0.0
) -> tuple[Gray, list[tuple[Point, ...]]]:
    """A page of pen-like loops and where its baselines are. ``bow`` is how far a line sags in its middle, in pixels."""
    random = np.random.default_rng(7)
    page = np.full((height, width), 225, np.uint8)
    baselines = []
    spacing = (height - 300) // lines
    column_width = (width - 200) // columns
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    for column in range(columns):
        left = 100 + column * column_width
        right = left + column_width - (240 if columns > 1 else 0)
        for row in range(lines):
            y0 = 200 + row * spacing
            line = []
            x = left
            while x < right - 30:
                for _ in range(int(random.integers(2, 8))):
                    y = y0 + bow * np.sin(np.pi * (x - left) / (right - left))
                    tall = 2.2 if random.random() < 0.25 else 1.0
                    high = 0.16 * spacing * tall
                    drop = 0.16 * spacing if random.random() < 0.12 else 0.0
                    cv2.ellipse(
                        page, (round(x), round(y - high + drop)), (7, round(high)), 15, 20, 340, 40, 3, cv2.LINE_AA
                    )
                    line.append((x, y))
                    x += 17
                x += 24
            moved = np.array(line) @ turn[:, :2].T + turn[:, 2]
            baselines.append(tuple((round(px), round(py)) for px, py in moved))
    page = cv2.warpAffine(page, turn, (width, height), borderValue=225).astype(np.uint8)
    noise = random.normal(0, 4, page.shape)
    return np.clip(page + noise, 0, 255).astype(np.uint8), baselines


def _animal() -> Gray:
    """What a photograph of a cat is to a segmenter: fur, two eyes, whiskers, no writing."""
    random = np.random.default_rng(5)
    coarse = random.normal(0, 1, (60, 45)).astype(np.float32)
    fur = random.normal(0, 1, (1200, 900)).astype(np.float32)
    fur = cv2.GaussianBlur(fur, (0, 0), sigmaX=1.0, sigmaY=6.0) * 60
    picture = np.asarray(110 + 45 * cv2.resize(coarse, (900, 1200), interpolation=cv2.INTER_CUBIC) + fur)
    for x in (320, 580):
        cv2.ellipse(picture, (x, 500), (70, 45), 0, 0, 360, 210.0, -1)
        cv2.ellipse(picture, (x, 500), (16, 42), 0, 0, 360, 10.0, -1)
    for y in range(700, 800, 20):
        cv2.line(picture, (100, y - 60), (800, y), 235.0, 2)
    return np.clip(picture, 0, 255).astype(np.uint8)


NO_PAGES: dict[str, Gray] = {
    "white": np.full((1500, 1100), 255, np.uint8),
    "black": np.zeros((1500, 1100), np.uint8),
    "tiny": np.full((16, 16), 200, np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "empty": np.zeros((0, 0), np.uint8),
    "gradient": np.tile(np.linspace(0, 255, 1100).astype(np.uint8), (1500, 1)),
    "paper": np.clip(np.random.default_rng(2).normal(230, 3, (1500, 1100)), 0, 255).astype(np.uint8),
    "wide strip": np.full((40, 30000), 230, np.uint8),
}
# These may be taken for anything, but soon, and without an error.
ODD_PAGES: dict[str, Gray] = {
    f"noise {shape}": np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    for shape in ((1500, 1100), (30, 30), (24, 480), (480, 24), (3000, 160), (60, 1200))
} | {
    "animal": _animal(),
    "30,000 pixels wide": np.tile(written_page(lines=10, height=1800)[0], (1, 22))[:, :30000],
    "upside down": np.ascontiguousarray(written_page(lines=10)[0][::-1, ::-1]),
    "negative film": np.asarray(255 - written_page(lines=10)[0], np.uint8),
}
