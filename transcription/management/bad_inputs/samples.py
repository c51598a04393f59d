"""Whole files of every kind that comes in, small: what is broken, flipped and cut."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 480, 360
PAGE_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
ALTO_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"


def picture(seed: int = 7, mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """Paper with noise, so that every byte of a file counts."""
    noise = np.random.default_rng(seed).integers(150, 255, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(noise).convert(mode)


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def samples() -> dict[str, bytes]:
    """A sound file of each kind by its name; every one of them is taken and read."""
    pages = [picture(seed, "1") for seed in (1, 2, 3)]
    deep = Image.fromarray(np.random.default_rng(5).integers(0, 65_535, (HEIGHT, WIDTH), np.uint16))
    files = {
        "sample.jpg": encoded(picture(11), "JPEG", quality=80),
        "progressive.jpg": encoded(picture(12), "JPEG", quality=80, progressive=True),
        "sample.png": encoded(picture(13, "L"), "PNG"),
        "several pages, G4.tif": encoded(
            pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4"
        ),
        "LZW.tif": encoded(picture(14, "L"), "TIFF", compression="tiff_lzw"),
        "16 bit.tif": encoded(deep, "TIFF"),
        "CMYK.tif": encoded(picture(15, "CMYK"), "TIFF"),
        "sample.jp2": encoded(picture(16, "L"), "JPEG2000"),
        "sample.webp": encoded(picture(17), "WEBP", quality=70),
        "sample.heic": _heic(picture(18)),
        "sample.pdf": encoded(picture(19), "PDF", save_all=True, append_images=[picture(20)], resolution=150),
    }
    files["sample.zip"] = packed({"a/1.jpg": encoded(picture(21), "JPEG"), "b/2.png": encoded(picture(22, "L"), "PNG")})
    return files | {
        "page.xml": page_xml("Mary daughter of John Carter"),
        "alto.xml": alto("Thomas son of William Hale"),
        "plain.txt": b"Baptisms in the parish of Whitcombe\nMary daughter of John Carter\n",
    }


def packed(files: dict[str, bytes] | dict[zipfile.ZipInfo, bytes], *, stored: bool = False) -> bytes:
    """A ZIP archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def page_xml(text: str, *, before: str = "", image: str = "sample.jpg") -> bytes:
    line = f"<TextLine id='l'><TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>"
    region = f"<TextRegion id='r'>{line}</TextRegion>"
    page = f"<Page imageFilename='{image}' imageWidth='{WIDTH}' imageHeight='{HEIGHT}'>{region}</Page>"
    return f"<?xml version='1.0' encoding='UTF-8'?>{before}<PcGts xmlns='{PAGE_NAMESPACE}'>{page}</PcGts>".encode()


def alto(text: str, *, before: str = "") -> bytes:
    words = "".join(f"<String CONTENT='{word}'/>" for word in text.split())
    space = f"<PrintSpace><TextBlock><TextLine>{words}</TextLine></TextBlock></PrintSpace>"
    layout = f"<Layout><Page WIDTH='{WIDTH}' HEIGHT='{HEIGHT}'>{space}</Page></Layout>"
    return f"<?xml version='1.0' encoding='UTF-8'?>{before}<alto xmlns='{ALTO_NAMESPACE}'>{layout}</alto>".encode()


def _heic(image: Image.Image) -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return encoded(image, "HEIF", quality=60)
