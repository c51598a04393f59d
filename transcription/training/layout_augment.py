"""Random but plausible changes to a page: another camera, paper, light and hand on the same lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.geometry import Chain, resample
from transcription.htr.records import Gray
from transcription.training.layout_targets import TaughtLine

Floats = NDArray[np.float32]

_LEAST_RISE = 7.0  # pixels: nobody finds lines in writing that is smaller, and the product looks closer


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page that can be learned from: grey pixels, ink dark, and its lines in these pixels; whether print is among
    them where there is any, or is known to be passed over."""

    image: Gray
    lines: tuple[TaughtLine, ...]
    tells_print: bool = True
    passes_print: bool = False


def view(sheet: Sheet, side: int, rng: np.random.Generator) -> Sheet:
    """A square window of ``side`` pixels on the page as another camera would see it: scaled, turned, tilted, bent."""
    rows, columns = sheet.image.shape
    scale = float(np.exp(rng.uniform(np.log(0.62), np.log(1.7))))
    if rng.random() < 0.2:  # the whole page
        scale = side / max(rows, columns) * float(rng.uniform(0.9, 1.1))
    rise = float(np.median([line.rise for line in sheet.lines])) if sheet.lines else 20.0
    scale = max(scale, 0.5, min(_LEAST_RISE / rise, 2.0))
    stretch = float(np.exp(rng.normal(0, 0.08)))
    degrees = float(rng.normal(0, 1.6) if rng.random() < 0.85 else rng.uniform(-14, 14))
    focus = _focus(sheet, side / scale, rng)
    turn = np.deg2rad(degrees)
    shear = float(rng.normal(0, 0.04))
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array(
        [[scale * stretch, scale * shear], [0.0, scale]]
    )
    image = sheet.image
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = side / 2 - linear @ focus
    matrix[2, :2] = rng.normal(0, 2e-5, 2)  # a camera that does not look straight down
    matrix = _anchored(matrix, focus, side)
    amplitude, period = float(rng.normal(0, 5) * scale), float(rng.uniform(300, 1200))
    phase = float(rng.uniform(0, 2 * np.pi))
    if scale < 0.9:  # sampling points would drop strokes
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale).astype(np.uint8)
    across, down = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    straight = down + np.float32(amplitude) * np.sin(2 * np.pi * across / np.float32(period) + np.float32(phase))
    back = np.linalg.inv(matrix)
    depth = back[2, 0] * across + back[2, 1] * straight + back[2, 2]
    source = [((back[k, 0] * across + back[k, 1] * straight + back[k, 2]) / depth).astype(np.float32) for k in (0, 1)]
    ground = int(rng.choice([0, 30, 128, 255])) if rng.random() < 0.5 else int(np.median(image))
    how = cv2.BORDER_CONSTANT if rng.random() < 0.7 else cv2.BORDER_REFLECT
    if how == cv2.BORDER_REFLECT:  # mirrored writing outside of the page would be lines that nobody taught
        how = cv2.BORDER_REPLICATE
    seen = cv2.remap(image, source[0], source[1], cv2.INTER_LINEAR, borderMode=how, borderValue=ground)

    def moved(points: Chain) -> Chain:
        flat = np.column_stack([points, np.ones(len(points))]) @ matrix.T
        flat = flat[:, :2] / flat[:, 2:]
        flat[:, 1] -= amplitude * np.sin(2 * np.pi * flat[:, 0] / period + phase)
        return flat

    lines = []
    for line in sheet.lines:
        baseline = moved(resample(line.baseline, 12.0))
        low, high = baseline.min(axis=0), baseline.max(axis=0)
        if (high < -side).any() or (low > 2 * side).any():
            continue
        here = replace(line, baseline=baseline, polygon=moved(line.polygon))
        lines.append(replace(here, rise=line.rise * scale, fall=line.fall * scale))
    return replace(sheet, image=seen.astype(np.uint8), lines=tuple(lines))


