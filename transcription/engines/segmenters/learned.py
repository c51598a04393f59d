"""Finds text lines with a network of our own: maps of baselines, ends and heights, traced and outlined.

The page is looked at with its long side at ``long_side`` pixels; where the writing then is very small, once more at
twice that. Lines that climb the page are found too. The record says how the page is turned, whether it is two pages
side by side, and which lines are print.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from transcription.engines.device import Precision, choose_device, number_type
from transcription.engines.segmenters.arrangement import arranged
from transcription.engines.segmenters.gutter import find_gutter
from transcription.engines.segmenters.line_input import Floats, at_working_size, network_input, padded
from transcription.engines.segmenters.line_network import GRAIN, MAPS, STRIDE, LineNetwork, fuse_norms
from transcription.engines.segmenters.paper import why_no_blank_paper
from transcription.engines.segmenters.polygons import PolygonOptions, outline_lines
from transcription.engines.segmenters.tracing import Maps, TracedLine, TracingOptions, trace
from transcription.engines.weights_file import load_tensors, read_description
from transcription.errors import WeightsError
from transcription.htr.blank import BLANK
from transcription.htr.geometry import area, clip_to_page, simplify
from transcription.htr.geometry import scale as rescale
from transcription.htr.records import Gray, LayoutRecord, LineGeometry

_SMALLEST_SIDE = 24  # pixels: no writing can be read on less
_MOST_ASPECT = 20  # longer strips are no pages
_MOST_LINES = 600  # more is texture, not writing
_MOST_POLYGON_POINTS = 60
_NO_TRACE = 0.3  # chance of a baseline under which there is none, however short


@dataclass(frozen=True, slots=True)
class LearnedOptions:
    long_side: int = 1280  # pixels of the working image
    small_rise: float = 7.0  # pixels of it: below, the page is looked at again at twice the size
    turned: float = 0.9  # least chance of another orientation
    printed: float = 0.6  # chance from which on a line is said to be print
    tracing: TracingOptions = field(default_factory=TracingOptions)
    polygons: PolygonOptions = field(default_factory=PolygonOptions)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the network says of a page looked at in one size; ``scale`` is map pixels per page pixel, (x, y)."""

    lines: list[TracedLine]
    small: Gray
    scale: tuple[float, float]
    turn: int
    faintest: float  # chance of a baseline where it is highest


