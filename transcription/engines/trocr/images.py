"""Line images as a vision encoder takes them: one size for all, grey in three channels, normalised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from transcription.errors import WeightsError
from transcription.htr.records import Gray, LineImage

PREPROCESSOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"


@dataclass(frozen=True, slots=True)
class ImageForm:
    """What a checkpoint's image processor does, done here on one grey channel: resizing as PIL does it (the very bytes
    of transformers' PIL backend, a third of its work), then pixel × ``scale``, less ``mean``, over ``deviation``."""

    height: int
    width: int
    resample: int
    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def resized(self, lines: Sequence[LineImage]) -> NDArray[np.uint8]:
        """(B, height, width), each line squeezed into the whole of it."""
        size, way = (self.width, self.height), Image.Resampling(self.resample)
        return np.stack([_resized(line.pixels, size, way) for line in lines])

    def normalised(self, images: Tensor, numbers: torch.dtype) -> Tensor:
        """uint8 (B, height, width) → (B, 3, height, width) on the device of ``images``."""
        mean = torch.tensor(self.mean, device=images.device)[:, None, None]
        deviation = torch.tensor(self.deviation, device=images.device)[:, None, None]
        return ((images[:, None].float() * self.scale - mean) / deviation).to(numbers)


def _resized(pixels: Gray, size: tuple[int, int], way: Image.Resampling) -> Gray:
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, way), dtype=np.uint8)


def read_image_form(folder: Path) -> ImageForm:
    """The form that ``folder`` asks for, from either of the files transformers keeps it in.

    Raises WeightsError when there is none, or it asks for a step that is not known here (crops, padding).
    """
    described = _described(folder)
    for step in ("do_center_crop", "do_pad", "do_reduce_labels"):
        if described.get(step):
            raise WeightsError(f"{folder} asks for “{step}” of its images, which trocr does not do; use another model.")
    if not described.get("do_resize", True):
        raise WeightsError(f"{folder} leaves its images as they are; trocr needs a size to bring all lines to.")
    height, width = _size(folder, described.get("size"))
    scale = float(described.get("rescale_factor", 1 / 255)) if described.get("do_rescale", True) else 1.0
    normalises = described.get("do_normalize", True)
    mean = tuple(described.get("image_mean") or (0.5,) * 3) if normalises else (0.0,) * 3
    deviation = tuple(described.get("image_std") or (0.5,) * 3) if normalises else (1.0,) * 3
    if len(mean) != 3 or len(deviation) != 3 or 0 in deviation:
        raise WeightsError(f"{folder} normalises images by {mean} and {deviation}; three numbers each are expected.")
    return ImageForm(height, width, int(described.get("resample", 2)), scale, mean, deviation)


def _described(folder: Path) -> dict[str, Any]:
    for name in (PREPROCESSOR, PROCESSOR):
        path = folder / name
        if not path.is_file():
            continue
        try:
            described = json.loads(path.read_text(encoding="utf-8"))
            described = described["image_processor"] if name == PROCESSOR else described
        except (ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{path} cannot be read ({error}); fetch the model again.") from error
        if not isinstance(described, dict):
            raise WeightsError(f"{path} does not say how images are prepared; fetch the model again.")
        return described
    raise WeightsError(f"{folder} has no {PREPROCESSOR}; fetch the model again, with all of its files.")


def _size(folder: Path, size: Any) -> tuple[int, int]:
    if isinstance(size, dict) and {"height", "width"} <= size.keys():
        height, width = size["height"], size["width"]
    else:
        height = width = size
    if not (isinstance(height, int) and isinstance(width, int) and 0 < height <= 4096 and 0 < width <= 4096):
        raise WeightsError(f"{folder} wants images of the size {size}; a height and a width in pixels are expected.")
    return height, width
