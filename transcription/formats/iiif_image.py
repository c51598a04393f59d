"""IIIF Image API 3.0, level 1 and some of level 2: what a request for a part of a page means, and what a service says.

https://iiif.io/api/image/3.0/. Nothing is enlarged, and no answer is larger than MAX_SIDE and MAX_AREA.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from transcription.errors import BadInput

CONTEXT = "http://iiif.io/api/image/3/context.json"
PROFILE = "http://iiif.io/api/image/3/level1.json"
MAX_SIDE = 6_000
MAX_AREA = 24_000_000
TILE = 512
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png"}
QUALITIES = ("default", "color", "gray")

_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_PIXELS = re.compile(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})")
_PERCENT = re.compile(f"pct:{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}")
_SIZE = re.compile(r"(!?)(\d{0,9}),(\d{0,9})")
_SIZE_PERCENT = re.compile(f"pct:{_NUMBER}")


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A region in pixels of the page, cut to it, and the (width, height) in which it is asked for."""

    region: tuple[int, int, int, int]  # x, y, width, height
    size: tuple[int, int]
    quality: str
    format: str

    def canonical(self, page: tuple[int, int]) -> str:
        """The one way to write this request, as it stands behind the identifier."""
        whole = self.region == (0, 0, *page)
        region = "full" if whole else ",".join(map(str, self.region))
        size = "max" if self.size == largest(*self.region[2:]) else ",".join(map(str, self.size))
        return f"{region}/{size}/0/{self.quality}.{self.format}"


def parse_request(
    page: tuple[int, int], *, region: str, size: str, rotation: str, quality: str, format_: str
) -> ImageRequest:
    """What the parts of a request's path mean for a page of this size.

    Raises BadInput: ``wrong-request`` for what the API does not know or the page does not have, ``not-offered`` for
    what it knows and is not offered here.
    """
    if rotation not in {"0", "0.0"}:
        raise _not_offered(f"Rotation “{rotation[:20]}” is not offered here: ask for 0.")
    if quality not in QUALITIES:
        raise _not_offered(f"Quality “{quality[:20]}” is not offered here: ask for {', '.join(QUALITIES)}.")
    if format_ not in CONTENT_TYPES:
        raise _not_offered(f"Format “{format_[:20]}” is not offered here: ask for {' or '.join(CONTENT_TYPES)}.")
    found = _region(region, page)
    return ImageRequest(found, _size(size, *found[2:]), quality, format_)


def largest(width: int, height: int) -> tuple[int, int]:
    """The size in which a region of this size is given at most."""
    scale = min(1.0, MAX_SIDE / max(width, height), (MAX_AREA / (width * height)) ** 0.5)
    return max(1, int(width * scale)), max(1, int(height * scale))


def info(service: str, page: tuple[int, int]) -> dict[str, Any]:
    """The image information document of a page whose requests begin with ``service``."""
    width, height = page
    factors = [1]
    while max(width, height) / factors[-1] > TILE:
        factors.append(factors[-1] * 2)
    sizes = [(-(-width // factor), -(-height // factor)) for factor in reversed(factors)]
    return {
        "@context": CONTEXT,
        "id": service,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level1",
        "width": width,
        "height": height,
        "maxWidth": MAX_SIDE,
        "maxHeight": MAX_SIDE,
        "maxArea": MAX_AREA,
        "sizes": [{"width": w, "height": h} for w, h in sizes if (w, h) == largest(w, h)],
        "tiles": [{"width": TILE, "height": TILE, "scaleFactors": factors}],
        "preferredFormats": ["jpg"],
        "extraFormats": ["png"],
        "extraQualities": ["color", "gray"],
        "extraFeatures": [
            *("canonicalLinkHeader", "profileLinkHeader", "regionByPct", "sizeByConfinedWh", "sizeByPct"),
        ],
    }


def _region(text: str, page: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = page
    if text == "full":
        return 0, 0, width, height
    if text == "square":
        side = min(page)
        return (width - side) // 2, (height - side) // 2, side, side
    if pixels := _PIXELS.fullmatch(text):
        x, y, w, h = map(int, pixels.groups())
    elif percent := _PERCENT.fullmatch(text):
        left, top, across, down = (float(share) / 100 for share in percent.groups())
        x, y, w, h = round(left * width), round(top * height), round(across * width), round(down * height)
    else:
        raise _wrong(f"Region “{text[:40]}” is none: write full, square, x,y,w,h or pct:x,y,w,h.")
    if w < 1 or h < 1 or x >= width or y >= height:
        raise _wrong(f"Region “{text[:40]}” lies outside of the page, which is {width} × {height} pixels.")
    return x, y, min(w, width - x), min(h, height - y)


def _size(text: str, width: int, height: int) -> tuple[int, int]:
    """The size in which a region of ``width`` × ``height`` is asked for."""
    if text.startswith("^"):
        raise _not_offered("Nothing is enlarged here: ask without ^.")
    if text == "max":
        return largest(width, height)
    confined, across, down = "", 0, 0
    if percent := _SIZE_PERCENT.fullmatch(text):
        share = float(percent[1]) / 100
        across, down = round(share * width), round(share * height)
    elif (sides := _SIZE.fullmatch(text)) and (sides[2] or sides[3]):
        confined = sides[1]
        across, down = int(sides[2] or 0), int(sides[3] or 0)
        if confined:
            if not (sides[2] and sides[3]) or across < 1 or down < 1:
                raise _wrong(f"Size “{text[:40]}” is none: write both sides behind the !.")
            scale = min(across / width, down / height, 1.0)
            across, down = round(scale * width), round(scale * height)
        elif not sides[2]:
            across = max(1, round(width * down / height))
        elif not sides[3]:
            down = max(1, round(height * across / width))
    else:
        raise _wrong(f"Size “{text[:40]}” is none: write max, w,h or w, or ,h or !w,h or pct:n.")
    across, down = (max(1, side) if confined else side for side in (across, down))
    if across < 1 or down < 1:
        raise _wrong(f"Size “{text[:40]}” leaves nothing of the region.")
    if across > width or down > height:
        raise _wrong(f"Size “{text[:40]}” is larger than the region, {width} × {height}: nothing is enlarged here.")
    if max(across, down) > MAX_SIDE or across * down > MAX_AREA:
        raise _wrong(f"Size “{text[:40]}” is more than {MAX_SIDE} pixels a side or {MAX_AREA // 10**6} million in all.")
    return across, down


def _wrong(message: str) -> BadInput:
    return BadInput(message, code="wrong-request")


def _not_offered(message: str) -> BadInput:
    return BadInput(message, code="not-offered")
