"""Paper that has lain in a box for a century, and the scanner that looked at it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.records import Gray
from transcription.training.sample.noise import Field, smooth_noise

Color = NDArray[np.float32]  # (H, W, 3), RGB, 0-1


@dataclass(frozen=True, slots=True)
class Paper:
    """A kind of paper and what happened to it. ``tint`` is RGB; ``folds`` are shares of the height (rows) and, if
    negative, of the width (columns); ``show_through`` is how dark the other side's writing stands, 0-1."""

    tint: tuple[int, int, int] = (232, 220, 192)
    laid: bool = False
    age: float = 1.0
    foxing: int = 30
    stains: int = 0
    stain_strength: float = 0.22
    folds: tuple[float, ...] = ()
    show_through: float = 0.05
    fibers: int = 500
    rule_color: tuple[int, int, int] = (128, 150, 178)


def blank(paper: Paper, size: tuple[int, int], rng: np.random.Generator) -> Color:
    """An unwritten leaf of ``size`` (width, height)."""
    light = 1 + 0.010 * smooth_noise(rng, size, 2.0) + 0.012 * smooth_noise(rng, size, 14)
    light += 0.012 * paper.age * smooth_noise(rng, size, 120)
    light += 0.6 * _fibers(paper.fibers, size, rng)
    if paper.laid:
        light += _laid_lines(size, rng)
    for fold in paper.folds:
        light *= _fold(fold, size, rng)
    brown = 0.02 * paper.age * (1 + smooth_noise(rng, size, 330)) + _edge_browning(size, rng) * paper.age
    brown += _foxing(paper.foxing, size, rng)
    for _ in range(paper.stains):
        brown += paper.stain_strength * _stain(size, rng)
    brown = np.clip(brown, 0, 0.75)
    tint = np.array(paper.tint, dtype=np.float32) / 255
    # Browning takes blue first, red last.
    absorbed = 1 - brown[:, :, None] * np.array([0.42, 0.66, 1.0], dtype=np.float32)
    return np.asarray(tint * light[:, :, None] * absorbed, dtype=np.float32)


def _fibers(count: int, size: tuple[int, int], rng: np.random.Generator) -> Field:
    width, height = size
    layer = np.full((height, width), 128, np.uint8)
    for _ in range(count):
        angle, length, bend = rng.uniform(0, 6.3), rng.uniform(8, 34), rng.normal(0, 0.5)
        t = np.linspace(0, 1, 6)
        heading = angle + bend * t
        steps = np.column_stack([np.cos(heading), np.sin(heading)]) * (length / 6)
        path = np.array([rng.uniform(0, width), rng.uniform(0, height)]) + np.cumsum(steps, axis=0)
        shade = int(128 + rng.choice([-1, 1]) * rng.uniform(8, 22))
        cv2.polylines(layer, [np.round(path * 16).astype(np.int32)], False, (shade,), 1, cv2.LINE_AA, 4)
    return np.asarray((layer.astype(np.float32) - 128) / 255, dtype=np.float32)


def _laid_lines(size: tuple[int, int], rng: np.random.Generator) -> Field:
    """The mould's wires: close rows, and chains about every 110 pixels."""
    width, height = size
    rows = 0.011 * np.sin(np.arange(height, dtype=np.float32) * (2 * np.pi / 5.3))[:, None]
    columns = np.arange(width, dtype=np.float32) + rng.uniform(0, 110)
    chains = -0.03 * np.exp(-((np.mod(columns, 112) - 56) ** 2) / 6)[None, :]
    return np.asarray(rows + chains, dtype=np.float32)


def _fold(at: float, size: tuple[int, int], rng: np.random.Generator) -> Field:
    """A crease: a lit side, a shaded side and a worn, lighter or dirtier ridge."""
    width, height = size
    long, across = (width, height) if at >= 0 else (height, width)
    drift = smooth_noise(rng, (long, 3), 200)[0] * 1.5 + rng.normal(0, 0.004) * np.arange(long)
    distance = np.arange(across, dtype=np.float32)[:, None] - (abs(at) * across + drift[None, :])
    shading = 1 + 0.05 * np.tanh(distance / 3) * np.exp(-np.abs(distance) / 26)
    wear = 1 - 0.10 * np.exp(-(distance**2) / 5) * (0.6 + 0.4 * smooth_noise(rng, (long, 3), 18)[0][None, :])
    crease = np.asarray(shading * wear, dtype=np.float32)
    return crease if at >= 0 else np.ascontiguousarray(crease.T)