class LearnedSegmenter:
    """Implements ``Segmenter``."""

    def __init__(
        self,
        *,
        weights: Path,
        options: LearnedOptions | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int = 0,
    ) -> None:
        description = read_description(weights)
        if description.get("kind") != "segmenter":
            raise WeightsError(f"{weights} holds no segmenter's weights; it says it is {description.get('kind')}.")
        self.options = options or LearnedOptions()
        self.device = choose_device(device)
        self.numbers = number_type(self.device, precision)
        if threads:
            torch.set_num_threads(threads)
        widths = tuple(int(width) for width in description["widths"])
        network = LineNetwork(widths)  # type: ignore[arg-type]
        try:
            network.load_state_dict(load_tensors(weights))
        except RuntimeError as error:
            raise WeightsError(f"{weights} does not fit the network: {error}") from error
        network = fuse_norms(network.eval())
        self.network = network.to(self.device, self.numbers, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def segment(self, image: Gray) -> LayoutRecord:
        """Lines of a grey page (H, W) in reading order, in its own pixels.

        An image without writing gives no lines and says why in ``note``; no image raises.
        """
        height, width = image.shape[:2] if image.ndim >= 2 else (0, 0)
        if min(height, width) < _SMALLEST_SIDE:
            return _nothing(width, height, f"The image is only {width} × {height} pixels; no line can be found on it.")
        if max(height, width) > _MOST_ASPECT * min(height, width):
            return _nothing(width, height, f"The image is a strip of {width} × {height} pixels, not a page.")
        seen = self.look(image, self.options.long_side)
        rises = [line.rise * STRIDE for line in seen.lines]
        if len(rises) > 3 and np.median(rises) < self.options.small_rise:
            turn = seen.turn
            seen = replace(self.look(image, 2 * self.options.long_side), turn=turn)
        if not seen.lines:
            return _nothing(width, height, _why_nothing(seen))
        if len(seen.lines) > _MOST_LINES:
            return _nothing(width, height, f"The page shows {len(seen.lines)} line-like marks, too many to be writing.")
        return self._record(seen, (width, height))

    def look(self, image: Gray, long_side: int) -> Seen:
        """The page's lines in map pixels, as the network sees them with the page's long side at ``long_side``."""
        small = at_working_size(image, long_side)
        maps, turns = self.maps(small)
        turn = int(turns.argmax())
        scale = (small.shape[1] / image.shape[1] / STRIDE, small.shape[0] / image.shape[0] / STRIDE)
        return Seen(
            lines=trace(maps, self.options.tracing),
            small=small,
            scale=scale,
            turn=turn if turns[turn] >= self.options.turned else 0,
            faintest=float(cv2.blur(maps.baseline, (9, 3)).max()),
        )

    def maps(self, small: Gray) -> tuple[Maps, NDArray[np.float32]]:
        """The network's maps of a page at working size, (H / 2, W / 2) each, and the chances (4,) of its turns."""
        rows, columns = -(-small.shape[0] // STRIDE), -(-small.shape[1] // STRIDE)
        values = torch.from_numpy(padded(network_input(small), GRAIN))[None, None]
        with torch.inference_mode():
            values = values.to(self.device, self.numbers).contiguous(memory_format=torch.channels_last)
            drawn, turns = self.network(values)
            found: Floats = drawn[0].float().cpu().numpy()[:, :rows, :columns]
            chances: NDArray[np.float32] = turns[0].float().softmax(0).cpu().numpy()
        named: dict[str, Any] = dict(zip(MAPS, found, strict=True))
        for name in ("rise", "fall"):
            named[name] = np.exp2(np.clip(named[name], 0, 9)) / STRIDE
        for name in ("baseline", "end", "body", "printed"):
            named[name] = (1 / (1 + np.exp(-np.clip(named[name], -30, 30)))).astype(np.float32)
        return Maps(**named), chances

    def _record(self, seen: Seen, size: tuple[int, int]) -> LayoutRecord:
        outlines = outline_lines(seen.lines, self.options.polygons)
        lines = []
        for line, outline in zip(seen.lines, outlines, strict=True):
            production = "printed" if line.printed >= self.options.printed else "handwritten"
            geometry = _geometry(line.baseline, outline, seen.scale, size, production)
            if geometry is not None:
                lines.append(geometry)
        factor = seen.small.shape[1] / size[0]
        gutter = find_gutter(seen.small, [rescale(line, factor, factor) for line in lines])
        return arranged(lines, size, turn=seen.turn, gutter=None if gutter is None else round(gutter / factor))


def _why_nothing(seen: Seen) -> str:
    """Blank where the network saw next to nothing on paper; a faint trace of a line, a picture or a black frame is not
    for the machine to pass over."""
    if seen.faintest >= _NO_TRACE:
        return "No writing was found on this page, though something on it may be."
    return why_no_blank_paper(seen.small) or f"{BLANK.capitalize()}: nothing on it looks like writing."


def _nothing(width: int, height: int, note: str) -> LayoutRecord:
    return LayoutRecord(lines=(), size=(width, height), note=note)


def _geometry(
    baseline: NDArray[np.float64],
    outline: NDArray[np.float64],
    scale: tuple[float, float],
    size: tuple[int, int],
    production: str,
) -> LineGeometry | None:
    """In the page's pixels, simplified and clipped; None when nothing is left of it."""
    # The centre of map pixel i stands for the pixels STRIDE * i to STRIDE * i + STRIDE - 1.
    course, border = ((points + 0.5) / scale - 0.5 for points in (baseline, outline))
    tolerance = max(1.0, float(np.hypot(*np.ptp(border, axis=0))) / 800)
    drawn = LineGeometry(
        baseline=clip_to_page(simplify(course, most=12, closed=False, tolerance=tolerance), size),
        polygon=clip_to_page(simplify(border, most=_MOST_POLYGON_POINTS, closed=True, tolerance=tolerance), size),
        production=production,
    )
    return drawn if len(drawn.baseline) > 1 and area(drawn.polygon) > 0 else None
