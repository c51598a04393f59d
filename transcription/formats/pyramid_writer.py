"""The stored form of a page: a tiled pyramid TIFF, and a thumbnail. Nothing of the original but its pixels."""

from __future__ import annotations

from pathlib import Path

import pyvips

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