def _edge_browning(size: tuple[int, int], rng: np.random.Generator) -> Field:
    width, height = size
    columns = np.minimum(np.arange(width), width - 1 - np.arange(width)).astype(np.float32)[None, :]
    rows = np.minimum(np.arange(height), height - 1 - np.arange(height)).astype(np.float32)[:, None]
    distance = np.minimum(columns, rows) + 16 * smooth_noise(rng, size, 70)
    return np.asarray(0.16 * np.exp(-np.clip(distance, 0, None) / 55), dtype=np.float32)


def _foxing(count: int, size: tuple[int, int], rng: np.random.Generator) -> Field:
    width, height = size
    spots = np.zeros((height, width), np.float32)
    home = rng.uniform(0.15, 0.85, (3, 2))
    for _ in range(count):
        near = home[rng.integers(3)] + rng.normal(0, 0.17, 2)
        x, y = int(near[0] * width), int(near[1] * height)
        radius = int(np.clip(rng.lognormal(0.9, 0.7), 1, 11))
        cv2.circle(spots, (x, y), radius, (float(rng.uniform(0.12, 0.5)),), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(spots, (0, 0), 2.2), dtype=np.float32)


def _stain(size: tuple[int, int], rng: np.random.Generator) -> Field:
    """Water that dried: a pale inside, a dark tide-line and a soft outside."""
    width, height = size
    x, y = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height
    reach = rng.uniform(0.16, 0.34) * width
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    ragged = 0.16 * smooth_noise(rng, size, 150) + 0.04 * smooth_noise(rng, size, 28)
    distance = np.hypot((columns - x) / 1.15, rows - y) / reach - 1 + ragged
    inside = 0.55 / (1 + np.exp(np.clip(distance * 40, -30, 30)))
    tide = np.exp(-((distance / 0.025) ** 2)) + 0.55 * np.exp(-np.abs(np.minimum(distance, 0)) / 0.10) * (distance < 0)
    return np.asarray(inside + 0.8 * tide, dtype=np.float32)


def scan(
    page: Color, rng: np.random.Generator, *, bed: int = 24, margin: int = 34, skew: float = 1.2, gray: bool = False
) -> Gray:
    """Lay the leaf on a scanner's bed of grey level ``bed``, ``skew`` degrees off at most; uint8, (H, W, 3)."""
    height, width = page.shape[:2]
    size = (width + 2 * margin, height + 2 * margin)
    angle = rng.uniform(-skew, skew)
    turn = np.array(cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0), dtype=np.float64)
    turn[:, 2] += margin + rng.normal(0, 3, 2)
    ragged = np.zeros((height, width), np.float32)
    ragged[2:-2, 2:-2] = 1
    ragged = np.clip(cv2.GaussianBlur(ragged, (0, 0), 2.5) + 0.07 * smooth_noise(rng, (width, height), 17), 0, 1)
    leaf = cv2.warpAffine(page, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    present = np.clip((cv2.warpAffine(ragged, turn, size) - 0.5) * 5 + 0.5, 0, 1)
    shadow = cv2.resize(cv2.GaussianBlur(cv2.resize(present, None, fx=0.125, fy=0.125), (0, 0), 2.2), size)
    background = (bed / 255) * (1 + 0.025 * smooth_noise(rng, size, 3)) * (1 - 0.5 * shadow)
    mixed = leaf * present[:, :, None] + background[:, :, None] * (1 - present[:, :, None])
    mixed *= _lamp(size, rng)[:, :, None]
    if gray:
        mixed = _microfilm(mixed, rng)
    mixed += 0.008 * rng.standard_normal(mixed.shape[:2], dtype=np.float32)[:, :, None]
    return np.asarray(np.clip(mixed * 255, 0, 255), dtype=np.uint8)


def _lamp(size: tuple[int, int], rng: np.random.Generator) -> Field:
    """Uneven light: brighter near one side, falling off towards the corners."""
    width, height = size
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] + rng.normal(0, 0.15)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] + rng.normal(0, 0.15)
    return np.asarray(1.02 + rng.normal(0, 0.015) * x + rng.normal(0, 0.015) * y - 0.055 * (x * x + y * y))


def _microfilm(page: Color, rng: np.random.Generator) -> Color:
    """Grey, contrasty, scratched along the film."""
    height, width = page.shape[:2]
    level = page @ np.array([0.3, 0.59, 0.11], dtype=np.float32)
    level = np.clip((level - 0.18) * 1.28, 0, 1)
    for _ in range(5):
        x, top = int(rng.integers(width)), int(rng.integers(height // 2))
        level[top : top + int(rng.integers(200, height)), x : x + 1] += float(rng.choice([-0.10, 0.16]))
    grain = 0.02 * rng.standard_normal((height, width), dtype=np.float32)
    return np.repeat((level + grain)[:, :, None], 3, axis=2)
