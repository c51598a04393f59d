"""Finds text lines with a network of our own: maps of baselines, ends and heights, traced and outlined.

The page is looked at with its long side at ``long_side`` pixels; where the writing then is very small, once more at
twice that. Lines that climb the page are found too. The record says how the page is turned, whether it is two pages
side by side, and which lines are print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from transcription.engines.device import Precision, choose_device, number_type
from transcription.engines.segmenters.arrangement import arranged, line_on_page, no_page, nothing, too_many
from transcription.engines.segmenters.gutter import find_gutter
from transcription.engines.segmenters.line_input import Floats, at_working_size, network_input, padded
from transcription.engines.segmenters.line_network import GRAIN, MAPS, STRIDE, LineNetwork, fuse_norms
from transcription.engines.segmenters.paper import why_no_blank_paper
from transcription.engines.segmenters.polygons import PolygonOptions, outline_lines
from transcription.engines.segmenters.print_network import PrintDetector
from transcription.engines.segmenters.sideways import find_sideways
from transcription.engines.segmenters.tracing import Maps, TracedLine, TracingOptions, trace
from transcription.engines.weights_file import load_tensors, read_description
from transcription.errors import WeightsError
from transcription.htr.blank import BLANK
from transcription.htr.crop import cut_line
from transcription.htr.geometry import scale as rescale
from transcription.htr.records import Gray, LayoutRecord

_MOST_LINES = 600  # more is texture, not writing
_CLEARER = 0.01  # by both measures: a page turned wrongly is worse than one left to a person
_TRIAL_SIDE = 1024  # pixels at which a page is tried in another orientation
_NO_TRACE = 0.3  # chance of a baseline under which there is none, however short


@dataclass(frozen=True, slots=True)
class LearnedOptions:
    long_side: int = 1280  # pixels of the working image
    small_rise: float = 7.0  # pixels of it: below, the page is looked at again at twice the size
    sideways: float = 0.5  # chance of lying on its side from which on a page is tried upright both ways
    upended: float = 0.035  # chance of standing on its head, likewise
    fine_print: float = 0.55  # of the page's usual rise: lower lines are the small print of a form, not its writing
    printed: float = 0.6  # chance from which on a line is said to be print
    tracing: TracingOptions = field(default_factory=TracingOptions)
    polygons: PolygonOptions = field(default_factory=PolygonOptions)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the network says of a page looked at in one size; ``scale`` is map pixels per page pixel, (x, y)."""

    lines: list[TracedLine]
    small: Gray
    scale: tuple[float, float]
    turns: NDArray[np.float32]  # (4,) chances of the quarter turns that make the page upright
    faintest: float  # chance of a baseline where it is highest

    @property
    def clearness(self) -> tuple[float, float]:
        """How sure the network is of the lines all along them, by their length: as much as it can be where the writing
        stands upright, and less on its head, though the lines are the same."""
        lengths = np.array([len(line.baseline) for line in self.lines])
        if not len(lengths):
            return 0.0, 0.0
        faint, chance = ([getattr(line, name) for line in self.lines] for name in ("faint", "chance"))
        return float(np.average(faint, weights=lengths)), float(np.average(chance, weights=lengths))


