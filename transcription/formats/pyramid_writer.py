"""The stored form of a page: a tiled pyramid TIFF, and a thumbnail. Nothing of the original but its pixels."""

from __future__ import annotations

from pathlib import Path

import pyvips

from transcription.htr.frame_cut import columns_at, turned_size

TILE = 256
THUMBNAIL_SIDE = 400
# Of colours the finest at which libvips keeps brightness apart from them (from 90 on it stores red, green and blue):
# strokes are as sharp, a page takes a third of the space, and its grey, which is what is read, is decoded four times as
# fast.
_QUALITY_GRAY, _QUALITY_COLOR = 90, 89
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
        Q=_QUALITY_GRAY if image.bands == 1 else _QUALITY_COLOR,
        bigtiff=image.width * image.height * image.bands > _BIG,
        keep="none",
    )


def write_thumbnail(image: pyvips.Image, path: Path) -> None:
    small = image.thumbnail_image(THUMBNAIL_SIDE, height=THUMBNAIL_SIDE, size="down")
    path.write_bytes(small.jpegsave_buffer(Q=80, optimize_coding=True, keep="none"))


def framed(
    frame: pyvips.Image, *, frame_turn: int, side: str, gutter: float, turn: int
) -> tuple[pyvips.Image, dict[str, object]]:
    """The page's pixels, exactly those of the frame in another order, and how they were cut out of it, as
    Framing.to_json says it. The arguments are those of decode.Cut."""
    width, _ = turned_size((frame.width, frame.height), frame_turn)
    columns = columns_at(width, gutter, right=side == "right") if side else None
    image = _turned(frame, frame_turn)
    if columns:
        image = image.crop(columns[0], 0, columns[1] - columns[0], image.height)
    framing = {
        "frame_width": frame.width,
        "frame_height": frame.height,
        "frame_turn": frame_turn,
        "columns": columns,
        "turn": turn,
    }
    return _turned(image, turn), framing


def _turned(image: pyvips.Image, turns: int) -> pyvips.Image:
    # libvips turns by reading rows out of their order, which wants the pixels in memory.
    return image.copy_memory().rot(f"d{90 * (turns % 4)}") if turns % 4 else image
