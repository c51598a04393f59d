"""One page from its spec to the scanned image: paper, print, ink, the other side's ghost, the scanner."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

from transcription.htr.records import Gray
from transcription.training.sample.hands import dried_ink
from transcription.training.sample.layouts import LAYOUTS, Desk, PageSpec
from transcription.training.sample.noise import smooth_noise
from transcription.training.sample.paper import Color, blank, scan

TEXTS = Path(__file__).parent / "texts"
_PRINTERS_BLACK = (44, 40, 38)


def page_lines(spec: PageSpec) -> list[str]:
    """The page's ground truth; does not depend on any seed."""
    return _written(spec, np.random.default_rng(0), draw=False).lines


def draw_page(spec: PageSpec, seed: int) -> Gray:
    """The scanned page: uint8, (H, W, 3), RGB."""
    rng = np.random.default_rng([seed, zlib.crc32(spec.name.encode())])
    desk = _written(spec, rng, draw=True)
    sheet = desk.sheet
    assert sheet is not None
    page = blank(spec.paper, spec.size, rng)
    _tint(page, sheet.ruling.astype(np.float32) * (0.5 / 255), spec.paper.rule_color)
    ink = dried_ink(sheet, spec.hand, rng)
    if spec.paper.show_through:
        ghost = cv2.GaussianBlur(np.ascontiguousarray(np.roll(ink[:, ::-1], (37, -23), axis=(0, 1))), (0, 0), 2.2)
        patchy = np.clip(1 + 0.4 * smooth_noise(rng, spec.size, 160), 0, 2)
        _tint(page, ghost * patchy * spec.paper.show_through, spec.hand.ink)
    if sheet.printed.any():
        worn = 0.86 + 0.07 * smooth_noise(rng, spec.size, 2) + 0.05 * smooth_noise(rng, spec.size, 40)
        _tint(page, cv2.GaussianBlur(sheet.printed, (0, 0), 0.7).astype(np.float32) / 255 * worn, _PRINTERS_BLACK)
    halo = cv2.resize(cv2.GaussianBlur(cv2.resize(ink, None, fx=0.5, fy=0.5), (0, 0), 1.6), spec.size)
    _tint(page, 0.13 * halo, spec.hand.ink)
    _tint(page, ink, spec.hand.ink)
    if spec.layout == "postcard":
        _stamp(page, rng)
    if spec.blur:
        page = np.asarray(cv2.GaussianBlur(page, (0, 0), spec.blur), dtype=np.float32)
    return scan(page, rng, bed=spec.bed, gray=spec.gray)


def _written(spec: PageSpec, rng: np.random.Generator, *, draw: bool) -> Desk:
    text = (TEXTS / f"{spec.text}.txt").read_text(encoding="utf-8")
    if spec.layout != "postcard":
        text = text.split("---\n")[spec.section]
    desk = Desk(spec, rng, draw=draw)
    LAYOUTS[spec.layout](desk, text.splitlines())
    return desk


def _tint(page: Color, cover: np.ndarray, color: tuple[int, int, int]) -> None:
    """Let ``color`` hide the share ``cover`` (0-1, (H, W)) of the page, in place; fibres stay visible in thin ink."""
    share = np.clip(cover, 0, 1)
    for channel, value in enumerate(color):
        page[:, :, channel] *= 1 - share * (1 - value / 255)


def _stamp(page: Color, rng: np.random.Generator) -> None:
    """A small stamp with perforations, and the office's ring and wavy bars across it."""
    height, width = page.shape[:2]
    x, y = width - 215, 60
    stamp = np.zeros((height, width), np.float32)
    cv2.rectangle(stamp, (x, y), (x + 130, y + 158), (1.0,), -1)
    for step in range(0, 158, 13):
        for edge in (x, x + 130):
            cv2.circle(stamp, (edge, y + step), 4, (0.0,), -1, cv2.LINE_AA)
    for step in range(0, 134, 13):
        for edge in (y, y + 158):
            cv2.circle(stamp, (x + step, edge), 4, (0.0,), -1, cv2.LINE_AA)
    cv2.rectangle(stamp, (x + 12, y + 12), (x + 118, y + 146), (0.55,), 3, cv2.LINE_AA)
    cv2.ellipse(stamp, (x + 65, y + 72), (34, 46), 0, 0, 360, (0.45,), -1, cv2.LINE_AA)
    cv2.ellipse(stamp, (x + 68, y + 66), (20, 27), 0, 0, 360, (0.7,), -1, cv2.LINE_AA)
    _tint(page, stamp * (0.85 + 0.05 * smooth_noise(rng, (width, height), 4)), (176, 62, 54))
    mark = np.zeros((height, width), np.float32)
    center = (x - 60, y + 92)
    for radius, thick in ((74, 3), (46, 2)):
        cv2.circle(mark, center, radius, (0.8,), thick, cv2.LINE_AA)
    across = np.arange(x + 12, width + 20, 4)
    for bar in range(5):
        down = y + 50 + 20 * bar + 5 * np.sin(across / 17.0)
        points = np.column_stack([across, down]).astype(np.int32)
        cv2.polylines(mark, [points], False, (0.75,), 3, cv2.LINE_AA)
    _tint(page, mark * np.clip(0.75 + 0.3 * smooth_noise(rng, (width, height), 9), 0, 1), (46, 44, 50))
