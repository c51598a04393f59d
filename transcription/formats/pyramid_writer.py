"""The stored form of a page: a tiled pyramid TIFF, and a thumbnail. Nothing of the original but its pixels."""

from __future__ import annotations

from pathlib import Path

import pyvips

from transcription.htr.framing import Framing, columns_at
from transcription.htr.geometry import turned_size

TILE = 256
THUMBNAIL_SIDE = 400
_QUALITY = 90  # no chroma subsampling from 90 on; strokes keep their edges
_BIG = 2 << 30  # raw bytes from which a classic TIFF's 4 GiB of offsets might not do
WRITE_ERRORS = (pyvips.Error, OSError)


def write_pyramid(image: pyvips.Image, path: Path) -> None:
    """Write an 8-bit grey or sRGB image as JPEG tiles at full size and every halving down to one tile."""
    image.tiffsave(
        str(path),
        tile=True,
        tile_width=TILE,
        tile_height=TILE,
        pyramid=True,
        compression="jpeg",
        Q=_QUALITY,
        bigtiff=image.width * image.height * image.bands > _BIG,
        keep="none",
    )


def write_thumbnail(image: pyvips.Image, path: Path) -> None:
    small = image.thumbnail_image(THUMBNAIL_SIDE, height=THUMBNAIL_SIDE, size="down")
    path.write_bytes(small.jpegsave_buffer(Q=80, optimize_coding=True, keep="none"))


def framing_of(frame: pyvips.Image, *, frame_turn: int, side: str, gutter: float, turn: int) -> Framing:
    """How the page is cut out of a decoded frame; the arguments are those of decode.Cut."""
    size = (frame.width, frame.height)
    width, _ = turned_size(size, frame_turn)
    return Framing(size, frame_turn, columns_at(width, gutter, right=side == "right") if side else None, turn)


def framed(frame: pyvips.Image, framing: Framing) -> pyvips.Image:
    """The page's pixels: exactly those of the frame, in another order."""
    image = _turned(frame, framing.frame_turn)
    if framing.columns:
        image = image.crop(framing.columns[0], 0, framing.columns[1] - framing.columns[0], image.height)
    return _turned(image, framing.turn)


def _turned(image: pyvips.Image, turns: int) -> pyvips.Image:
    # libvips turns by reading rows out of their order, which wants the pixels in memory.
    return image.copy_memory().rot(f"d{90 * (turns % 4)}") if turns % 4 else image
