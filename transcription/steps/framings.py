"""Which image a page shows, which one its layouts' pixels are of, and where its files are."""

from __future__ import annotations

from transcription.formats.decode import Cut
from transcription.htr.framing import Framing
from transcription.models import Layout, Page, Part

_SIDES = {Part.WHOLE: "", Part.LEFT: "left", Part.RIGHT: "right"}


def framing_of(page: Page) -> Framing:
    """How the image that is stored for ``page`` was cut out of its frame; it may be about to be made anew."""
    return Framing.from_json(page.transform, (page.width or 1, page.height or 1))


def framing_of_layout(layout: Layout, page: Page) -> Framing:
    """The image whose pixels a layout's geometries are; of those of before there were turns it is the whole frame."""
    return Framing.from_json(layout.framing, framing_of(page).size)


def cut_of(page: Page) -> Cut:
    """What of its frame ``page`` is to show."""
    gutter = 0.5 if page.gutter is None else page.gutter
    return Cut(page.frame_turn, _SIDES[Part(page.part)], gutter, page.turn)


def pyramid_name(page: Page, image: int) -> str:
    """A name for each image of a page: what browsers and engines keep of an earlier one stays true to its name."""
    return f"pages/{page.pk % 256:02x}/{page.pk}{f'-{image}' if image else ''}.tif"


def thumbnail_name(page: Page, image: int) -> str:
    return pyramid_name(page, image).removesuffix(".tif") + ".thumb.jpg"


def image_files(page: Page) -> set[str]:
    """Every file that may have been stored for the page, by workers that were lost in the middle too."""
    every = range(page.image + 1)
    names = {name(page, image) for image in every for name in (pyramid_name, thumbnail_name)}
    return names | ({page.pyramid, page.thumbnail} - {""})
