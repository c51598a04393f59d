"""Reading stored pages: grey pages for segmenters, regions for engines, Deep Zoom tiles for the viewer.

All take the pyramid TIFF that ``pyramid_writer`` wrote and touch only the tiles they need. They raise PermanentError
with code ``pyramid-unreadable`` where it is missing or damaged, and ``no-such-region`` for what is not on the page;
OutOfMemory where libvips had too little.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pyvips

from transcription.errors import OutOfMemory, PermanentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# libvips would keep files open and serve what it once read from a path after the file there was replaced.
pyvips.cache_set_max(0)

DZI_TILE, DZI_OVERLAP = 254, 1
_TILE_QUALITY = 85
_LUMA = [[0.299, 0.587, 0.114]]  # Rec. 601, as Pillow and OpenCV make grey


def size(pyramid: Path) -> tuple[int, int]:
    """Return the page's (width, height)."""
    with _reading(pyramid):
        image = _level(pyramid, 0)
        return image.width, image.height


def read_gray(pyramid: Path, max_side: int | None = None) -> tuple[NDArray[np.uint8], float]:
    """Return the page in grey, (H, W), and its scale: a point of the page times ``scale`` is a point of the array.

    The long side is at most ``max_side``; pages are never enlarged.
    """
    width, height = size(pyramid)
    scale = 1.0 if max_side is None else min(1.0, max_side / max(width, height))
    with _reading(pyramid):
        image = _luma(_level_for(pyramid, scale))
        return _array(_exactly(image, _scaled(width, scale), _scaled(height, scale))), scale


def read_gray_region(pyramid: Path, x: int, y: int, width: int, height: int, scale: float = 1.0) -> NDArray[np.uint8]:
    """Return a part of the page in grey, (round(height · scale), round(width · scale)), cut where the page ends."""
    with _reading(pyramid):
        return _array(_luma(_region(pyramid, x, y, width, height, scale)))


def read_rgb_region(pyramid: Path, x: int, y: int, width: int, height: int, scale: float = 1.0) -> NDArray[np.uint8]:
    """Return a part of the page in sRGB, (round(height · scale), round(width · scale), 3), cut where the page ends."""
    with _reading(pyramid):
        image = _region(pyramid, x, y, width, height, scale)
        return _array(image if image.bands == 3 else image.bandjoin([image, image]))


def region_jpeg(
    pyramid: Path, x: int, y: int, width: int, height: int, *, max_width: int = 2000, max_height: int = 2000
) -> bytes:
    """Return a part of the page as JPEG, reduced to fit; a line's strip for the editor is its polygon's box."""
    with _reading(pyramid):
        scale = min(1.0, max_width / max(1, width), max_height / max(1, height))
        return _jpeg(_region(pyramid, x, y, width, height, scale))


def region_encoded(
    pyramid: Path, region: tuple[int, int, int, int], size: tuple[int, int], *, gray: bool = False, png: bool = False
) -> bytes:
    """Return the part (x, y, width, height) of the page in exactly ``size``, as JPEG or PNG of pixels alone."""
    x, y, width, height = region
    with _reading(pyramid):
        image = _exactly(_cut(pyramid, x, y, width, height, max(size[0] / width, size[1] / height)), *size)
        image = _luma(image) if gray else image
        return cast(bytes, image.pngsave_buffer(compression=6, keep="none")) if png else _jpeg(image)


def gray_jpeg(image: NDArray[np.uint8]) -> bytes:
    """A grey image (H, W) as JPEG, fine enough that single pixels are what they were."""
    return cast(bytes, pyvips.Image.new_from_array(image, interpretation="b-w").jpegsave_buffer(Q=92, keep="none"))


def dzi_size(pyramid: Path) -> tuple[int, int]:
    """Return what the Deep Zoom descriptor needs: the page's (width, height)."""
    return size(pyramid)


def dzi_max_level(width: int, height: int) -> int:
    """Return the number of the level at full size; level 0 is one pixel."""
    return (max(width, height) - 1).bit_length()


