from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from transcription.errors import PermanentError
from transcription.formats import pyramid as pyramids
from transcription.formats.decode import extract
from transcription.formats.pyramid_writer import write_pyramid


@pytest.fixture(scope="module", params=[(1001, 777, "RGB"), (1024, 512, "L"), (333, 2050, "L"), (90, 40, "RGB")])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Image.Image]:
    """A smooth picture in which each place has its own colour, and its pyramid."""
    width, height, mode = request.param
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    image = Image.fromarray(np.dstack([x, y, (x + y) / 2]).astype(np.uint8)).convert(mode)
    folder = tmp_path_factory.mktemp("pyramid")
    image.save(folder / "a.png")
    extract(folder / "a.png", "a.png", 0, folder / "p.tif", folder / "t.jpg")
    return folder / "p.tif", image


def test_deep_zoom_tiles_put_together_are_the_picture_at_every_level(stored: tuple[Path, Image.Image]) -> None:
    path, image = stored
    width, height = pyramids.dzi_size(path)
    assert (width, height) == image.size
    top = pyramids.dzi_max_level(width, height)
    assert 2 ** (top - 1) < max(width, height) <= 2**top
    for level in range(top + 1):
        level_width, level_height = -(-width // 2 ** (top - level)), -(-height // 2 ** (top - level))
        canvas = np.full((level_height, level_width), -1, np.int16)
        for row in range(-(-level_height // 254)):
            for column in range(-(-level_width // 254)):
                tile = Image.open(io.BytesIO(pyramids.dzi_tile(path, level, column, row))).convert("L")
                x, y = max(0, column * 254 - 1), max(0, row * 254 - 1)
                assert tile.width == min(level_width, column * 254 + 255) - x
                assert tile.height == min(level_height, row * 254 + 255) - y
                canvas[y : y + tile.height, x : x + tile.width] = np.asarray(tile)
        assert canvas.min() >= 0
        expected = np.asarray(image.convert("L").resize((level_width, level_height), Image.Resampling.BOX), np.int16)
        assert np.abs(canvas - expected).mean() < 6, level


@pytest.mark.parametrize(("level", "column", "row"), [(99, 0, 0), (-1, 0, 0), (5, 9, 0), (5, 0, -1), (0, 1, 0)])
def test_tiles_that_are_not_there_are_refused(
    stored: tuple[Path, Image.Image], level: int, column: int, row: int
) -> None:
    with pytest.raises(PermanentError) as raised:
        pyramids.dzi_tile(stored[0], level, column, row)
    assert raised.value.code == "no-such-region"


@pytest.mark.parametrize("max_side", [None, 5000, 700, 300, 60])
def test_grey_pages_come_at_the_asked_scale(stored: tuple[Path, Image.Image], max_side: int | None) -> None:
    path, image = stored
    gray, scale = pyramids.read_gray(path, max_side)
    assert gray.dtype == np.uint8
    assert scale == min(1.0, max_side / max(image.size)) if max_side else scale == 1.0
    assert gray.shape == (max(1, round(image.height * scale)), max(1, round(image.width * scale)))
    expected = image.convert("L").resize((gray.shape[1], gray.shape[0]), Image.Resampling.BOX)
    assert np.abs(gray.astype(int) - np.asarray(expected, int)).mean() < 3


@pytest.mark.parametrize("quality", [None, 90])
def test_the_grey_of_a_colour_page_is_that_of_its_colours_however_they_are_stored(
    tmp_path: Path, quality: int | None
) -> None:
    """Brightness apart from colour as pyramids are written, and red, green and blue as they used to be."""
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 256, (40, 53, 3)).astype(np.uint8)
    pixels = np.asarray(Image.fromarray(noise).resize((530, 400), Image.Resampling.BICUBIC))
    path = tmp_path / "p.tif"
    image = pyvips.Image.new_from_array(pixels)
    if quality is None:
        write_pyramid(image, path)
    else:
        image.tiffsave(
            str(path), tile=True, tile_width=256, tile_height=256, pyramid=True, compression="jpeg", Q=quality
        )
    with Image.open(path) as stored:
        assert stored.tag_v2[262] == (6 if quality is None else 2)
    gray = pyramids.read_gray(path)[0].astype(int)
    colours = pyramids.read_rgb_region(path, 0, 0, 530, 400) @ np.array([0.299, 0.587, 0.114])
    exact = pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(gray - colours).max() <= (8 if quality is None else 1), "clipped colours have another grey"
    assert np.abs(gray - exact).mean() < 2


@pytest.mark.parametrize("at", [0.2, 0.6])
def test_a_pyramid_that_is_cut_off_is_said_to_be_damaged(tmp_path: Path, at: float) -> None:
    path = tmp_path / "p.tif"
    write_pyramid(pyvips.Image.new_from_array(np.random.default_rng(1).integers(0, 256, (700, 600, 3), np.uint8)), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * at)])
    with pytest.raises(PermanentError) as raised:
        pyramids.read_gray(path)
    assert raised.value.code == "pyramid-unreadable"


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.3])
def test_regions_are_where_they_were_asked_for(stored: tuple[Path, Image.Image], scale: float) -> None:
    path, image = stored
    x, y, width, height = image.width // 3, image.height // 4, image.width // 2, image.height // 3
    region = pyramids.read_rgb_region(path, x, y, width, height, scale)
    assert region.shape == (round(height * scale), round(width * scale), 3)
    gray = pyramids.read_gray_region(path, x, y, width, height, scale)
    expected = image.convert("RGB").crop((x, y, x + width, y + height)).resize(region.shape[1::-1])
    assert np.abs(region.astype(int) - np.asarray(expected, int)).mean() < 6
    assert np.abs(gray.astype(int) - np.asarray(expected.convert("L"), int)).mean() < 6


def test_regions_are_cut_where_the_page_ends(stored: tuple[Path, Image.Image]) -> None:
    path, image = stored
    assert pyramids.read_rgb_region(path, -50, -20, 70, 40).shape == (20, 20, 3)
    strip = Image.open(io.BytesIO(pyramids.region_jpeg(path, 0, 10, 10_000, 20, max_width=80)))
    assert strip.width <= 80
    with pytest.raises(PermanentError):
        pyramids.read_rgb_region(path, image.width, 0, 10, 10)


def test_a_replaced_pyramid_is_read_anew(tmp_path: Path) -> None:
    for shade in (0, 255):
        Image.new("L", (300, 300), shade).save(tmp_path / "a.png")
        extract(tmp_path / "a.png", "a.png", 0, tmp_path / "p.tif", tmp_path / "t.jpg")
        assert abs(int(pyramids.read_gray(tmp_path / "p.tif")[0].mean()) - shade) < 2


@pytest.mark.parametrize("content", [None, b"", b"II*\x00 damaged"])
def test_a_missing_or_damaged_pyramid_is_said_to_be_so(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "p.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PermanentError) as raised:
        pyramids.read_gray(path)
    assert raised.value.code == "pyramid-unreadable"