def _focus(sheet: Sheet, reach: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where the window looks: mostly at some line, sometimes anywhere."""
    rows, columns = sheet.image.shape
    if sheet.lines and rng.random() < 0.7:
        line = sheet.lines[rng.integers(len(sheet.lines))]
        point: NDArray[np.float64] = line.baseline[rng.integers(len(line.baseline))]
        return point + rng.uniform(-0.4, 0.4, 2) * reach
    return rng.uniform(0, 1, 2) * (columns, rows)


def _anchored(matrix: NDArray[np.float64], focus: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """The same view, shifted so that ``focus`` is in the middle of the window."""
    at = matrix @ np.array([*focus, 1.0])
    shift = np.eye(3)
    shift[:2, 2] = side / 2 - at[:2] / at[2]
    result: NDArray[np.float64] = shift @ matrix
    return result


def beside(left: Sheet, right: Sheet, rng: np.random.Generator) -> Sheet:
    """Two pages as an opened volume, with the shadow of its fold between them."""
    height = max(left.image.shape[0], right.image.shape[0])
    gap = int(rng.integers(0, 30))
    width = left.image.shape[1] + gap + right.image.shape[1]
    image = np.full((height, width), int(np.median(left.image)), np.uint8)
    image[: left.image.shape[0], : left.image.shape[1]] = left.image
    offset = left.image.shape[1] + gap
    image[: right.image.shape[0], offset:] = right.image
    fold = left.image.shape[1] + gap / 2
    shadow = 1 - rng.uniform(0.1, 0.7) * np.exp(-(((np.arange(width) - fold) / rng.uniform(5, 50)) ** 2))
    image = np.clip(image * shadow[None, :], 0, 255).astype(np.uint8)
    aside = np.array([offset, 0.0])
    lines = [replace(line, baseline=line.baseline + aside, polygon=line.polygon + aside) for line in right.lines]
    both = (left.tells_print and right.tells_print, left.passes_print and right.passes_print)
    return Sheet(image, (*left.lines, *lines), *both)


def weather(image: Gray, other: Gray, rng: np.random.Generator) -> Gray:
    """Another paper, light, pen or scan; ``other`` is some page whose writing may shine through."""
    pixels: NDArray[Any] = image.astype(np.float32)
    rows, columns = image.shape
    if rng.random() < 0.25:  # the other side of the leaf
        behind = cv2.GaussianBlur(cv2.resize(other[:, ::-1], (columns, rows)), (0, 0), rng.uniform(0.7, 2.0))
        pixels -= rng.uniform(0.1, 0.45) * np.maximum(float(np.median(behind)) - behind.astype(np.float32), 0)
    if rng.random() < 0.25:
        pixels = _paler(pixels, rng)
    if rng.random() < 0.25:  # after the ink has faded: the rules of a form stay black under pencil
        pixels = _rules(pixels, rng)
    if rng.random() < 0.12:
        pixels = _stamp(pixels, rng)
    if rng.random() < 0.4:  # light from one side, stains
        field = rng.normal(0, 1, (3, 3)).astype(np.float32)
        pixels += rng.uniform(5, 45) * cv2.resize(field, (columns, rows), interpolation=cv2.INTER_CUBIC)
    draw = rng.random()
    if draw < 0.12:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2, 2) if rng.random() < 0.7 else (3, 3))
        pixels = (cv2.erode if rng.random() < 0.6 else cv2.dilate)(pixels, kernel)
    elif draw < 0.32:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.6))
    elif draw < 0.40:
        pixels = cv2.addWeighted(pixels, 1.8, cv2.GaussianBlur(pixels, (0, 0), 1.5), -0.8, 0)
    pixels = np.clip(pixels, 0, 255)
    if rng.random() < 0.5:
        pixels = 255 * (pixels / 255) ** float(np.exp(rng.normal(0, 0.4)))
    if rng.random() < 0.5:
        pixels = (pixels - 128) * rng.uniform(0.45, 1.25) + 128 + rng.uniform(-40, 40)
    if rng.random() < 0.06:  # bitonal scans and photocopies
        level = float(np.percentile(pixels, 50)) - rng.uniform(18, 50)
        pixels = np.where(pixels < level, 0.0, 255.0).astype(np.float32)
    if rng.random() < 0.5:
        pixels = pixels + rng.normal(0, rng.uniform(1, 14), pixels.shape).astype(np.float32)
    if rng.random() < 0.05:  # negative film
        pixels = 255 - pixels
    seen = np.clip(pixels, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        _, code = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))])
        again = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
        assert again is not None
        seen = again.astype(np.uint8)
    return seen


def _paler(pixels: Floats, rng: np.random.Generator) -> Floats:
    """Faded ink or pencil: everything darker than the paper around it comes nearer to it, all over or on one side."""
    rows, columns = pixels.shape
    size = (max(1, columns // 4), max(1, rows // 4))
    small = cv2.resize(np.clip(pixels, 0, 255).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    paper = cv2.medianBlur(cv2.dilate(small, np.ones((3, 3), np.uint8)), 21)
    ground = cv2.resize(paper, (columns, rows), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    kept: NDArray[Any] = np.full((1, columns), rng.uniform(0.12, 0.55), np.float32)
    if rng.random() < 0.3:
        kept = np.linspace(kept[0, 0], rng.uniform(0.3, 1.0), columns, dtype=np.float32)[None, :: rng.choice([-1, 1])]
    result: Floats = pixels + (1 - kept) * np.maximum(ground - pixels, 0)
    return result


def _rules(pixels: Floats, rng: np.random.Generator) -> Floats:
    """Ruled paper or the grid of a form: lines that are not writing."""
    rows, columns = pixels.shape
    drawn = np.zeros_like(pixels)
    spacing, at = rng.uniform(14, 60), rng.uniform(0, 40)
    lean = rng.normal(0, 0.006) * columns
    left, right = (0, columns) if rng.random() < 0.5 else sorted(int(x) for x in rng.integers(0, columns, 2))
    thickness, dashed = int(rng.integers(1, 3)), rng.random() < 0.35
    for y in np.arange(at, rows, spacing):
        cv2.line(drawn, (left, round(y)), (right, round(y + lean)), 1.0, thickness, cv2.LINE_AA)
    if dashed:
        period = int(rng.integers(4, 13))
        drawn[:, np.arange(columns) % period < period * rng.uniform(0.25, 0.6)] = 0
    for x in rng.uniform(0, columns, int(rng.integers(0, 6))):
        cv2.line(drawn, (round(x), 0), (round(x - lean), rows), 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
    result: Floats = pixels - drawn * np.float32(rng.uniform(15, 120))
    return result


def _stamp(pixels: Floats, rng: np.random.Generator) -> Floats:
    """A round stamp, a seal, a blot or a crossing-out: marks that are not lines."""
    rows, columns = pixels.shape
    drawn: NDArray[Any] = np.zeros(pixels.shape, np.uint8)
    centre = (int(rng.integers(0, columns)), int(rng.integers(0, rows)))
    radius = int(rng.integers(15, 60))
    kind = rng.random()
    if kind < 0.5:
        cv2.circle(drawn, centre, radius, 255, 2, cv2.LINE_AA)
        cv2.circle(drawn, centre, round(radius * 0.7), 255, 1, cv2.LINE_AA)
        cv2.putText(drawn, "ARCHIVES", (centre[0] - radius // 2, centre[1]), 1, radius / 55, 255, 1, cv2.LINE_AA)
    elif kind < 0.75:
        cv2.ellipse(drawn, centre, (radius, radius // 2), float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
        drawn = cv2.GaussianBlur(drawn, (0, 0), 2.0).astype(np.uint8)
    else:
        corner = (centre[0] + int(rng.normal(0, 200)), centre[1] + int(rng.normal(0, 200)))
        cv2.line(drawn, centre, corner, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    result: Floats = (pixels - drawn * (rng.uniform(30, 150) / 255)).astype(np.float32)
    return result


def letterhead(sheet: Sheet, printed: Sequence[tuple[Gray, float]], rng: np.random.Generator) -> Sheet:
    """The page with print on it where it is blank; whether this is a line stays open where print is passed over.
    ``printed`` are images of lines, ink as 255, each with the height of its baseline in it."""
    rows, columns = sheet.image.shape
    image, lines = sheet.image.copy(), list(sheet.lines)
    taken = np.zeros((rows, columns), np.uint8)
    for line in lines:
        cv2.fillPoly(taken, [np.rint(line.polygon).astype(np.int32)], 1)
    taken = cv2.dilate(taken, np.ones((9, 25), np.uint8)).astype(np.uint8)
    strength = rng.uniform(0.5, 1.0)
    for pixels, base in printed:
        height, width = pixels.shape
        for _ in range(12):
            left, top = int(rng.integers(0, max(1, columns - width))), int(rng.integers(0, max(1, rows - height)))
            if width >= columns or height >= rows or taken[top : top + height, left : left + width].any():
                continue
            under = image[top : top + height, left : left + width].astype(np.float32)
            dark = float(np.percentile(image, 1))
            mixed = under + (dark - under) * strength * pixels / 255
            image[top : top + height, left : left + width] = np.clip(np.minimum(under, mixed), 0, 255).astype(np.uint8)
            taken[max(0, top - 4) : top + height + 4, max(0, left - 12) : left + width + 12] = 1
            y = top + base
            baseline = np.array([[left, y], [left + width, y]], np.float64)
            polygon = np.array(
                [[left, top], [left + width, top], [left + width, top + height], [left, top + height]], np.float64
            )
            reach = (max(2.0, base), max(2.0, height - base))
            lines.append(TaughtLine(baseline, polygon, *reach, printed=True, passed_over=sheet.passes_print))
            break
    return replace(sheet, image=image, lines=tuple(lines))