class LearnedSegmenter:
    """Implements ``Segmenter``. ``printing`` are the weights of a `PrintDetector`, one file or none: without it the
    network's own map tells print from handwriting, which it does for book faces only."""

    def __init__(
        self,
        *,
        weights: Path,
        printing: Sequence[Path] = (),
        options: LearnedOptions | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int = 0,
    ) -> None:
        description = read_description(weights)
        if description.get("kind") != "segmenter":
            raise WeightsError(f"{weights} holds no segmenter's weights; it says it is {description.get('kind')}.")
        self.options = options or LearnedOptions()
        self._print = PrintDetector(*printing) if printing else None
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
        unfit = no_page(image)
        if unfit is not None:
            return unfit
        height, width = image.shape[:2]
        seen = self.look(image, self.options.long_side)
        rises = [line.rise * STRIDE for line in seen.lines]
        turn = self.turn_of(image, seen)
        if len(rises) > 3 and np.median(rises) < self.options.small_rise:
            seen = self.look(image, 2 * self.options.long_side)
        if not seen.lines:
            return nothing((width, height), _why_nothing(seen))
        if len(seen.lines) > _MOST_LINES:
            return too_many(len(seen.lines), (width, height))
        if not turn:
            seen = replace(seen, lines=find_sideways(seen.small, seen.lines, self._lines_of, self.options.polygons))
        return self._record(image, seen, turn)

    def look(self, image: Gray, long_side: int) -> Seen:
        """The page's lines in map pixels, as the network sees them with the page's long side at ``long_side``."""
        small = at_working_size(image, long_side)
        maps, turns = self.maps(small)
        scale = (small.shape[1] / image.shape[1] / STRIDE, small.shape[0] / image.shape[0] / STRIDE)
        return Seen(
            lines=trace(maps, self.options.tracing),
            small=small,
            scale=scale,
            turns=turns,
            faintest=float(cv2.blur(maps.baseline, (9, 3)).max()),
        )

    def _lines_of(self, small: Gray) -> list[TracedLine]:
        """Lines of a page at working size that run level."""
        return trace(self.maps(small)[0], self.options.tracing)

    def turn_of(self, image: Gray, seen: Seen) -> int:
        """Quarter turns clockwise that make the writing upright.

        What the network says of the orientation tells that a page lies, not to which side; so the page is looked at
        again as it would stand, and is turned where its lines are then clearer by both measures.
        """
        if seen.turns[1] + seen.turns[3] >= self.options.sideways:
            tried = [1, 3]
        elif seen.turns[2] >= self.options.upended and len(seen.lines) > 1:
            tried = [2]
        else:
            return 0
        small = at_working_size(image, _TRIAL_SIDE)
        clear = {0: self.look(small, _TRIAL_SIDE).clearness}
        clear |= {
            turn: self.look(np.ascontiguousarray(np.rot90(small, -turn)), _TRIAL_SIDE).clearness for turn in tried
        }
        best = max(clear, key=lambda turn: clear[turn])
        clearer = min(a - b for a, b in zip(clear[best], clear[0], strict=True))
        return best if clearer > _CLEARER else 0

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

    def _record(self, image: Gray, seen: Seen, turn: int) -> LayoutRecord:
        size = (image.shape[1], image.shape[0])
        traced = self._without_fine_print(seen.lines)
        lines = []
        for line, outline in zip(traced, outline_lines(traced, self.options.polygons), strict=True):
            # The centre of map pixel i stands for the pixels STRIDE * i to STRIDE * i + STRIDE - 1.
            course, border = ((points + 0.5) / seen.scale - 0.5 for points in (line.baseline, outline))
            geometry = line_on_page(course, border, size, production=self._production(line.printed))
            if geometry is not None:
                lines.append(geometry)
        if self._print is not None:
            chances = self._print.chances([cut_line(image, line) for line in lines])
            lines = [replace(line, production=self._production(c)) for line, c in zip(lines, chances, strict=True)]
        factor = seen.small.shape[1] / size[0]
        gutter = find_gutter(seen.small, [rescale(line, factor, factor) for line in lines])
        return arranged(lines, size, turn=turn, gutter=None if gutter is None else round(gutter / factor))

    def _production(self, chance: float) -> str:
        return "printed" if chance >= self.options.printed else "handwritten"

    def _without_fine_print(self, lines: list[TracedLine]) -> list[TracedLine]:
        """The lines that are not much lower than most of the page's writing, by length."""
        rises = np.array([line.rise for line in lines])
        order = np.argsort(rises)
        reach = np.cumsum([len(lines[i].baseline) for i in order])
        usual = rises[order[int(np.searchsorted(reach, reach[-1] / 2))]]
        return [line for line in lines if line.rise >= self.options.fine_print * usual]


def _why_nothing(seen: Seen) -> str:
    """Blank where the network saw next to nothing on paper; a faint trace of a line, a picture or a black frame is not
    for the machine to pass over."""
    if seen.faintest >= _NO_TRACE:
        return "No writing was found on this page, though something on it may be."
    return why_no_blank_paper(seen.small) or f"{BLANK.capitalize()}: nothing on it looks like writing."
