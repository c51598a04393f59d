"""Random but plausible changes to a line image: another slant, pen, paper and scan of the same text."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.enhance import enhance
from transcription.htr.records import Gray


def warp(pixels: Gray, height: int, max_width: int, rng: np.random.Generator, *, wide_as: int = 0) -> Gray:
    """Scale, slant, turn, shift and bend a line in one interpolation; the result is (``height``, W'), with ``wide_as``
    as wide as at that height."""
    rows, columns = pixels.shape
    scale, narrow = height / rows, (wide_as or height) / height
    width = int(np.clip(columns * scale * narrow * rng.uniform(0.8, 1.2), 16, max_width))
    stretch = width / columns
    grow = scale * rng.uniform(0.82, 1.12)
    slant, turn = rng.normal(0, 0.18), rng.normal(0, 0.006)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    middle = height / 2 + rng.uniform(-0.06, 0.06) * height
    source_x = (x + slant * narrow * (y - middle)) / stretch
    source_y = (y - middle + turn * (x - width / 2)) / grow + rows / 2
    # Elastic distortion from a coarse random field (Simard et al. 2003), about two pixels.
    field = rng.normal(0, 1, (2, 4, max(2, width // 24))).astype(np.float32)
    strength = rng.uniform(0, 2.0) / scale
    source_x += strength * cv2.resize(field[0], (width, height), interpolation=cv2.INTER_CUBIC)
    source_y += strength * cv2.resize(field[1], (width, height), interpolation=cv2.INTER_CUBIC)
    ground = int(np.percentile(pixels, 75))
    if scale < 0.9:  # remap samples points: smooth first, or thin strokes vanish
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.35 / scale).astype(np.uint8)
    warped = cv2.remap(pixels, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=ground)
    return warped.astype(np.uint8)


def weather(pixels: Gray, rng: np.random.Generator) -> Gray:
    """Another pen, paper or scan: stroke width, blur, contrast, gradients, noise; sometimes an enhancement recipe."""
    draw = rng.random()
    if draw < 0.12:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2, 2))
        pixels = (cv2.erode if rng.random() < 0.6 else cv2.dilate)(pixels, kernel).astype(np.uint8)
    elif draw < 0.24:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 0.9)).astype(np.uint8)
    elif draw < 0.34:
        # The product reads enhanced images too; the recogniser must know what they look like.
        pixels = enhance(pixels, "clahe" if rng.random() < 0.5 else "background")
    elif draw < 0.40:
        pixels = enhance(pixels, "adaptive")
    image = pixels.astype(np.float32)
    if rng.random() < 0.3:
        image += np.linspace(rng.normal(0, 15), rng.normal(0, 15), image.shape[1], dtype=np.float32)[None, :]
    if rng.random() < 0.4:
        image = (255 * (np.clip(image, 0, 255) / 255) ** rng.uniform(0.6, 1.6)).astype(np.float32)
    if rng.random() < 0.4:
        image += rng.normal(0, rng.uniform(1, 9), image.shape).astype(np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)


def hide(ink: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """In some lines blank a few narrow stripes, so that the network learns to read from context (span masking:
    Li et al., HTR-VT, 2024)."""
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 2 + ink.shape[1] // 200))):
            start = int(rng.integers(0, ink.shape[1]))
            ink[:, start : start + int(rng.integers(4, 20))] = 0
    return ink
