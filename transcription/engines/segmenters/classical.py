"""Finds text lines without a trained model: ink, ridges of smoothed ink, baselines, seams. OpenCV and numpy only.

Good on letters and registers in one or several columns, level or moderately curved; marginalia as far as white space
or a rule sets them apart.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters import page_ink
from transcription.engines.segmenters.arrangement import arranged, line_on_page, no_page, nothing, too_many
from transcription.engines.segmenters.outlines import Outline, OutlineOptions, outlines
from transcription.engines.segmenters.page_ink import Mask
from transcription.engines.segmenters.plausibility import measure, plausibility
from transcription.engines.segmenters.ridges import RidgeOptions, find_ridges
from transcription.htr.records import Gray, LayoutRecord

_MOST_LINES = 400  # more is texture, not writing


@dataclass(frozen=True, slots=True)
class ClassicalOptions:
    """How pages are reduced and what counts as a line."""

    long_side: int = 1200  # pixels of the working image
    sensitivity: float = 0.65  # 0 to 1: how faint ink may be
    plausible: float = 0.5  # 0 to 1: how much a candidate must look like writing
    ridges: RidgeOptions = field(default_factory=RidgeOptions)
    outlines: OutlineOptions = field(default_factory=OutlineOptions)


class ClassicalSegmenter:
    """Implements ``Segmenter``; ``version`` changes with the code and the options, for the digest of a pass."""

    REVISION = "2"

    def __init__(self, options: ClassicalOptions | None = None) -> None:
        self.options = options or ClassicalOptions()
        digest = hashlib.sha256(repr(sorted(asdict(self.options).items())).encode()).hexdigest()[:12]
        self.version = f"classical-{self.REVISION}-{digest}"

    def segment(self, image: Gray) -> LayoutRecord:
        """Lines and regions of a grey page (H, W), ink dark, in reading order, in its own pixels.

        An image without writing gives no lines and says why in ``note``; no image raises.
        """
        unfit = no_page(image)
        if unfit is not None:
            return unfit
        height, width = image.shape[:2]
        factor = min(1.0, self.options.long_side / max(height, width))
        size = (max(8, round(width * factor)), max(8, round(height * factor)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8) if factor < 1 else image
        found, level = self._outlines(small)
        if not found:
            return nothing((width, height), "No writing was found on this page.")
        if len(found) > _MOST_LINES:
            return too_many(len(found), (width, height))
        scale = np.diag([width / small.shape[1], height / small.shape[0]])
        back: NDArray[np.float64] = scale @ np.asarray(cv2.invertAffineTransform(level), np.float64)
        turn, shift = back[:, :2].T, back[:, 2]
        drawn = [
            line_on_page(each.baseline @ turn + shift, each.polygon @ turn + shift, (width, height)) for each in found
        ]
        lines = [line for line in drawn if line is not None]
        return arranged(lines, (width, height))

    def _outlines(self, small: Gray) -> tuple[list[Outline], NDArray[np.float64]]:
        """Lines in the levelled working image, and the (2, 3) transform that levelled it."""
        gray, ink, rules, page, level = self._levelled(small)
        if not 1e-4 < float(ink.mean()) < 0.45:
            return [], level
        spacing = page_ink.line_spacing(ink)
        tracks = find_ridges(ink, rules, spacing, self.options.ridges)
        for _ in range(2):  # the second time without what is no writing, so that polygons keep no distance to it
            found = outlines(ink, tracks, spacing, self.options.outlines)
            likely = plausibility(measure(found, gray, ink, page, spacing)) >= self.options.plausible
            tracks = [track for track, keep in zip(tracks, likely, strict=True) if keep]
            if likely.all() or not tracks:
                break
        return [outline for outline, keep in zip(found, likely, strict=True) if keep], level

    def _levelled(self, small: Gray) -> tuple[Gray, Mask, Mask, Mask, NDArray[np.float64]]:
        """Grey, ink, upright rules and sheet, turned so that lines are level, and the transform that did it."""
        page = page_ink.page_area(small)
        ink = page_ink.binarize(small, page, sensitivity=self.options.sensitivity)
        ink, rules = page_ink.without_rules(ink)
        ink = page_ink.without_specks_and_blots(ink)
        degrees = page_ink.skew(ink)
        centre, size = (small.shape[1] / 2, small.shape[0] / 2), small.shape[::-1]
        level = np.asarray(cv2.getRotationMatrix2D(centre, degrees, 1.0), np.float64)
        if degrees:
            small = cv2.warpAffine(small, level, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)
            ink = (cv2.warpAffine(ink * 255, level, size) > 127).astype(np.uint8)
            rules = cv2.warpAffine(rules, level, size, flags=cv2.INTER_NEAREST).astype(np.uint8)
            page = cv2.warpAffine(page, level, size, flags=cv2.INTER_NEAREST).astype(np.uint8)
        return small, ink, rules, page, level
