"""The grey of a stored page, straight from the JPEG tiles of its pyramid.

JPEG keeps brightness apart from colour: decoded by itself it costs a quarter of what the colours and a conversion
afterwards do, and is the same to a level in one pixel of ten thousand. Tiles stored as red, green and blue, as
pyramids used to be, are read as well, at half the cost.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS, _TABLES = 256, 257, 322, 323, 324, 325, 347
_BIG_TIFF = 43
_DAMAGES = (OSError, KeyError, ValueError, SyntaxError, TypeError, cv2.error)  # what a damaged file raises


class BadTiles(Exception):
    """The file is missing, damaged or none of ours."""


def read_luma(pyramid: Path, level: int) -> NDArray[np.uint8]:
    """A level of a pyramid that ``pyramid_writer`` wrote, 0 being full size, in grey as Rec. 601 has it, (H, W).

    Raises BadTiles and MemoryError.
    """
    try:
        with pyramid.open("rb") as file:
            return _read(file, level)
    except _DAMAGES as error:
        raise BadTiles(str(error)) from error


def _read(file: BinaryIO, level: int) -> NDArray[np.uint8]:
    tags = _directory(file, level)
    width, height, across, down = (int(tags[tag]) for tag in (_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT))
    tables = tags[_TABLES][:-2]  # the marker that ends them would end the picture
    page = np.empty((height, width), np.uint8)
    corners = [(y, x) for y in range(0, height, down) for x in range(0, width, across)]
    for (y, x), offset, count in zip(corners, tags[_OFFSETS], tags[_COUNTS], strict=True):
        file.seek(offset + 2)  # behind the marker that begins a picture: the tables have one
        data = file.read(count - 2)
        tile = cv2.imdecode(np.frombuffer(tables + data, np.uint8), cv2.IMREAD_GRAYSCALE)
        if tile is None or tile.shape != (down, across) or len(data) != count - 2:
            raise ValueError(f"The tile at {(x, y)} cannot be decoded.")
        page[y : y + down, x : x + across] = tile[: height - y, : width - x]
    return page


def _directory(file: BinaryIO, number: int) -> ImageFileDirectory_v2:
    """The tags of one image of the file."""
    header = file.read(8)
    if header[2:3] and header[2] == _BIG_TIFF:
        header += file.read(8)
    tags = ImageFileDirectory_v2(header)
    for _ in range(number + 1):
        if not tags.next:
            raise ValueError(f"There is no image {number}.")
        file.seek(tags.next)
        tags.load(file)
    return tags