def dzi_tile(
    pyramid: Path, level: int, column: int, row: int, tile_size: int = DZI_TILE, overlap: int = DZI_OVERLAP
) -> bytes:
    """Return one Deep Zoom tile as JPEG. Tiles overlap their neighbours by ``overlap`` pixels on inner sides."""
    with _reading(pyramid):
        image = _level(pyramid, 0)
        halvings = dzi_max_level(image.width, image.height) - level
        if level < 0 or halvings < 0 or column < 0 or row < 0:
            raise _no_such_region()
        width, height = -(-image.width >> halvings), -(-image.height >> halvings)
        left, right = _tile_span(column, width, tile_size, overlap)
        top, bottom = _tile_span(row, height, tile_size, overlap)
        if halvings:
            levels = image.get_n_pages()
            image = _level(pyramid, min(halvings, levels - 1))
            if halvings >= levels:
                image = _exactly(image, width, height)
        return _jpeg(_crop_extended(image, left, top, right - left, bottom - top))


def _tile_span(number: int, length: int, tile_size: int, overlap: int) -> tuple[int, int]:
    start = number * tile_size
    if start >= length:
        raise _no_such_region()
    return max(0, start - overlap), min(length, start + tile_size + overlap)


def _crop_extended(image: pyvips.Image, left: int, top: int, width: int, height: int) -> pyvips.Image:
    """Crop; the pyramid rounds odd sides down and Deep Zoom up, so the last row or column may have to be doubled."""
    left, top = min(left, image.width - 1), min(top, image.height - 1)
    inside = image.crop(left, top, min(width, image.width - left), min(height, image.height - top))
    if (inside.width, inside.height) == (width, height):
        return inside
    return inside.embed(0, 0, width, height, extend="copy")


def _region(pyramid: Path, x: int, y: int, width: int, height: int, scale: float) -> pyvips.Image:
    page = _level(pyramid, 0)
    left, top = max(0, x), max(0, y)
    right, bottom = min(page.width, x + width), min(page.height, y + height)
    cut = _cut(pyramid, x, y, width, height, scale)
    return _exactly(cut, _scaled(right - left, scale), _scaled(bottom - top, scale))


def _cut(pyramid: Path, x: int, y: int, width: int, height: int, scale: float) -> pyvips.Image:
    """A part of the page, cut where the page ends, on the smallest level that is not smaller than ``scale``."""
    page = _level(pyramid, 0)
    left, top = max(0, x), max(0, y)
    right, bottom = min(page.width, x + width), min(page.height, y + height)
    if right <= left or bottom <= top or scale <= 0:
        raise _no_such_region()
    image = _level_for(pyramid, scale)
    across, down = image.width / page.width, image.height / page.height
    start_x, start_y = int(left * across), int(top * down)
    end_x = min(image.width, max(start_x + 1, -int(-right * across // 1)))
    end_y = min(image.height, max(start_y + 1, -int(-bottom * down // 1)))
    start_x, start_y = min(start_x, end_x - 1), min(start_y, end_y - 1)
    return image.crop(start_x, start_y, end_x - start_x, end_y - start_y)


def _level_for(pyramid: Path, scale: float) -> pyvips.Image:
    """The smallest level that is not smaller than ``scale``."""
    full = _level(pyramid, 0)
    levels = full.get_n_pages() if full.get_typeof("n-pages") else 1
    halvings = 0
    while halvings + 1 < levels and 0.5 ** (halvings + 1) >= scale:
        halvings += 1
    return _level(pyramid, halvings) if halvings else full


def _exactly(image: pyvips.Image, width: int, height: int) -> pyvips.Image:
    if (image.width, image.height) == (width, height):
        return image
    return image.thumbnail_image(width, height=height, size="force")


def _scaled(length: int, scale: float) -> int:
    return max(1, round(length * scale))


def _luma(image: pyvips.Image) -> pyvips.Image:
    if image.bands == 1:
        return image
    return image.recomb(_LUMA).rint().cast("uchar").copy(interpretation="b-w")


def _array(image: pyvips.Image) -> NDArray[np.uint8]:
    return cast("NDArray[np.uint8]", image.numpy())


def _jpeg(image: pyvips.Image) -> bytes:
    return cast(bytes, image.jpegsave_buffer(Q=_TILE_QUALITY, keep="none"))


def _level(pyramid: Path, halvings: int) -> pyvips.Image:
    return pyvips.Image.tiffload(str(pyramid), page=halvings)


@contextmanager
def _reading(pyramid: Path) -> Iterator[None]:
    try:
        yield
    except pyvips.Error as error:
        if "out of memory" in str(error):
            raise OutOfMemory(f"There is not enough memory for the stored image {pyramid.name}.") from error
        raise PermanentError(
            f"The stored image {pyramid.name} is missing or damaged: prepare its page again.", code="pyramid-unreadable"
        ) from error


def _no_such_region() -> PermanentError:
    return PermanentError("The page has no such region: the request lies outside of it.", code="no-such-region")
