"""TIFFs that Pillow does not know, such as CIELAB, read by libvips; runs in the decoder process only.

Messages are predicates, as in raster_decoder.
"""

from __future__ import annotations

from pathlib import Path

import pyvips

from transcription.errors import BadInput

_COLOR_SPACES = frozenset({"lab", "labq", "labs", "xyz", "scrgb", "srgb", "rgb16", "b-w", "grey16", "cmyk"})


def sizes(path: Path, max_frames: int) -> list[tuple[int, int]]:
    """Return (width, height) of each frame, one more than ``max_frames`` at most. Raises BadInput."""
    first = _frame(path, 0)
    number = int(first.get("n-pages")) if first.get_typeof("n-pages") else 1
    images = [first, *(_frame(path, index) for index in range(1, min(number, max_frames + 1)))]
    return [(image.width, image.height) for image in images]


def load(path: Path, frame: int) -> pyvips.Image:
    """Return the pixels of one frame, upright, 8-bit grey or sRGB. Raises BadInput."""
    image = _frame(path, frame)
    if image.interpretation not in _COLOR_SPACES:
        raise BadInput(
            "is a rare variety of TIFF that cannot be read. Save it again as TIFF with 8 bits a channel",
            code="unsupported-kind",
        )
    try:
        plain = image.colourspace("srgb" if image.bands >= 3 else "b-w")
        if plain.hasalpha():
            plain = plain.flatten(background=255)
        return plain.cast("uchar").copy_memory()
    except pyvips.Error as error:
        raise _broken(error) from error


def _frame(path: Path, index: int) -> pyvips.Image:
    try:
        return pyvips.Image.tiffload(str(path), page=index, autorotate=True, fail_on="truncated")
    except pyvips.Error as error:
        raise _broken(error) from error


def _broken(error: pyvips.Error) -> BadInput:
    if "out of memory" in str(error):
        raise MemoryError(str(error)) from error
    return BadInput("is damaged: it cannot be decoded as a TIFF image. Copy or scan it again", code="damaged")
